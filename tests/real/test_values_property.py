"""Every type there and back on a real server: text and binary agree, arrays too, nothing is lost.

What the server prints of a value that came back must be what it printed the first time.
"""

# ruff: noqa: DTZ001 - timestamps without a zone are meant

from __future__ import annotations

import math
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from ipaddress import ip_interface, ip_network
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import purelink
from purelink.conversation.outcomes import result_of
from purelink.types import (
    Box,
    Circle,
    Date,
    Interval,
    Json,
    Jsonb,
    Line,
    LSeg,
    Multirange,
    Path,
    Point,
    Polygon,
    Range,
    Time,
    Timestamp,
    TimestampTZ,
    TimeTZ,
)
from purelink.values.exact import FIRST_DAY, PAST_DAYS, PAST_STAMP_DAYS
from purelink.values.parameters import encode_parameters
from purelink.wire import dialogues
from purelink.wire.session import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from purelink.connection import Connection
    from tests.conftest import AnyServer

UTC = timezone.utc
DAY = 86_400_000_000


@pytest.fixture(scope="module")
def link(server: AnyServer) -> Iterator[Connection]:
    with purelink.connect(server.dsn, autocommit=True, odd_values="exact") as connection:
        connection.query("set timezone = 'UTC'")
        yield connection


def asked_in_binary(connection: Connection, sql: str, *parameters: object) -> Any:
    """Return the rows of a statement whose result was asked for in binary."""
    talk = connection.talk
    session = talk.session

    def told() -> Any:
        encoded = encode_parameters(
            parameters, encoding=session.encoding, own=talk.registry.writers
        )
        answer = Answer()
        batch = talk.batch()
        batch.parse(answer, b"", sql.encode(), tuple([oid for oid, _, _ in encoded]))
        formats = tuple([form for _, form, _ in encoded])
        values = tuple([value for _, _, value in encoded])
        batch.bind(answer, b"", formats, values, (1,)).describe_portal(answer).execute(answer)
        yield from talk.finish(dialogues.ask(session, batch.sync(), talk.decoder_for))
        return result_of(answer, talk.taken()).rows

    return connection.run(told())


numbers = st.floats(allow_nan=False, allow_infinity=False).map(lambda one: one + 0.0)
texts = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=12)
points = st.builds(Point, numbers, numbers)
some_points = st.lists(points, min_size=1, max_size=4).map(tuple)
days = st.integers(FIRST_DAY, PAST_DAYS - 1)
micros = st.integers(FIRST_DAY * DAY, PAST_STAMP_DAYS * DAY - 1)
offsets = st.integers(-57_599, 57_599)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 60), 1 << 60) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
int4 = st.integers(-(1 << 31) + 2, (1 << 31) - 3)


def python_date(number: int) -> Any:
    try:
        return date.fromordinal(number + 730_120)
    except (ValueError, OverflowError):
        return Date(number)


def python_stamp(zone: timezone | None) -> Any:
    def made(number: int) -> Any:
        try:
            return datetime(2000, 1, 1, tzinfo=zone) + timedelta(0, 0, number)
        except OverflowError:
            return (Timestamp if zone is None else TimestampTZ)(number)

    return made


def interval(months: int, days: int, number: int) -> Any:
    if not months and 0 <= number < DAY and abs(days) < 999_999_999:
        return timedelta(days, 0, number)
    return Interval(months, days, number)


