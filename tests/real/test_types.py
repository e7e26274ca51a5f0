"""Types that are not built in, on a real server: fetched by name, read and sent, on both faces."""

from __future__ import annotations

import asyncio
import enum
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

import pytest

import purelink
from purelink.errors import DataError, InterfaceError, ProgrammingError
from purelink.types import Array, Date, Hstore, Range, Row
from purelink.values.registry import EVERYONE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from purelink.connection import Connection
    from tests.conftest import AnyServer

SETUP = """
drop schema if exists kinds cascade; create schema kinds; set search_path = kinds, public;
create type mood as enum ('sad', 'ok', E'o''clock "\\\\');
create domain positive as int check (value > 0);
create domain moods as mood[];
create type addr as (street text, number positive, "from" date, "class" mood);
create type person as (name text, home addr, others addr[], feels moods);
create type evil as ("x"");--" int, "__class__" int, "a b" int, count int, "é" int);
create type floatrange as range (subtype = float8);
create table item (id int, name text); alter table item add gone int; alter table item drop gone;
create type nothing as ();
"""


@pytest.fixture(scope="module")
def link(server: AnyServer) -> Iterator[Connection]:
    with purelink.connect(server.dsn, autocommit=True) as connection:
        connection.script(SETUP)
        yield connection
        connection.query("drop schema kinds cascade")


@pytest.fixture
def fresh(server: AnyServer, link: Connection) -> Iterator[Connection]:
    with purelink.connect(server.dsn, autocommit=True) as connection:
        connection.query("set search_path = kinds, public")
        yield connection


class Mood(enum.Enum):
    sad = 1
    ok = 2
    odd = 3


class Spelled(enum.Enum):
    SAD = "sad"
    OK = "ok"
    CLOCK = "o'clock \"\\"


@dataclass(frozen=True)
class Addr:
    street: Optional[str]
    number: int
    from_: Any = None


@dataclass
class Item:
    name: str
    id: int


class Address(NamedTuple):
    street: str
    number: Optional[int]
    from_: Optional[date]
    mood: Any


class Person(NamedTuple):
    name: str
    home: Any
    others: Any
    feels: Any


def both(connection: Connection, expression: str, *parameters: Any) -> Any:
    """Return a value, the same in text and binary, unprepared and prepared."""
    sql = f"select {expression}"
    values = [connection.query(sql, *parameters).scalar() for _ in range(3)]
    if not parameters:
        results = connection.script(f"begin; declare c binary cursor for {sql}; fetch c; rollback")
        values.append(results[2].scalar())
    assert all(value == values[0] for value in values)
    assert len({type(value) for value in values}) == 1
    return values[0]


def test_a_composite_as_a_row(fresh: Connection) -> None:
    info = fresh.types.fetch("addr")
    assert (info.name, info.schema, info.sort) == ("addr", "kinds", "c")
    assert [name for name, _ in info.fields] == ["street", "number", "from", "class"]
    value = both(fresh, "row('Rue \"x\", 1', 3, '2024-01-02', 'ok')::addr")
    assert isinstance(value, Row)
    assert tuple(value) == ('Rue "x", 1', 3, date(2024, 1, 2), "ok")
    assert (value.street, value.number) == (value[0], 3)
    assert value._asdict()["class"] == "ok"
    assert fresh.query("select $1", value).scalar() == value
    assert fresh.query("select ($1).street, pg_typeof($1)::text", value)[0] == (value[0], "addr")
    assert both(fresh, "array[row('', null, null, null)::addr, null]") == [
        ("", None, None, None),
        None,
    ]


