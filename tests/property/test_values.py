"""Properties of values: what Python sends reads back; rows come out the same however cut.

The row decoder is held against a reference that reads one field after the other; bulk and
careful converters against each other; hostile bytes may raise documented errors only.
"""

# ruff: noqa: PT017 - whether it fails is what Hypothesis looks for

from __future__ import annotations

import math
import struct
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from purelink.errors import DatabaseError, DataError, InterfaceError, RemoteProtocolError
from purelink.values import oids
from purelink.values.binary import binary_decoder
from purelink.values.columns import column_converter
from purelink.values.input import input_function
from purelink.values.interval import Interval
from purelink.values.parameters import Jsonb, encode
from purelink.values.quoting import identifier, literal
from purelink.values.ranges import Multirange, Range
from purelink.values.rows import (
    ValueFailure,
    null_row_decoder,
    raw_row_decoder,
    row_decoder,
    text_row_decoder,
)
from purelink.values.styles import DEFAULT_STYLES, Styles
from purelink.values.text import text_decoder
from purelink.values.types import type_named

if TYPE_CHECKING:
    import ipaddress

# -- values there and back ---------------------------------------------------------------

texts = st.text(st.characters(exclude_characters="\0", codec="utf-8"))
whole = st.integers(-(1 << 80), 1 << 80)
decimals = st.decimals(allow_nan=False) | st.just(Decimal("Infinity"))
offsets = st.integers(-57599, 57599).map(lambda seconds: timezone(timedelta(0, seconds)))
moments = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29))  # noqa: DTZ001
aware = st.builds(lambda moment, zone: moment.replace(tzinfo=zone), moments, offsets)
spans = st.timedeltas(timedelta(-1000000), timedelta(1000000))
addresses = st.ip_addresses()
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 60), 1 << 60) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=10,
)
scalars: dict[str, st.SearchStrategy[Any]] = {
    "int": whole,
    "str": texts,
    "float": st.floats(allow_nan=False),
    "decimal": decimals,
    "date": st.dates(),
    "naive": moments,
    "aware": aware,
    "time": st.times(),
    "timetz": st.builds(lambda clock, zone: clock.replace(tzinfo=zone), st.times(), offsets),
    "uuid": st.uuids(),
    "bytes": st.binary(),
    "inet": addresses,
    "bool": st.booleans(),
    "span": spans,
    "json": json_values.map(Jsonb),
}


def bare(value: object) -> object:
    """Return what a value comes back as."""
    if isinstance(value, Jsonb):
        return value.obj
    if isinstance(value, list):
        return [bare(one) for one in value]
    return value


def there_and_back(value: object, unknown: int = oids.TEXT) -> object:
    """Encode, then decode by the declared type, as a server that echoes would have it."""
    oid, format_code, data = encode(value)
    assert data is not None
    if format_code:
        return binary_decoder(oid)(data)
    text = data.decode()
    declared = oid or unknown
    if declared == oids.FLOAT8:
        text = text.replace("inf", "Infinity")
    return input_function(declared)(text)


@pytest.mark.parametrize("kind", sorted(scalars))
@given(data=st.data())
def test_a_scalar_reads_back(kind: str, data: st.DataObject) -> None:
    value = data.draw(scalars[kind])
    decoded = there_and_back(value)
    assert decoded == bare(value)
    if isinstance(value, datetime):
        assert isinstance(decoded, datetime)
        assert decoded.utcoffset() == value.utcoffset()


@pytest.mark.parametrize("kind", sorted(scalars))
@given(data=st.data())
def test_a_list_reads_back(kind: str, data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 3))
    member = st.none() | scalars[kind]
    items = data.draw(st.lists(member, min_size=1, max_size=5))
    value: list[Any] = items if rows == 1 else [items] * rows
    assert there_and_back(value, 1009) == bare(value)


@given(st.lists(st.sets(st.integers(-(1 << 31), (1 << 31) - 1), min_size=2, max_size=2)))
def test_ranges_read_back(pairs: list[set[int]]) -> None:
    ranges = [Range(min(pair), max(pair)) for pair in pairs]
    for one in ranges:
        assert there_and_back(one, 3904) == one
    oid, _, data = encode(Multirange(ranges))
    assert data is not None
    assert text_decoder(oid or 4451)(data.decode()) == ranges


