"""The bulk decoders and the careful one agree: every shape, cut, NULL, lie and value.

Whatever the careful decoder makes of some bytes (rows, where it stops, which error and where), the
quick one makes as well. Its thresholds are lowered, so that a few rows go the ways of many.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from purelink.errors import InterfaceError, RemoteProtocolError
from purelink.values import blocks, bulk, encoders, oids
from purelink.values.encoders import batch_encoder, copy_encoder, copy_text_encoder
from purelink.values.parameters import encode_parameters
from purelink.values.rows import ValueFailure
from purelink.values.rows import row_decoder as careful_decoder
from purelink.values.text import Registry

if TYPE_CHECKING:
    from collections.abc import Iterator


class Column(NamedTuple):
    type_oid: int
    format: int = 0


def row(values: list[bytes | None]) -> bytes:
    body = struct.pack(">H", len(values))
    for value in values:
        body += struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value
    return b"D" + struct.pack(">i", len(body) + 4) + body


@pytest.fixture(scope="module", autouse=True, params=[1, 3], ids=["at once", "from three rows"])
def _eager(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk, "LARGE", 0)
        patch.setattr(bulk, "PIECE", 700 * request.param)
        patch.setattr(bulk, "_FEW_STRIDES", request.param)
        patch.setattr(bulk, "_FEW_SWEPT", request.param)
        patch.setattr(bulk, "_decoders", {})
        patch.setattr(blocks, "BLOCK", 2 * request.param)
        patch.setattr(blocks, "FEW", 1)
        yield


def outcome(decoder: Any, buffer: bytes, ends: list[int]) -> tuple[object, ...]:
    """Return all that a session sees of a decoder; NaN equals itself in it."""
    rows: list[Any] = []
    at = 0
    for end in ends:
        try:
            at = decoder.decode(buffer, at, max(at, end), rows)
        except ValueFailure as failure:
            return repr(rows), "value", str(failure.error), failure.error.sqlstate, failure.position
        except RemoteProtocolError as error:
            return "protocol", str(error)
    return repr(rows), "rows", at


def agree(columns: list[Column], buffer: bytes, cuts: list[int], registry: Any = None) -> None:
    ends = [*sorted(cuts), len(buffer)]
    wanted = outcome(careful_decoder(columns, registry=registry), buffer, ends)
    assert outcome(bulk.row_decoder(columns, registry=registry), buffer, ends) == wanted


def texts(*values: str) -> st.SearchStrategy[bytes]:
    return st.sampled_from([value.encode() for value in values])


def integers(bits: int, low: int = 0) -> st.SearchStrategy[bytes]:
    span = st.integers(low or -(1 << bits), (1 << bits) - 1) | st.integers(-1, 9)
    return span.map(lambda number: str(number).encode())


UUIDS = st.uuids().map(lambda value: str(value).encode())
STAMPS = st.datetimes().map(lambda moment: moment.isoformat(" ").encode())
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
TEXT: dict[int, st.SearchStrategy[bytes]] = {
    oids.BOOL: texts("t", "f"),
    oids.INT2: integers(15),
    oids.INT4: integers(31),
    oids.INT8: integers(63),
    oids.OID: integers(32, -1),
    oids.FLOAT8: st.floats().map(lambda n: repr(n).replace("inf", "Infinity").encode()),
    oids.TEXT: st.text(st.characters(exclude_characters="\0", codec="utf-8")).map(
        lambda text: text.encode()
    )
    | st.integers(250, 260).map(lambda n: b"D" * n),
    oids.NUMERIC: texts("0", "1.50", "-12345678901234567890.000", "NaN", "Infinity", "-0.1"),
    oids.DATE: st.dates().map(lambda day: day.isoformat().encode()) | texts("infinity"),
    oids.TIMESTAMP: STAMPS | texts("0044-03-15 00:00:00 BC"),
    oids.TIMESTAMPTZ: st.builds(
        lambda moment, zone: moment + zone, STAMPS, texts("+00", "-03:30", "+00:00:01", "-15:59:59")
    ),
    oids.UUID: UUIDS,
    oids.JSON: JSONS.map(lambda value: json.dumps(value).encode()),
    oids.JSONB: JSONS.map(
        lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    ),
    1007: st.lists(st.none() | st.integers(-(1 << 31), (1 << 31) - 1)).map(
        lambda items: (
            "{" + ",".join("NULL" if n is None else str(n) for n in items) + "}"
        ).encode()
    ),
    1022: texts("{}", "{1,2.5,NULL}", "{NaN,-Infinity}", "{{1},{2e+30}}", "[0:1]={1,2}", "{-0}"),
    3904: texts("empty", "[1,5)", "(,)"),
    99999: texts("mood", "é"),
}
#: what is near to being a value, and how the quick ways might be deceived
TRICKS = texts(
    *["", "1_0", " 1", "1-", "--1", "T", "TRUE", "nan", "sNaN", "1e5", "\xa01", "\u0661", "9" * 30],
    *["[1", "2]", "2],3", '1,"\x7f",[2', '1,"\\u007f",[2', "3]", "{1},1,{2", "{1", "3}", "true"],
    *["{t}", "{1,{2}}", "{{1},{2,3}}", "{2147483648}", "NULL", "20240101", "2024-W01-1", "2024-01"],
    *["20240101 10:00:00.123456+00", "2024-01-01T10:00:00", "2024-01-01 10:00:00,5", "\ufeff1"],
    *["2024-01-01 24:00:00", "2024-02-30", "2024-01-01 10:00:00+0000", "\x7f", '"\x7f"', "D"],
    *["{" + "0" * 8 + "-0000-0000-0000-000000000000}", "0" * 32],
    *["00000000-0000-0000-0000-00000000000g"],
) | st.binary(max_size=9) | texts("x" * 256, "1" * 300) | st.sampled_from(
    [b"\xff", b"\xff\xff\xff\xff", b"a\xff", b"\xff\xff\xff\xffz", b"\0\0\0\1\xff", b"\xe9", b"\0"]
)  # fmt: skip

BINARY: dict[int, st.SearchStrategy[bytes]] = {
    oids.BOOL: st.sampled_from([b"\0", b"\1"]),
    oids.INT2: st.binary(min_size=2, max_size=2),
    oids.INT4: st.binary(min_size=4, max_size=4),
    oids.INT8: st.binary(min_size=8, max_size=8),
    oids.OID: st.binary(min_size=4, max_size=4),
    oids.XID8: st.binary(min_size=8, max_size=8),
    oids.FLOAT8: st.binary(min_size=8, max_size=8),
    oids.DATE: st.integers(-700_000, 2_900_000).map(lambda day: struct.pack(">i", day)),
    oids.UUID: st.binary(min_size=16, max_size=16),
}
LOOSE: dict[int, st.SearchStrategy[bytes]] = {
    oids.TEXT: TEXT[oids.TEXT],
    oids.BYTEA: st.binary(),
    oids.FLOAT4: st.binary(min_size=4, max_size=4),
    oids.TIMESTAMP: st.binary(min_size=8, max_size=8),
    99999: st.binary(),
}
WRONG = st.binary(max_size=17) | st.just(b"\x7f\xff\xff\xff") | st.sampled_from([b"\2", b"\xff"])

Result = "tuple[list[Column], list[list[bytes | None]]]"


@st.composite
def results(draw: st.DrawFn) -> tuple[list[Column], list[list[bytes | None]]]:
    """Draw a shape and its rows; in one of three a value is not what it should be."""
    sort = draw(st.sampled_from(["text", "fixed", "mixed"]))
    if sort == "text":
        pool = [(Column(oid), one, TRICKS) for oid, one in TEXT.items()]
    else:
        pool = [(Column(oid, 1), one, WRONG) for oid, one in BINARY.items()]
    if sort == "mixed":
        pool += [(Column(oid, 1), one, WRONG) for oid, one in LOOSE.items()]
        pool += [(Column(oid), one, TRICKS) for oid, one in TEXT.items()]
    shape = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=6))
    nulls = draw(st.sampled_from([False, True]))
    values = [one | st.none() if nulls else one for _, one, _ in shape]
    rows = draw(st.lists(st.tuples(*values).map(list), min_size=1, max_size=8))
    if not draw(st.integers(0, 2)):
        place, column = draw(st.integers(0, len(rows) - 1)), draw(st.integers(0, len(shape) - 1))
        rows[place][column] = draw(shape[column][2])
        if draw(st.booleans()) and place + 1 < len(rows):
            rows[place + 1][column] = draw(shape[column][2])
    return [column for column, _, _ in shape], rows


COMMON = settings(
    max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@COMMON
@given(results(), st.integers(1, 40), st.data())
def test_the_quick_and_the_careful_way_agree(
    result: tuple[list[Column], list[list[bytes | None]]], repeat: int, data: st.DataObject
) -> None:
    columns, rows = result
    messages = list(map(row, rows)) * repeat
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(messages)))
        messages.insert(place, b"N\0\0\0\x09SABC\0")
    buffer = b"".join(messages) + b"C\0\0\0\x0dSELECT 1\0"
    agree(columns, buffer, data.draw(st.lists(st.integers(0, len(buffer)), max_size=4)))


@given(results(), st.integers(1, 3))
def test_cut_at_every_byte(
    result: tuple[list[Column], list[list[bytes | None]]], repeat: int
) -> None:
    columns, rows = result
    buffer = b"".join(map(row, rows * repeat))[:600]
    careful, quick = careful_decoder(columns), bulk.row_decoder(columns)
    for end in range(len(buffer) + 1):
        assert outcome(quick, buffer, [end]) == outcome(careful, buffer, [end])
    assert outcome(quick, buffer, list(range(len(buffer) + 1))) == outcome(
        careful, buffer, list(range(len(buffer) + 1))
    )


LIES = st.sampled_from(
    [
        *[b"\0", b"\1", b"\xff", b"D", b"\xff\xff\xff\xff", b"\0\0\0\1\xff", b"\0\0", b"\0\2"],
        *[b"\xff\xff\xff\xfe", b"\0\0\0\x02", b"\x7f\xff\xff\xff", b"D\0\0\0\x0b\0\1\0\0\0\1"],
    ]
)


@COMMON
@given(
    results(),
    st.integers(1, 12),
    st.lists(st.tuples(st.integers(0, 5000), LIES | st.binary(max_size=2)), max_size=3),
    st.booleans(),
)
def test_they_agree_about_every_lie(
    result: tuple[list[Column], list[list[bytes | None]]],
    repeat: int,
    damage: list[tuple[int, bytes]],
    inserted: bool,
) -> None:
    columns, rows = result
    damaged = bytearray(b"".join(map(row, rows * repeat)))
    for place, lie in damage:
        at = place % len(damaged)
        damaged[at : at if inserted else at + len(lie)] = lie
    agree(columns, bytes(damaged), [])


@COMMON
@given(st.lists(st.lists(st.integers(0, 3), min_size=2, max_size=2), min_size=2, max_size=6))
def test_lengths_that_lie_in_pairs(lengths: list[list[int]]) -> None:
    """Every total is right, no length word needs to be."""
    buffer = b""
    for first, second in lengths:
        for told in (first, second, first + second - second // 2):
            body = b"\0\2" + struct.pack(">i", told) + b"a" * first
            body += struct.pack(">i", first + second - told) + b"b" * second
            buffer += b"D" + struct.pack(">i", len(body) + 4) + body
    agree([Column(oids.TEXT), Column(oids.TEXT)], buffer, [])


@given(st.lists(st.text("\xff\x01a\0é", max_size=5), min_size=3, max_size=9), st.booleans())
def test_bytes_that_look_like_nulls(values: list[str], null: bool) -> None:
    rows: list[list[bytes | None]] = [[value.encode("latin-1"), b"\xff"] for value in values]
    if null:
        rows.append([None, b"x"])
    agree([Column(oids.TEXT), Column(oids.TEXT)], b"".join(map(row, rows * 3)), [])


@given(results())
def test_a_program_s_own_decoders_are_asked(
    result: tuple[list[Column], list[list[bytes | None]]],
) -> None:
    columns, rows = result
    registry = Registry()
    registry.overlay(oids.INT4, lambda text: f"<{text}>")
    registry.overlay(oids.BOOL, lambda text: f"<{text}>")
    registry.overlay(oids.TEXT, int)
    agree(columns, b"".join(map(row, rows * 5)), [], registry)


# -- writing -----------------------------------------------------------------------------

WRITTEN: dict[int, st.SearchStrategy[Any]] = {
    oids.BOOL: st.booleans(),
    oids.INT2: st.integers(-(1 << 15), (1 << 15) - 1),
    oids.INT4: st.integers(-(1 << 31), (1 << 31) - 1),
    oids.INT8: st.integers(-(1 << 63), (1 << 63) - 1),
    oids.OID: st.integers(0, (1 << 32) - 1),
    oids.FLOAT8: st.floats(),
    oids.TEXT: st.text(st.characters(exclude_characters="\0", codec="utf-8")),
    oids.BYTEA: st.binary(),
    oids.DATE: st.dates(),
    oids.TIMESTAMP: st.datetimes(),
    oids.UUID: st.uuids(),
    oids.NUMERIC: st.decimals(allow_nan=False) | st.integers(),
}


@st.composite
def written(draw: st.DrawFn) -> tuple[list[int], list[tuple[Any, ...]]]:
    types = draw(st.lists(st.sampled_from(sorted(WRITTEN)), min_size=1, max_size=5))
    strange = st.none() | st.sampled_from([True, 7, 1.5, "x", b"y", 1 << 70])
    values = [WRITTEN[oid] | strange for oid in types]
    return types, draw(st.lists(st.tuples(*values), max_size=6))


def fields(body: bytes, count: int) -> tuple[list[bytes | None], bytes]:
    found: list[bytes | None] = []
    for _ in range(count):
        (size,) = struct.unpack(">i", body[:4])
        found.append(None if size < 0 else body[4 : 4 + size])
        body = body[4 + max(size, 0) :]
    return found, body


def meaning(oid: int, form: int, value: bytes | None) -> object:
    from purelink.values.binary import binary_decoder
    from purelink.values.input import input_function

    if value is None:
        return None
    return binary_decoder(oid)(value) if form else input_function(oid)(value.decode())


@COMMON
@given(written())
def test_a_batch_means_what_single_parameters_mean(
    case: tuple[list[int], list[tuple[Any, ...]]],
) -> None:
    types, rows = case
    data = batch_encoder(types, statement=b"s1")(rows)
    for values in rows:
        assert data[:1] == b"B"
        size = 1 + struct.unpack(">i", data[1:5])[0]
        body, data = data[5:size], data[size:]
        assert body.startswith(b"\0s1\0")
        count = len(types)
        head = struct.unpack(f">{count + 2}H", body[4 : 8 + 2 * count])
        assert head[0] == head[-1] == count
        found, rest = fields(body[8 + 2 * count :], count)
        assert rest == b"\0\0"
        for oid, form, value, (_, wanted, text) in zip(
            types, head[1:], found, encode_parameters(values)
        ):
            if form != wanted or value != text:
                expected: object = None
                try:
                    expected = meaning(oid, wanted, text)
                except Exception:  # what only binary takes, such as True for 1
                    continue
                assert repr(meaning(oid, form, value)) == repr(expected)
        assert data.startswith(b"E\0\0\0\x09\0\0\0\0\0")
        data = data[10:]
    assert not data


@COMMON
@given(written())
def test_copy_in_binary_reads_back(case: tuple[list[int], list[tuple[Any, ...]]]) -> None:
    types, rows = case
    encode = copy_encoder(types)
    if encode is None:
        assert oids.NUMERIC in types
        return
    try:
        data = encode(rows)
    except InterfaceError as error:
        assert "row " in str(error)  # noqa: PT017
        return
    for values in rows:
        assert struct.unpack(">h", data[:2])[0] == len(types)
        found, data = fields(data[2:], len(types))
        for oid, value, wanted in zip(types, found, values):
            assert meaning(oid, 1, value) == wanted or wanted != wanted
    assert not data


@COMMON
@given(written(), st.sampled_from([copy_encoder, batch_encoder]))
def test_blocks_are_written_as_rows_are(
    case: tuple[list[int], list[tuple[Any, ...]]], make: Any
) -> None:
    types, rows = case
    found = []
    for by_row in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(encoders, "COMPILES_LOOPS", by_row)
            encode = make(types)
        try:
            found.append(encode and encode(rows))
        except InterfaceError as error:
            found.append(str(error))
    assert found[0] == found[1]


UNESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def unescaped(field: str) -> str | None:
    """Read a field of COPY in text as the server does."""
    if field == "\\N":
        return None
    out, characters = "", iter(field)
    for one in characters:
        if one == "\\":
            one = next(characters)
            one = UNESCAPED.get(one, one)
        out += one
    return out


@given(
    st.lists(
        st.lists(
            st.none() | st.text(st.sampled_from("\\.Nn\t\n\r\b\f\va\xe9\x7f")),
            min_size=2,
            max_size=2,
        )
    )
)
def test_copy_in_text_reads_back(rows: list[list[str | None]]) -> None:
    data = copy_text_encoder()(rows).decode()
    lines = data.split("\n")
    assert lines.pop() == ""
    assert "\r" not in data
    assert [[unescaped(field) for field in line.split("\t")] for line in lines] == rows
