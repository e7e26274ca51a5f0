"""Columns of types that only the local database knows: domains, enums; like the extension."""

from __future__ import annotations

from typing import Any, Iterator

import pytest

from tests.conformance.dblink_pair import FACES, Real, Side, played, psycopg
from tests.conformance.test_dblink_live_catalog import Live

pytestmark = pytest.mark.server

SETUP = """
create domain posint as int check (value > 0);
create domain bigger as posint check (value > 10);
create domain short as varchar(3);
create domain filled as text not null;
create type mood as enum ('sad', 'ok');
create schema odd;
create domain odd."My Int" as int check (value < 5);
"""
DROP = """
drop domain if exists bigger; drop domain if exists posint; drop domain if exists short;
drop domain if exists filled; drop type if exists mood; drop schema if exists odd cascade;
"""


@pytest.fixture(autouse=True)
def _types(server: Any) -> Iterator[None]:
    with psycopg.connect(server.dsn, dbname="loc", autocommit=True) as connection:
        connection.add_notice_handler(lambda _: None)
        connection.execute(DROP)
        connection.execute(SETUP)
        yield
        connection.execute(DROP)


def script(d: Side) -> None:
    d.connect("c", d.CS).gives("OK")
    d.rows("c", "select 1, 'ok'", columns="a posint, b mood").gives(("1", "ok"))
    d.rows("c", "select 20", columns="a bigger").gives(("20",))
    for value in ("0", "5", "-1"):
        d.rows("c", f"select {value}", columns="a bigger")
    d.rows("c", "select null::int", columns="a posint").gives((None,))
    d.rows("c", "select null::text", columns="a filled")
    d.rows("c", "select 'x'", columns="a posint")
    d.rows("c", "select 'glad'", columns="a mood")
    d.rows("c", "select 'abcd'", columns="a short")
    d.rows("c", "select 'abc'", columns="a short").gives(("abc",))
    d.rows("c", "select 4", columns='a odd."My Int"').gives(("4",))
    d.rows("c", "select 7", columns='a odd."My Int"')
    d.rows("c", "select 1", columns="a nosuch").raises("42704", 'type "nosuch" does not exist')
    d.rows("c", "select g - 5 from generate_series(1, 6000) g", columns="a posint")
    d.rows("c", "select g from generate_series(1, 6000) g", columns="a posint")
    d.rows("c", r"""select 'a"b\c,{}', ''""", columns="a filled, b filled")
    d.send("c", "select -1")
    d.result("c", columns="a posint")
    d.result("c", columns="a posint").gives()
    d.exec("c", "begin")
    d.open("c", "k", "select generate_series(1, 3) - 2").gives("OK")
    d.fetch("c", "k", 2, columns="a posint")
    d.fetch("c", "k", 2, columns="a posint").gives(("1",))


@pytest.mark.parametrize("face", FACES)
def test_like_the_extension(face: str, server: Any) -> None:
    real, ours = played(Real(server), script), played(Live(server, face, "set role"), script)
    for expected, found in zip(real, ours):
        if expected.error is not None and expected.error.sqlstate == "42704":
            continue  # psycopg tells a position in its own text
        assert found == expected, f"\n  real: {expected}\n  ours: {found}"
    assert len(real) == len(ours)


@pytest.mark.parametrize("face", FACES)
def test_gathered(face: str, server: Any) -> None:
    live = Live(server, face, "set role")
    try:
        for name in ("a", "b"):
            live.connect(name, live.CS).gives("OK")
        results = live.session.gather(None, {"a": "select 1", "b": "select -1"}, columns="n posint")
        found = {one.name: one for one in live.finish(results.fetchall())}
        assert found["a"].result() == [(1,)]
        assert found["b"].error.sqlstate == "23514"
    finally:
        live.close()