def test_composites_in_composites(fresh: Connection) -> None:
    fresh.types.fetch("person", Person)
    expression = (
        "row('a(\"\\,', row('s', 1, null, 'sad'), array[row('t', 2, null, null), null]::addr[],"
        " array['ok', null]::mood[])::person"
    )
    value = both(fresh, expression)
    assert type(value) is Person
    assert value == (
        'a("\\,',
        ("s", 1, None, "sad"),
        [("t", 2, None, None), None],
        ["ok", None],
    )
    assert fresh.query("select $1, $1::text = $2::text", value, value)[0] == (value, True)
    assert both(fresh, "$1::person[]", [value, None]) == [value, None]
    # a class for a part, told later, serves the whole
    assert fresh.types.known("addr") is not None
    fresh.types.fetch("mood", Spelled)
    again = fresh.query(f"select {expression}").scalar()
    assert again.home.street == "s"
    assert again.feels == [Spelled.OK, None]
    assert again.home[3] is Spelled.SAD
    assert fresh.query("select $1", again).scalar() == again


def test_a_table_s_rows_as_dataclasses(fresh: Connection) -> None:
    fresh.types.fetch("item", Item)
    value = both(fresh, "row(1, 'x')::item")
    assert value == Item("x", 1)
    assert fresh.query("select ($1).id, $2", value, [value])[0] == (1, [value])
    with pytest.raises(
        InterfaceError, match="Addr has no field for id, name of the composite type"
    ):
        fresh.types.fetch("item", Addr)
    with pytest.raises(InterfaceError, match=r"is no class for the composite type kinds\.item"):
        fresh.types.fetch("item", dict)
    assert fresh.query("select 1").scalar() == 1
    with pytest.raises(InterfaceError, match="fetch the composite type with it first"):
        fresh.query("select $1", Addr("x", 1))


def test_an_altered_composite(fresh: Connection) -> None:
    fresh.query("create type pg_temp.changing as (a int)")
    fresh.types.fetch("pg_temp.changing")
    assert fresh.query("select row(1)::pg_temp.changing").scalar().a == 1
    fresh.query("alter type pg_temp.changing add attribute b text")
    with pytest.raises(DataError, match="2 fields, not 1: if the type was altered, fetch it again"):
        fresh.query("select row(1, 'x')::pg_temp.changing")
    fresh.types.fetch("pg_temp.changing")
    assert fresh.query("select row(1, 'x')::pg_temp.changing").scalar().b == "x"


def test_hostile_names(fresh: Connection) -> None:
    fresh.types.fetch("evil")
    value = both(fresh, "row(1, 2, 3, 4, 5)::evil")
    assert value == (1, 2, 3, 4, 5)
    assert type(value).__class__ is type
    assert value.é == 5
    assert value.count(1) == 1  # a tuple's own
    assert value._asdict() == {'x");--': 1, "__class__": 2, "a b": 3, "count": 4, "é": 5}
    for name in ("'); drop table kinds.item; --", "no such", '"', "", "addr; select 1"):
        with pytest.raises(ProgrammingError):
            fresh.types.fetch(name)
    with pytest.raises(InterfaceError, match="NUL"):
        fresh.types.fetch("a\0b")
    assert both(fresh, "row()::nothing") == () if fresh.types.fetch("nothing") else False


def test_enums(fresh: Connection) -> None:
    assert fresh.query("select 'sad'::mood").scalar() == "sad"
    fresh.types.fetch("mood", Mood)
    assert both(fresh, "array['sad', 'ok', null]::mood[]") == [Mood.sad, Mood.ok, None]
    assert fresh.query("select $1, $2", Mood.ok, [Mood.sad, None])[0] == (Mood.ok, [Mood.sad, None])
    with pytest.raises(DataError, match=r"no member for a label of kinds\.mood"):
        fresh.query("select 'o''clock \"\\'::mood")
    with pytest.raises(InterfaceError, match="has no label for"):
        fresh.query("select $1", Mood.odd)
    fresh.odd_values = "text"
    assert both(fresh, "'o''clock \"\\'::mood") == "o'clock \"\\"
    fresh.types.fetch("mood", Spelled)
    assert both(fresh, "'o''clock \"\\'::mood") is Spelled.CLOCK
    assert fresh.query("select $1::text", Spelled.CLOCK).scalar() == "o'clock \"\\"
    with pytest.raises(InterfaceError, match=r"is no enum\.Enum"):
        fresh.types.fetch("mood", Item)


