"""A database that somebody else prepared: what stands in its search_path, its names, its values.

The classes of incident that need a real server; `tests/unit/test_wire_checks.py` has the index.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import pytest

import purelink
from purelink.errors import ProgrammingError
from tests.real.cli import Shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.both import Door
    from tests.conftest import AnyServer

pytestmark = pytest.mark.server

#: operators and functions of pg_catalog that another schema has, too, and that must not be called
OPERATORS = (
    ("=", "oid", "oid"), (">=", "oid", "int4"), (">=", "oid", "oid"), (">", "int2", "int4"),
    ("=", "name", "name"), ("=", "name", "text"), ("=", '"char"', '"char"'), ("=", "text", "text"),
    ("<>", "oid", "oid"), ("=", "int2", "int2"), ("=", "int4", "int4"),
)  # fmt: skip
FUNCTIONS = (
    "lo_open(oid, int4)", "lo_lseek64(int4, int8, int4)", "lo_close(int4)", "lo_unlink(oid)",
    "lo_truncate64(int4, int8)", "lo_create(oid)", "lo_get(oid, int8, int4)",
    "lo_put(oid, int8, bytea)", "current_setting(text)", "current_setting(text, bool)",
    "quote_ident(text)", "quote_ident(name)", "format_type(oid, int4)", "to_regtype(text)",
    "pg_table_is_visible(oid)", "has_table_privilege(oid, text)", "pg_is_in_recovery()",
)  # fmt: skip
TYPES = ("oid", "text", "int8", "int4", "name", "regtype", "regclass", "int2")


def traps() -> str:
    lines = ["drop schema if exists traps cascade; create schema traps;"]
    boom = "language plpgsql as $$ begin raise exception 'trapped'; end $$;"
    for number, (sign, left, right) in enumerate(OPERATORS):
        sides = f"leftarg = {left}, rightarg = {right}"
        lines += [
            f"create function traps.op{number}({left}, {right}) returns bool {boom}",
            f"create operator traps.{sign} ({sides}, function = traps.op{number});",
        ]
    lines += [f"create function traps.{each} returns int8 {boom}" for each in FUNCTIONS]
    lines += [f"create domain traps.{each} as pg_catalog.bool check (false);" for each in TYPES]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def trapped(server: AnyServer) -> Iterator[str]:
    """The DSN's options that put the traps first."""
    with purelink.connect(server.dsn, autocommit=True) as connection:
        connection.script(traps())
        connection.script(
            "drop schema if exists kept cascade; create schema kept;"
            "create type kept.mood as enum ('sad', 'ok');"
            "create type kept.pair as (feels kept.mood, n int);"
            "create domain kept.small as int check (value < 10);"
            "create type kept.span as range (subtype = float8);"
            "create table kept.keyed (a int primary key, b pg_catalog.text);"
            "insert into kept.keyed values (1, 'one'); drop role if exists trapped;"
            "create role trapped"
        )
        yield "-csearch_path=traps,pg_catalog,kept"
        connection.script("drop schema traps cascade; drop schema kept cascade; drop role trapped")


def test_check_201_a_hostile_search_path(door: Door, trapped: str) -> None:
    connection = door.connect(options=trapped, target_session_attrs="primary")
    with pytest.raises(purelink.DatabaseError, match="trapped"):
        connection.query("select oid = oid from pg_class")  # the traps are set
    for name in ("mood", "pair", "small", "span", "mood[]"):
        door.call(connection.types.fetch, name)
    assert connection.query("select '(ok,1)'::pair").scalar().feels == "ok"
    with connection.transaction(), connection.large_object(mode="w+") as made:
        made.write(b"twelve bytes")
        assert made.seek(0, 2) == 12
        made.truncate(6)
        made.seek(0)
        assert made.read() == b"twelve"
    with connection.transaction(), connection.large_object(made.oid, "a") as again:
        assert again.tell() == 6
    connection.remove_large_object(made.oid)
    connection.change_password("new", "trapped")
    assert connection.tpc_recover() == []


def test_a_hostile_search_path_for_a_session(server: AnyServer, trapped: str) -> None:
    with (
        purelink.connect(server.dsn, autocommit=True, options=trapped) as local,
        purelink.Session(local=local, superuser=None) as session,
    ):
        assert session.dblink_get_pkey("kept.keyed") == [(1, "a")]
        made = session.dblink_build_sql_insert("kept.keyed", "1", 1, ["1"], ["2"])
        assert made == "INSERT INTO keyed(a,b) VALUES('2','one')"
        session.dblink_connect("link", server.dsn)
        rows = session.dblink("link", "select 'sad'", columns="feels kept.mood")
        assert rows.fetchall() == [("sad",)]


@pytest.mark.parametrize("value", [-1, "-1", "1) or (1=1", "x'; drop table t; --", "\\'; --"])
def test_placeholders_are_the_servers(connection: Any, value: Any) -> None:
    """A value is never put into the text, so that none can end a literal or begin a comment."""
    if isinstance(value, int):
        assert connection.execute("select 1-%s", (value,)).fetchone() == (2,)
        assert connection.execute("select 1-%(n)s, 5 -- %%\n", {"n": value}).fetchone() == (2, 5)
    else:
        assert connection.execute("select %s::text", (value,)).fetchone() == (value,)
    dollar = "select $q$ $1 ' $q$, '$1', /* $1 */ $1::text -- $1"
    assert connection.query(dollar, str(value))[0] == (" $1 ' ", "$1", str(value))


LABELS = ("'); drop table hostile_t;--", "__import__('os').abort()", '"', "\\", "\x1b[31m")


def test_hostile_labels_and_type_names(door: Door) -> None:
    name = "'); drop table hostile_t;--"
    connection = door.connect()
    quoted = purelink.sql.Identifier(name).as_string()
    labels = ", ".join(purelink.sql.quote(each) for each in LABELS)
    connection.script(f"create table hostile_t (); create type {quoted} as enum ({labels})")
    try:
        kinds = enum.Enum("kinds", {f"n{place}": each for place, each in enumerate(LABELS)})  # type: ignore[misc]
        with pytest.raises(ProgrammingError):
            door.call(connection.types.fetch, name)
        door.call(connection.types.fetch, quoted)
        for label in LABELS:
            assert connection.query(f"select $1::{quoted}", label).scalar() == label
        door.call(connection.types.fetch, quoted, kinds)
        for member in kinds:
            assert connection.query("select $1, $2", member, [member])[0] == (member, [member])
        assert connection.query("select count(*) from hostile_t").scalar() == 0
    finally:
        connection.script(f"drop type {quoted}; drop table hostile_t")


def test_text_of_a_dump_runs_nothing(
    server: AnyServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """A name with a line break ends a dump's comment: what follows is no command for us."""
    shell = Shell(monkeypatch, capsys, server)
    mark = tmp_path / "owned"
    for command in (f"\\! touch {mark}", f"\\o {mark}", f"\\copy (select 1) to {mark}"):
        script = tmp_path / "dump.sql"
        script.write_text(f"-- Name: x\n{command}\nselect 42;\n", encoding="utf-8")
        said = shell("exec", "-f", str(script))
        assert said.code != 0
        assert "is a command of psql's own, which is not understood here" in said.err
        assert not mark.exists()
    sql = f'create temp table "x\n\\! touch {mark}" (); select \'\\! touch {mark}\' as "a\n\\! b"'
    assert shell("exec", sql).code == 0
    assert not mark.exists()