@given(
    st.integers(-(1 << 31), (1 << 31) - 1),
    st.integers(-(1 << 31), (1 << 31) - 1),
    st.integers(-(1 << 53), 1 << 53),
)
def test_an_interval_reads_back(months: int, days: int, micros: int) -> None:
    value = Interval(months or 1, days, micros)
    binary = struct.pack(">qii", micros, days, months or 1)
    exact = Styles(odd_values="exact")
    assert binary_decoder(oids.INTERVAL, styles=exact)(binary) == value
    clock = f"{'-' if micros < 0 else ''}{abs(micros) // 3600_000_000:02}:"
    rest = abs(micros) % 3600_000_000
    clock += f"{rest // 60_000_000:02}:{rest // 1_000_000 % 60:02}.{rest % 1_000_000:06}"
    text = f"{months or 1} mons {days} days {clock}"
    assert text_decoder(oids.INTERVAL, exact)(text) == value
    for policy in ("text", "error"):
        styles = Styles(odd_values=policy)
        try:
            found = binary_decoder(oids.INTERVAL, styles=styles)(binary)
        except DataError as error:
            assert policy == "error"
            assert "odd_values" in str(error)
        else:
            assert text_decoder(oids.INTERVAL, exact)(str(found)) == value


@given(st.floats(width=32, allow_nan=False))
def test_float4_is_the_same_in_both_formats(number: float) -> None:
    decoded = binary_decoder(oids.FLOAT4)(struct.pack(">f", number))
    assert isinstance(decoded, float)
    assert struct.pack(">f", decoded) == struct.pack(">f", number)
    assert math.copysign(1, decoded) == math.copysign(1, number)


# -- rows --------------------------------------------------------------------------------


class Column(NamedTuple):
    type_oid: int
    format: int = 0


def row(values: list[bytes | None]) -> bytes:
    body = struct.pack(">H", len(values))
    for value in values:
        body += struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value
    return b"D" + struct.pack(">i", len(body) + 4) + body


def reference(buffer: bytes, end: int, count: int) -> tuple[list[tuple[bytes | None, ...]], int]:
    """Read rows as the protocol's description says, one field after the other."""
    rows = []
    at = 0
    while end - at >= 5 and buffer[at : at + 1] == b"D":
        (length,) = struct.unpack(">i", buffer[at + 1 : at + 5])
        if not 6 <= length <= 0x3FFFFFFF:
            raise RemoteProtocolError(
                f'lost synchronization with server: got message type "D", length {length}'
            )
        if at + 1 + length > end:
            break
        body = buffer[at + 5 : at + 1 + length]
        if struct.unpack(">H", body[:2])[0] != count:
            raise RemoteProtocolError('unexpected field count in "D" message')
        body = body[2:]
        fields: list[bytes | None] = []
        for _ in range(count):
            if len(body) < 4:
                raise RemoteProtocolError('insufficient data in "D" message')
            (size,) = struct.unpack(">i", body[:4])
            body = body[4:]
            if size < -1 or size > len(body):
                raise RemoteProtocolError('insufficient data in "D" message')
            fields.append(None if size == -1 else body[:size])
            body = body[max(size, 0) :]
        if body:
            raise RemoteProtocolError(
                'message contents do not agree with length in message type "D"'
            )
        rows.append(tuple(fields))
        at += 1 + length
    return rows, at


SAMPLES: dict[int, st.SearchStrategy[bytes]] = {
    oids.INT4: st.integers(-(1 << 31), (1 << 31) - 1).map(lambda n: str(n).encode()),
    oids.INT8: st.integers(-(1 << 63), (1 << 63) - 1).map(lambda n: str(n).encode()),
    oids.OID: st.integers(0, (1 << 32) - 1).map(lambda n: str(n).encode()),
    oids.FLOAT8: st.floats(allow_nan=False, allow_infinity=False).map(lambda n: repr(n).encode()),
    oids.BOOL: st.sampled_from([b"t", b"f"]),
    oids.TEXT: st.text().filter(str.isprintable).map(str.encode),
    oids.NUMERIC: st.decimals(allow_nan=False, allow_infinity=False).map(
        lambda n: f"{n:f}".encode() if abs(n.adjusted()) < 1000 else b"0.00"
    ),
    oids.TIMESTAMP: moments.map(lambda moment: moment.isoformat(" ").encode()),
    1007: st.lists(st.integers(0, 9)).map(lambda n: ("{" + ",".join(map(str, n)) + "}").encode()),
}
JUNK = st.binary(max_size=12)