def test_domains_and_ranges(fresh: Connection) -> None:
    assert fresh.query("select array[1, 2]::positive[]").scalar() == "{1,2}"
    assert fresh.types.fetch("positive[]").sort == "d"
    assert both(fresh, "array[1, 2]::positive[]") == [1, 2]
    fresh.types.fetch("floatrange")
    assert both(fresh, "'[1.5,2)'::floatrange") == Range(1.5, 2.0)
    assert both(fresh, "array['empty', '(,)']::floatrange[]") == [Range(empty=True), Range()]
    assert fresh.query("select $1, $2", Range(1.5, 2.5), [Range(1.5, None)])[0] == (
        Range(1.5, 2.5),
        [Range(1.5, None)],
    )
    if fresh.server_version >= 140000:
        assert both(fresh, "'{[1,2),[3.5,4)}'::floatmultirange") == [
            Range(1.0, 2.0),
            Range(3.5, 4.0),
        ]
    odd = "array['infinity']::kinds.days[]"
    fresh.script("create domain kinds.days as date")
    try:
        fresh.types.fetch("days")
        with pytest.raises(DataError, match="odd_values"):
            fresh.query(f"select {odd}")
        fresh.odd_values = "exact"
        assert both(fresh, odd) == [Date.INFINITY]
    finally:
        fresh.query("drop domain kinds.days")


def test_hstore(fresh: Connection) -> None:
    try:
        fresh.query("create extension if not exists hstore schema public")
    except purelink.DatabaseError as error:
        pytest.skip(f"no hstore here: {error}")
    fresh.types.fetch("hstore")
    expression = r"""'"a"=>"1", "b"=>NULL, "c \"d"=>"e\\, =>", ""=>"x"'::hstore"""
    value = both(fresh, expression)
    assert value == {"a": "1", "b": None, 'c "d': "e\\, =>", "": "x"}
    assert type(value) is Hstore
    assert fresh.query("select $1, $1 = " + expression, value)[0] == (value, True)
    assert both(fresh, "array[''::hstore, null]") == [{}, None]
    assert fresh.query("select $1", [value]).scalar() == [value]
    with pytest.raises(InterfaceError, match="keys are str, values str or None"):
        fresh.query("select $1", Hstore(a=1))  # type: ignore[call-overload]
    fresh.types.fetch("hstore", dict)
    assert type(fresh.query("select $1", {"k": "v"}).scalar()) is dict


def test_an_anonymous_record(link: Connection) -> None:
    assert link.query("select row(1, 'a b', null, '')").scalar() == ("1", "a b", None, "")
    results = link.script(
        "begin; declare c binary cursor for select row(1, row('x'::text, null)), array[row(2.5)];"
        " fetch c; rollback"
    )
    assert results[2][0][0] == (1, ("x", None))
    assert link.query("select ($1::kinds.addr).number", ("s", 7, None, None)).scalar() == 7


def test_bounds_of_arrays(fresh: Connection) -> None:
    expression = "'[0:1][5:6]={{1,2},{3,null}}'::int[]"
    assert both(fresh, expression) == [[1, 2], [3, None]]
    fresh.odd_values = "exact"
    value = both(fresh, expression)
    assert type(value) is Array
    assert value.lower_bounds == (0, 5)
    assert fresh.query("select $1::text", value).scalar() == "[0:1][5:6]={{1,2},{3,NULL}}"
    assert type(both(fresh, "'{1,2}'::int[]")) is list


# -- codecs --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cents:
    number: int


def test_a_codec_for_a_built_in_type(fresh: Connection) -> None:
    sql = "select 1.5::numeric, array[2.25]::numeric[], numrange(1, 2), 7::int4"
    for _ in range(3):  # prepared in the old way
        fresh.query(sql)
    fresh.types.register(
        "numeric",
        Cents,
        decode=lambda text: Cents(round(float(text) * 100)),
        encode=lambda one: f"{one.number / 100:.2f}",
    )
    assert fresh.query(sql)[0] == (Cents(150), [Cents(225)], Range(Cents(100), Cents(200)), 7)
    found = fresh.query("select $1, $2, $1::text", Cents(5), [Cents(1), None])
    assert found[0] == (Cents(5), [Cents(1), None], "0.05")


