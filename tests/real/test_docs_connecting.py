"""The examples of docs/connecting.md run, one behind the other, as the page promises."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

    from purelink.testing.server import Server, TLSFiles

PAGE = Path(__file__).resolve().parents[2] / "docs" / "connecting.md"


def test_the_page(tls_server: Server, tls_files: TLSFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "localhost")
    monkeypatch.setenv("PGPORT", str(tls_server.port))
    monkeypatch.setenv("PGUSER", str(tls_server.superuser))
    monkeypatch.setenv("PGPASSWORD", str(tls_server.password))
    monkeypatch.setenv("PGSSLROOTCERT", str(tls_files.authority))
    page = PAGE.read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert len(blocks) > 6
    for block in blocks:
        line = page[: page.index(block)].count("\n")
        exec(compile("\n" * line + block, str(PAGE), "exec"), names)
    assert names["connection"].closed


def test_the_recipes_are_python() -> None:
    """What needs a stranger's server is compiled, at least."""
    page = PAGE.read_text(encoding="utf-8")
    recipes = re.findall(r"^```py\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert len(recipes) > 5
    for recipe in recipes:
        compile(recipe, str(PAGE), "exec")