@st.composite
def results(draw: st.DrawFn, junk: bool = False) -> tuple[list[Column], list[list[bytes | None]]]:
    shape = draw(st.lists(st.sampled_from(sorted(SAMPLES)), max_size=5))
    values = [SAMPLES[oid] | st.none() for oid in shape]
    if junk:
        values = [one | JUNK for one in values]
    row_values: st.SearchStrategy[list[bytes | None]] = st.tuples(*values).map(list)
    return [Column(oid) for oid in shape], draw(st.lists(row_values, max_size=20))


@settings(suppress_health_check=[HealthCheck.too_slow])  # the first text loads Unicode tables
@given(results(), st.integers(0, 700), st.data())
def test_rows_come_out_the_same_however_they_are_cut(
    result: tuple[list[Column], list[list[bytes | None]]], repeat: int, data: st.DataObject
) -> None:
    columns, values = result
    buffer = b"".join(map(row, values * (1 + repeat // max(len(values), 1)))) + b"C\0\0\0\4"
    raw, stop = reference(buffer, len(buffer), len(columns))
    expected = [
        tuple(
            None if value is None else text_decoder(column.type_oid)(value.decode())
            for column, value in zip(columns, fields)
        )
        for fields in raw
    ]
    texts_of = [tuple(None if one is None else one.decode() for one in fields) for fields in raw]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(buffer)), max_size=4)))
    for decoder, wanted in (
        (row_decoder(columns), expected),
        (raw_row_decoder(columns), raw),
        (text_row_decoder(columns), texts_of),
    ):
        rows: list[Any] = []
        at = 0
        for end in [*cuts, len(buffer)]:
            at = decoder.decode(buffer, at, max(end, at), rows)
        assert rows == wanted
        assert at == stop
    counter = null_row_decoder(len(columns))
    assert counter.decode(buffer, 0, len(buffer), []) == stop
    assert counter.count == len(raw)


@given(results(junk=True))
def test_bad_values_are_told_in_step(
    result: tuple[list[Column], list[list[bytes | None]]],
) -> None:
    columns, values = result
    buffer = b"".join(map(row, values))
    decoders = [text_decoder(column.type_oid) for column in columns]
    good: list[tuple[object, ...]] = []
    for fields in values:
        try:
            good.append(
                tuple(
                    None if value is None else decode(value.decode())
                    for decode, value in zip(decoders, fields)
                )
            )
        except (DataError, UnicodeDecodeError):
            continue
    rows: list[Any] = []
    at = 0
    while at < len(buffer):
        try:
            at = row_decoder(columns).decode(buffer, at, len(buffer), rows)
        except ValueFailure as failure:
            assert failure.position > at
            at = failure.position
    assert repr(rows) == repr(good)


@given(
    results(),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=3),
)
def test_a_lying_server_breaks_the_protocol_as_the_reference_says(
    result: tuple[list[Column], list[list[bytes | None]]], damage: list[tuple[int, int]]
) -> None:
    columns, values = result
    damaged = bytearray(b"".join(map(row, values)))
    for place, byte in damage:
        if damaged:
            damaged[place % len(damaged)] = byte
    buffer = bytes(damaged)
    said = None
    raw: list[tuple[bytes | None, ...]] = []
    stop = 0
    try:
        raw, stop = reference(buffer, len(buffer), len(columns))
    except RemoteProtocolError as error:
        said = str(error)
    rows: list[Any] = []
    try:
        assert raw_row_decoder(columns).decode(buffer, 0, len(buffer), rows) == stop
    except RemoteProtocolError as error:
        assert str(error) == said
    else:
        assert said is None
        assert rows == raw
    try:
        row_decoder(columns).decode(buffer, 0, len(buffer), [])
    except ValueFailure:
        pass
    except RemoteProtocolError as error:
        assert str(error) == said


