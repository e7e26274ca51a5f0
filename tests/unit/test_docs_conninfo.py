"""The examples of docs/conninfo.md and docs/testing.md run, as their pages promise."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_conninfo_page() -> None:
    failed, tried = doctest.testfile(str(DOCS / "conninfo.md"), module_relative=False)
    assert tried > 15
    assert failed == 0


def examples() -> dict[str, Any]:
    """Return the functions that the page on testing defines, block after block."""
    page = (DOCS / "testing.md").read_text(encoding="utf-8")
    section = page[page.index("## Connection strings") :]
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```", section, re.DOTALL | re.MULTILINE):
        exec(compile(block, "docs/testing.md", "exec"), names)
    return {name: each for name, each in names.items() if name.startswith("test_")}


@pytest.mark.parametrize("name", examples())
def test_testing_page(name: str) -> None:
    examples()[name]()
