"""The examples of the pages on other people's packages run, one behind the other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import AnyServer

DOCS = Path(__file__).resolve().parents[2] / "docs"
#: page -> what it needs, and how many examples it has
PAGES = {
    "sqlalchemy.md": (("sqlalchemy",), 4),
    "pgbouncer.md": ((), 1),
    "frames.md": (("pandas", "polars", "pyarrow", "sqlalchemy"), 4),
}


@pytest.mark.parametrize("page", PAGES)
def test_the_page(server: AnyServer, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    needs, count = PAGES[page]
    for package in needs:
        pytest.importorskip(package, reason=f"{package} is not installed")
    if "sqlalchemy" in needs:
        import purelink.sqlalchemy

        purelink.sqlalchemy.register()
    for name in ("HOST", "PORT"):
        monkeypatch.setenv(f"PG{name}", str(getattr(server, name.lower())))
    monkeypatch.setenv("PGUSER", str(server.superuser))
    monkeypatch.setenv("PGPASSWORD", str(server.password))
    monkeypatch.setenv("PGDATABASE", "postgres")
    text = (DOCS / page).read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert len(blocks) == count
    for block in blocks:
        line = text[: text.index(block)].count("\n")
        exec(compile("\n" * line + block, str(DOCS / page), "exec"), names)