@pytest.mark.parametrize("oid", sorted(oids.TYPES))
@given(values=st.lists(JUNK | st.sampled_from([b"1", b"t", b"1.5", b"{1}", b"[1]"]), max_size=9))
def test_bulk_and_careful_agree(oid: int, values: list[bytes]) -> None:
    for format_code in (0, 1):
        converter = column_converter(
            oid,
            format_code,
            encoding="utf-8",
            errors="strict",
            styles=DEFAULT_STYLES,
            registry=None,
        )
        try:
            found = list(converter.bulk(values)) if values else []
        except Exception:
            continue
        assert repr(found) == repr([converter.single(value) for value in values])


# -- nothing but documented errors ---------------------------------------------------------

PIECES = st.text("0123456789-+:., eE{}[]()\"\\'NULLinfityaPTDMYHS@BC/;_xb\u00e9\u0661\udc80")
EVERY_TYPE = sorted([*oids.TYPES, *oids.ELEMENT_OF])


@given(st.sampled_from(EVERY_TYPE), PIECES | st.text(), st.sampled_from(["ISO, MDY", "SQL, DMY"]))
def test_text_decoders_raise_data_errors_only(oid: int, text: str, datestyle: str) -> None:
    try:
        text_decoder(oid, Styles(datestyle))(text)
    except DataError as error:
        assert len(str(error)) < 400
        str(error).encode()


@given(st.sampled_from(EVERY_TYPE), st.binary(max_size=80))
def test_binary_decoders_raise_data_errors_only(oid: int, value: bytes) -> None:
    try:
        binary_decoder(oid)(value)
    except DataError as error:
        assert error.sqlstate is not None


@given(
    st.sampled_from(EVERY_TYPE),
    st.sampled_from([-1, 3, 7, 5 << 16 | 4]),
    PIECES | st.text(),
    st.sampled_from(["ISO, MDY", "German, DMY", "ISO, YMD"]),
)
def test_input_functions_raise_database_errors_only(
    oid: int, typmod: int, text: str, datestyle: str
) -> None:
    try:
        input_function(oid, typmod, Styles(datestyle))(text)
    except DatabaseError as error:
        assert error.sqlstate is not None


@given(st.text() | st.text('int varchr()[]0123456789,."-'))
def test_type_names_raise_database_errors_only(text: str) -> None:
    try:
        oid, _ = type_named(text)
        assert oid in oids.TYPES or oid in oids.ELEMENT_OF
    except DatabaseError as error:
        assert error.sqlstate is not None


@given(st.text(), st.binary())
def test_quoted_text_never_breaks_out(text: str, raw: bytes) -> None:
    for one in (text, raw):
        try:
            quoted = literal(one)
            name = identifier(one)
        except InterfaceError:
            continue
        inside = one if isinstance(one, str) else one.decode()
        bare_text = quoted[3:-1].replace("\\\\", "\\") if quoted[0] == " " else quoted[1:-1]
        assert bare_text.replace("''", "'") == inside
        assert name[1:-1].replace('""', '"') == inside


@given(st.ip_addresses(), st.integers(0, 128))
def test_networks_are_the_same_in_both_formats(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, bits: int
) -> None:
    bits %= address.max_prefixlen + 1
    family = 2 if address.version == 4 else 3
    data = bytes((family, bits, 0, len(address.packed))) + address.packed
    full = bits == address.max_prefixlen
    text = str(address) if full else f"{address}/{bits}"
    assert binary_decoder(oids.INET)(data) == text_decoder(oids.INET)(text)
    assert input_function(oids.INET)(text) == text_decoder(oids.INET)(text)


@given(st.dates(), st.times())
def test_dates_are_the_same_in_both_formats(day: date, clock: time) -> None:
    days = struct.pack(">i", day.toordinal() - date(2000, 1, 1).toordinal())
    assert binary_decoder(oids.DATE)(days) == day == text_decoder(oids.DATE)(day.isoformat())
    seconds = (clock.hour * 60 + clock.minute) * 60 + clock.second
    micros = struct.pack(">q", seconds * 1_000_000 + clock.microsecond)
    assert binary_decoder(oids.TIME)(micros) == clock
    assert text_decoder(oids.TIME)(clock.isoformat()) == clock
