"""The examples of docs/dblink.md run, one behind the other, as the page promises."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from purelink.dblink import current_session, use_session
from purelink.testing.programs import ProgramsMissing
from purelink.testing.server import HBA_SCRAM, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.server

PAGE = Path(__file__).resolve().parents[2] / "docs" / "dblink.md"
SETUP = """
create role dblink_regression_test login password 'secret';
create database contrib_regression;
\\c contrib_regression
create table foo (f1 int, f2 text, f3 text[], primary key (f1, f2));
insert into foo select n, chr(97 + n), array['a' || n, 'b' || n, 'c' || n]
    from generate_series(0, 10) n;
grant select on foo to dblink_regression_test;
"""


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server on which `dbname=postgres` is enough to get in, for a superuser's session."""
    try:
        with Server(hba=HBA_SCRAM, setup=SETUP) as server:
            monkeypatch.setenv("PGHOST", server.host)
            monkeypatch.setenv("PGPORT", str(server.port))
            monkeypatch.setenv("PGUSER", server.superuser)
            monkeypatch.setenv("PGPASSWORD", server.password)
            yield server
    except ProgramsMissing as missing:
        pytest.skip(f"no server: {missing}")


@pytest.mark.usefixtures("stage")
def test_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    try:
        reader: Any = importlib.import_module("tomllib")
    except ImportError:
        reader = None  # before 3.11 a catalog is read with the package tomli
    names: dict[str, Any] = {"tomllib": reader}
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert len(blocks) > 10
    try:
        for block in blocks:
            line = page[: page.index(block)].count("\n")
            exec(compile("\n" * line + block, str(PAGE), "exec"), names)
    finally:
        current_session().close()
        use_session(None)
        names["local"].close()


def test_the_table_of_rules_is_whole() -> None:
    """Every argument of `ConnectPolicy` stands in it."""
    import inspect

    from purelink import ConnectPolicy

    page = PAGE.read_text(encoding="utf-8")
    table = page[page.index("| rule | argument") : page.index("An address is judged")]
    for name in inspect.signature(ConnectPolicy).parameters:
        assert f"`{name}`" in table or name == "foreign_servers", name
