"""The examples of docs/dbapi.md run, one behind the other, as the page promises."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

    from tests.conftest import AnyServer

PAGE = Path(__file__).resolve().parents[2] / "docs" / "dbapi.md"


def test_the_page(server: AnyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", str(server.host))
    monkeypatch.setenv("PGPORT", str(server.port))
    monkeypatch.setenv("PGUSER", str(server.superuser))
    monkeypatch.setenv("PGPASSWORD", str(server.password))
    page = PAGE.read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert len(blocks) > 15
    for block in blocks:
        line = page[: page.index(block)].count("\n")
        exec(compile("\n" * line + block, str(PAGE), "exec"), names)
    assert names["connection"].closed