def ranges(bounds: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Ranges as the server keeps them: half open, not empty unless they say so."""
    pairs = st.lists(bounds, min_size=2, max_size=2, unique=True).map(sorted)
    return (
        pairs.map(lambda pair: Range(*pair))
        | bounds.map(lambda one: Range(one, None))
        | bounds.map(lambda one: Range(None, one))
        | st.just(Range(empty=True))
        | st.just(Range())
    )


def multiranges(bounds: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    cuts = st.lists(bounds, max_size=6, unique=True).map(sorted)
    return cuts.map(lambda all_: Multirange([Range(*pair) for pair in zip(all_[::2], all_[1::2])]))


stamps = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29))
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "int2": st.integers(-(1 << 15), (1 << 15) - 1),
    "int4": st.integers(-(1 << 31), (1 << 31) - 1),
    "int8": st.integers(-(1 << 63), (1 << 63) - 1),
    "oid": st.integers(0, (1 << 32) - 1),
    # six digits tell a float4 only where it has them all
    "float4": st.floats(width=32)
    .filter(lambda one: one == 0 or not abs(one) < 1e-36)
    .map(lambda one: float(f"{one:.6g}")),
    "float8": st.floats(),
    "numeric": st.decimals(places=None, allow_nan=False, min_value=-(10**40), max_value=10**40).map(
        lambda one: Decimal(f"{one:f}") if one.is_finite() else one
    )
    | st.sampled_from([Decimal("NaN"), Decimal("0.000"), Decimal("1E-1000").normalize()]).map(
        lambda one: Decimal(f"{one:f}")
    ),
    "text": texts,
    "varchar": texts,
    "name": texts.map(lambda one: one.encode()[:63].decode(errors="ignore")),
    '"char"': st.characters(codec="ascii", exclude_characters="\0") | st.just(""),
    "bytea": st.binary(max_size=20),
    "date": days.map(python_date) | st.sampled_from([Date.INFINITY, Date.MINUS_INFINITY]),
    "time": st.times() | st.just(Time(DAY)),
    "timetz": st.builds(
        lambda clock, east: clock.replace(tzinfo=timezone(timedelta(0, east))), st.times(), offsets
    )
    | st.builds(TimeTZ, st.just(DAY), offsets),
    "timestamp": micros.map(python_stamp(None)) | st.just(Timestamp.INFINITY),
    "timestamptz": micros.map(python_stamp(UTC)) | st.just(TimestampTZ.MINUS_INFINITY),
    "interval": st.builds(
        interval,
        st.just(0) | st.integers(-(1 << 31) + 1, (1 << 31) - 1),
        st.integers(-(1 << 31) + 1, (1 << 31) - 1),
        st.integers(-(1 << 60), 1 << 60) | st.integers(0, DAY),
    ),
    "uuid": st.uuids(),
    "json": json_values.map(Json),
    "jsonb": json_values.map(Jsonb),
    "inet": st.ip_addresses()
    | st.builds(lambda ip, n: ip_interface((ip, n % ip.max_prefixlen)), st.ip_addresses(), int4),
    "cidr": st.builds(
        lambda ip, n: ip_network((ip, n % (ip.max_prefixlen + 1)), strict=False),
        st.ip_addresses(),
        int4,
    ),
    "macaddr": st.binary(min_size=6, max_size=6).map(lambda one: one.hex(":")),
    "macaddr8": st.binary(min_size=8, max_size=8).map(lambda one: one.hex(":")),
    "bit(5)": st.text("01", min_size=5, max_size=5),
    "varbit": st.text("01", max_size=40),
    "pg_lsn": st.builds(lambda a, b: f"{a:X}/{b:X}", *[st.integers(0, (1 << 32) - 1)] * 2),
    "tid": st.builds(
        lambda a, b: f"({a},{b})", st.integers(0, (1 << 32) - 1), st.integers(0, 65535)
    ),
    "point": points,
    "lseg": st.builds(LSeg, points, points),
    "box": st.builds(
        lambda a, b: Box(Point(max(a.x, b.x), max(a.y, b.y)), Point(min(a.x, b.x), min(a.y, b.y))),
        points,
        points,
    ),
    "path": st.builds(Path, some_points, st.booleans()),
    "polygon": st.builds(Polygon, some_points),
    "line": st.builds(Line, numbers.filter(lambda one: abs(one) > 1e-5), numbers, numbers),
    "circle": st.builds(Circle, points, numbers.map(abs)),
    "int4range": ranges(int4),
    "int8range": ranges(st.integers(-(1 << 62), 1 << 62)),
    "numrange": ranges(st.decimals(-(10**9), 10**9, places=3)),
    "daterange": ranges(st.dates(date(1, 1, 2), date(9999, 12, 30))),
    "tsrange": ranges(stamps),
    "tstzrange": ranges(stamps.map(lambda one: one.replace(tzinfo=UTC))),
    "int4multirange": multiranges(int4),
    "nummultirange": multiranges(st.decimals(-(10**9), 10**9, places=3)),
    "datemultirange": multiranges(st.dates(date(1, 1, 2), date(9999, 12, 30))),
    "tsmultirange": multiranges(stamps),
}
#: whose values compare as PostgreSQL's text only: what is compared is that
LOOSE = {"json"}


def bare(value: Any) -> Any:
    if isinstance(value, list) and not isinstance(value, Multirange):
        return [bare(one) for one in value]
    return value.obj if isinstance(value, Json) else value


def same(one: Any, other: Any) -> bool:
    """Equal, of one type, and NaN is NaN; -0.0 is not 0.0."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return repr(one) == repr(other)
    if isinstance(one, Decimal) and isinstance(other, Decimal):
        return str(one) == str(other)
    return type(one) is type(other) and bool(one == other)


def shaped(items: list[Any], rows: int) -> list[Any]:
    """Return a list of one dimension, or of several."""
    if rows == 1 or not items:
        return items
    return [[items] * rows] * 2 if rows == 3 else [items] * rows


@pytest.mark.parametrize("kind", sorted(KINDS))
@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data(), rows=st.integers(1, 3))
def test_there_and_back(link: Connection, kind: str, data: st.DataObject, rows: int) -> None:
    if "multirange" in kind and link.server_version < 140000:
        pytest.skip("multiranges came with 14")
    value = data.draw(KINDS[kind])
    items = shaped(data.draw(st.lists(st.none() | KINDS[kind], max_size=4)), rows)
    if kind == "box" and items and "Box" not in repr(items):
        return  # NULLs alone have no type, and boxes a delimiter of their own
    sql = f"select $1::{kind}, ($1::{kind})::text, $2::{kind}[], ($2::{kind}[])::text"
    found = link.query(sql, value, items)[0]
    in_binary = asked_in_binary(link, sql, value, items)[0]
    assert same(found[0], bare(value))
    assert same(found[2], bare(items))
    assert same(found[0], in_binary[0])
    assert same(found[2], in_binary[2])
    assert (found[1], found[3]) == (in_binary[1], in_binary[3])
    if isinstance(value, Json):
        return
    # what came back is sent as it is
    again = link.query(sql, found[0], found[2])[0]
    assert again[1:4:2] == found[1:4:2]