def test_a_codec_for_a_type_of_fixed_width(fresh: Connection) -> None:
    sql = "select n::int4, n::int8 from generate_series(1, 100) n"
    for _ in range(3):  # asked for in binary by now
        assert fresh.query(sql)[9] == (10, 10)
    fresh.types.register("int8", decode=lambda text: f"<{text}>")
    for _ in range(3):
        assert fresh.query(sql)[9] == (10, "<10>")
    results = fresh.script(f"begin; declare c binary cursor for {sql}; fetch 10 from c; rollback")
    assert results[2][9] == (10, 10)
    fresh.types.register(20, decode=str, decode_binary=lambda value: value.hex())
    results = fresh.script(f"begin; declare c binary cursor for {sql}; fetch 50 from c; rollback")
    assert results[2][9] == (10, "000000000000000a")


def test_what_a_codec_may_not(fresh: Connection) -> None:
    fresh.types.register("text", decode=lambda text: 1 // len(text))
    with pytest.raises(DataError, match="decoder of type text failed: ZeroDivisionError"):
        fresh.query("select ''::text from generate_series(1, 100)")
    assert fresh.query("select 'x'::text").scalar() == 1
    # the catalog is read all the same
    assert fresh.types.fetch("addr").name == "addr"
    fresh.types.register("money", Cents, encode=lambda one: one.number)  # type: ignore[arg-type, return-value]
    with pytest.raises(InterfaceError, match="must return str, not int"):
        fresh.query("select $1", Cents(1))
    fresh.types.register("money", Cents, encode=lambda _: str(1 // 0))
    with pytest.raises(InterfaceError, match="writer of Cents failed: ZeroDivisionError"):
        fresh.query("select $1", Cents(1))
    with pytest.raises(InterfaceError, match="fetch it first"):
        fresh.types.register("no_such", Mood)
    with pytest.raises(InterfaceError, match="encode needs python"):
        fresh.types.register("text", encode=str)
    with pytest.raises(InterfaceError, match="a class alone says nothing about type"):
        fresh.types.register("text", Cents)


def test_a_codec_for_all(
    server: AnyServer, link: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = EVERYONE.copy()
    from purelink.values import text

    monkeypatch.setattr(text, "PATTERNS", [kept])
    monkeypatch.setattr("purelink.types.EVERYONE", kept)
    monkeypatch.setattr("purelink.conversation.catalog.EVERYONE", kept)
    purelink.types.register("float8", decode=lambda text: f"{text}!")
    purelink.types.register("addr", Address, encode=None, decode=lambda text: text.upper())
    purelink.types.register("kinds.mood", Spelled)
    assert link.query("select 1.5::float8").scalar() == 1.5  # it was open before
    with purelink.connect(server.dsn, autocommit=True) as other:
        assert other.query("select 1.5::float8, array[2::float8]")[0] == ("1.5!", ["2!"])
        other.types.fetch("kinds.addr")
        assert other.query("select row('a', 1, null, 'ok')::kinds.addr").scalar() == "(A,1,,OK)"
        other.types.fetch("kinds.mood")
        assert other.query("select 'ok'::kinds.mood").scalar() is Spelled.OK


def test_no_transaction_is_begun(server: AnyServer, link: Connection) -> None:
    with purelink.connect(server.dsn) as connection:
        assert connection.types.fetch("kinds.addr").fields
        assert connection.transaction_status == "idle"
        connection.query("select 1")
        with pytest.raises(ProgrammingError, match='type "nowhere" does not exist'):
            connection.types.fetch("nowhere")
        assert connection.transaction_status == "in failed transaction"
        connection.rollback()
        with connection.stream("select generate_series(1, 5)", chunk=2) as stream:
            assert len(stream.fetch()) == 2
            with pytest.raises(purelink.LocalProtocolError):
                connection.types.fetch("kinds.addr")


def test_on_the_other_face(server: AnyServer, link: Connection) -> None:
    async def told() -> None:
        async with await purelink.aconnect(server.dsn, odd_values="exact") as connection:
            info = await connection.types.fetch("kinds.mood", Spelled)
            assert connection.types.known(info.oid) == info
            found = await connection.query("select $1, 'infinity'::date", Spelled.OK)
            assert found[0] == (Spelled.OK, Date.INFINITY)
            pipeline = connection.pipeline()
            async with pipeline:
                handle = pipeline.query("select $1::kinds.mood", Spelled.SAD)
            assert handle.result().scalar() is Spelled.SAD

    asyncio.run(told())


def test_cursors_write_them_too(fresh: Connection) -> None:
    fresh.types.fetch("mood", Mood)
    rows = fresh.execute("select %s, %s::mood[]", (Mood.ok, [Mood.sad])).fetchall()
    assert rows == [(Mood.ok, [Mood.sad])]
    with fresh.transaction(), fresh.cursor("named") as cursor:
        cursor.execute("select %s, n from generate_series(1, 3) n", (Mood.sad,))
        assert cursor.fetchall() == [(Mood.sad, n) for n in (1, 2, 3)]


def test_executemany_and_copy_write_them_too(fresh: Connection) -> None:
    fresh.types.fetch("item", Item)
    fresh.types.fetch("mood", Mood)
    fresh.query("create temp table kept (n int, thing item, mood mood, moods mood[])")
    rows = [(n, Item("x\ty", n), Mood.ok, [Mood.sad, None]) for n in range(5)]
    assert fresh.executemany("insert into kept values ($1, $2, $3, $4)", rows) == 5
    assert fresh.copy_in("copy kept from stdin", rows) == 5
    assert fresh.copy_in("copy kept from stdin (format csv)", rows) == 5
    assert fresh.query("select * from kept order by n").rows == [
        row for row in rows for _ in range(3)
    ]


# -- COPY ------------------------------------------------------------------------------------


class Humour(enum.Enum):
    ok = 1
    sad = 2


@dataclass
class Place:
    street: str | None
    mood: Humour | None
    lengths: list[Decimal | None] | None


@pytest.mark.parametrize("form", ["", "(format binary)"])
def test_rows_of_fetched_types(fresh: Connection, form: str) -> None:
    fresh.script(
        "create type humour as enum ('ok', 'sad'); create domain few as int check (value < 9);"
        "create type place as (street text, mood humour, lengths numeric[]);"
        "create type span as range (subtype = float8);"
        "create table placed (a humour, b humour[], c place, d place[], e span, f few)"
    )
    try:
        if form:
            with pytest.raises(InterfaceError, match=r"column 1 of type oid \d+ .*types\.fetch"):
                fresh.copy_in(f"copy placed from stdin {form}", [("ok",) + (None,) * 5])
        fresh.types.fetch("humour", Humour)
        fresh.types.fetch("place", Place)
        fresh.types.fetch("span")
        there = Place("x\ty", Humour.sad, [Decimal("1.50"), None])
        rows = [
            (Humour.ok, [Humour.sad, None], there, [there, None], Range(1.0, 2.0), 5),
            (Humour.sad, [], Place(None, None, None), [], None, None),
            (None,) * 6,
        ]
        assert fresh.copy_in(f"copy placed from stdin {form}", rows) == 3
        with fresh.cursor() as cursor, cursor.copy(f"copy placed from stdin {form}") as copy:
            for row in rows:
                copy.write_row(row)
        assert fresh.query("select * from placed").rows == rows * 2
        with pytest.raises(DataError if not form else InterfaceError):
            fresh.copy_in(f"copy placed from stdin {form}", [("bad",) + (None,) * 5])
    finally:
        fresh.script("drop table placed; drop type place, humour, span; drop domain few")