@pytest.mark.parametrize("kind", sorted(KINDS))
@settings(
    max_examples=6,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data(), rows=st.integers(1, 3))
def test_copied_in_in_binary(link: Connection, kind: str, data: st.DataObject, rows: int) -> None:
    if "multirange" in kind and link.server_version < 140000:
        pytest.skip("multiranges came with 14")
    member = st.none() | KINDS[kind]
    copied = [
        (data.draw(member), shaped(data.draw(st.lists(member, max_size=3)), rows)) for _ in range(3)
    ]
    link.query("drop table if exists pg_temp.copied")
    link.query(f"create temp table copied (n serial, v {kind}, a {kind}[])")
    assert link.copy_in("copy copied (v, a) from stdin (format binary)", copied) == 3
    found = link.query("select v, a from copied order by n").rows
    assert same([list(row) for row in found], [[bare(v), bare(a)] for v, a in copied])


TEXTS = {
    "xml": ["<a>\u20ac</a>", "text"],
    "tsvector": ["'a':1A,3 'b' 'it''s\\\\':2B", ""],
    "tsquery": [
        "'a' & !( 'b' | 'c':*A ) <-> 'd'",
        "!'a' <3> ( 'b' <-> 'c' )",
        "'x':AB | 'y' & 'z'",
    ],
    "money": ["$1,234.50"],
    "regclass": ["pg_class"],
    "regtype": ["integer", "character varying"],
    "regproc": ["array_in"],
    "regrole": ["pg_monitor"],
    "xid": ["4294967295"],
    "cid": ["0"],
    "int2vector": ["1 2"],
    "oidvector": ["1 4294967295"],
    "jsonpath": ['$."a"[*]'],
    "txid_snapshot": ["10:20:12,15"],
    "refcursor": ["c"],
    "aclitem": ["=r/postgres"],
    "xid8": ["18446744073709551615"],
    "pg_snapshot": ["10:20:"],
}


@pytest.mark.parametrize("kind", sorted(TEXTS))
def test_types_that_are_sent_as_text(link: Connection, kind: str) -> None:
    if kind in ("xid8", "pg_snapshot") and link.server_version < 130000:
        pytest.skip("came with 13")
    for text in TEXTS[kind]:
        sent = text.replace("postgres", link.settings["user"] or "")
        sql = f"select $1::{kind}, ($1::{kind})::text"
        try:
            found, printed = link.query(sql, sent)[0]
        except purelink.NotSupportedError as error:
            pytest.skip(f"this server is built without it: {error}")
        array = link.query(f"select array[$1::{kind}]", sent).scalar()
        assert array == [found] or kind.endswith("vector")
        back = found if isinstance(found, str) else printed
        assert link.query(f"select $1::{kind}::text", back).scalar() == printed
        if kind == "aclitem":
            continue  # it has no binary form
        binary = asked_in_binary(link, sql, sent)[0][0]
        if kind in ("money", "regclass", "regtype", "regproc", "regrole"):
            assert isinstance(binary, int)  # the server alone knows its text
            assert isinstance(found, str)
        else:
            assert same(binary, found)
        if isinstance(found, str):
            assert found == printed


def test_void_and_null(link: Connection) -> None:
    assert link.query("select pg_sleep(0)").scalar() == ""
    assert asked_in_binary(link, "select pg_sleep(0)") == [("",)]
    columns = ", ".join(
        [f"null::{kind}, null::{kind}[]" for kind in sorted(KINDS) if "multi" not in kind]
    )
    row = link.query(f"select {columns}")[0]
    assert set(row) == {None}
    assert asked_in_binary(link, f"select {columns}")[0] == row


def test_infinite_floats_and_wide_numerics(link: Connection) -> None:
    for text in ("1e131071", "-1e-16383", "0e-16383", "123.4500", "Infinity", "-Infinity"):
        if "Inf" in text and link.server_version < 140000:
            continue
        sql = "select $1::text::numeric, ($1::text::numeric)::text"
        found, printed = link.query(sql, text)[0]
        assert f"{found:f}" == printed
        assert same(asked_in_binary(link, sql, text)[0][0], found)
        assert link.query("select $1::numeric::text", found).scalar() == printed
    assert math.isinf(link.query("select $1::float4", math.inf).scalar())
