"""Columns to Python at once: what the quick way accepts, the careful one accepts alike."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from purelink.errors import DataError
from purelink.values import columnwise, oids
from purelink.values.columnwise import column_decoder, decoded, finish_dates, finish_uuids
from purelink.values.styles import DEFAULT_STYLES, Styles
from purelink.values.sweep import Cut
from purelink.values.text import DEFAULT_REGISTRY, Registry, text_decoder

if TYPE_CHECKING:
    from collections.abc import Sequence

UUIDS = [
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    "00000000-0000-0000-0000-000000000000",
    "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
]
GOOD: dict[int, list[str]] = {
    oids.BOOL: ["t", "f"],
    oids.INT2: ["-32768", "32767", "-0", "007"],
    oids.INT4: ["-2147483648", "2147483647"],
    oids.INT8: ["-9223372036854775808", "9223372036854775807"],
    oids.OID: ["0", "4294967295"],
    oids.FLOAT4: ["1.5", "1e+22", "NaN", "-Infinity"],
    oids.FLOAT8: ["-0", "5e-324", "Infinity"],
    oids.NUMERIC: ["0.00", "-12345678901234567890.5"],
    oids.DATE: ["2024-02-29", "0001-01-01", "9999-12-31"],
    oids.TIMESTAMP: ["2024-02-29 23:59:59", "1999-01-01 00:00:00.1", "1999-01-01 00:00:00.000001"],
    oids.TIMESTAMPTZ: ["2024-01-01 00:00:00+00", "1800-01-01 01:02:03.45-04:56:02"],
    oids.UUID: UUIDS,
    oids.JSON: ['{"a": [1, 2.5]}', '"é\\u0041"', "null", " 1 "],
    oids.JSONB: ['{"b": {}}', "[]", "true"],
    1005: ["{}", "{1,NULL,-3276}"],
    1007: ["{214748364}", "{0,-0}"],
    1016: ["{922337203685477580}"],
    1021: ["{1.5,2}"],
    1022: ["{1e+22,-0,NULL,3}", "{}"],
    oids.TEXT: ["", "é", "x"],
    oids.INTERVAL: ["1 day", "-00:00:01"],
    99999: ["mood"],
}
#: sound, but not for the quick way
SLOW: dict[int, list[str]] = {
    oids.NUMERIC: ["NaN", "Infinity"],
    oids.JSON: ["9" * 400, '"\x7f"', '"\\u007f"', "\t1"],
    1007: ["{{1,2},{3,4}}", "[0:1]={1,2}", "{null}", "{2147483647}"],
    1005: ["{-32768}"],
    1016: ["{" + "0" * 30 + "1}", "{9223372036854775807}"],
    1022: ["{NaN}", "{{1},{2}}", "{.5}", "{1.}", "{Infinity}"],
}
TRICKS = [
    *["", " ", "1_0", " 1", "1 ", "1-", "--1", "+1", "T", "TRUE", "true", "nan", "sNaN", "inf"],
    *["1e5", "0x10", "\xa01", "²", "9" * 30, "9" * 5000, "2147483648", "{2147483648}", "{99999}"],
    *["[1", "2]", "2],3", '1,"\x7f",[2', '1,"\\u007f",[2', '1,"\\u007F",[2', "1,2,[3", "3]", "4]"],
    *["{1},1,{2", "{1", "3}", "{t}", "{1,{2}}", "{{1},{2,3}}", "{NUL}", "{1,}", "{1}{2}", "1"],
    *["{-}", "0" + UUIDS[0]],
    *["20240101", "2024-W01-1", "2024-01", "2024-02-30", "2024-01-01", "infinity", "0044-03-15 BC"],
    *["20240101 10:00:00.123456+00", "2024-01-01T10:00:00", "2024-01-01 10:00:00,5", "\ufeff1"],
    *["2024-01-01 24:00:00", "2024-01-01 10:00:00+0000", "2024-01-01 10:00", "2024-01-01 10"],
    *["2024-01-01 10:00:00.1234567", "2024-01-01 10:00:00.5Z", "2024-01-01 10:00:00+25"],
    *["2024-01-01 10:00:00.5", "2024-01-01 10:00:00.5+00", "2024-01-01 10:00:00"],
    *["{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", "0" * 32, "g" + UUIDS[0][1:], UUIDS[0] + "-"],
    *["a0eebc9-99c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc99-9c0b4-ef8-bb6d-6bb9bd380a11"],
    *[UUIDS[0][:-1], UUIDS[0] + "1", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a-1", "[" * 50_000],
]  # fmt: skip


def latin(text: str) -> str:
    """Return a text as `sweep` hands it on."""
    return text.encode().decode("latin-1")


def octets(values: Sequence[str]) -> bytes:
    """Return lengths as `sweep` hands them on."""
    return bytes(map(len, values)) if max(map(len, values)) < 256 else b""


def decoder(oid: int, styles: Styles = DEFAULT_STYLES, registry: Registry | None = None) -> Any:
    decode = column_decoder(oid, styles, registry or DEFAULT_REGISTRY)
    return lambda values: decode(values, octets(values), "\0".join(values))


def with_nulls(decode: Any, values: Sequence[str | None]) -> Sequence[object]:
    texts = [value or "" for value in values]
    nulls = bytes([value is None for value in values])
    return decoded(decode, Cut(texts, octets(texts), nulls, "\0".join(texts)))


def outcome(decode: Any, values: Sequence[str]) -> str:
    try:
        return repr(list(decode(values)))
    except DataError as error:
        return str(error)


@pytest.mark.parametrize("oid", sorted(GOOD))
def test_sound_columns(oid: int) -> None:
    careful, decode = text_decoder(oid), decoder(oid)
    for values in (GOOD[oid], GOOD[oid][:1], GOOD[oid][:1] * 5):
        found = list(decode([latin(value) for value in values]))
        assert repr(found) == repr([careful(value) for value in values])
    if oid in columnwise._MAKERS:  # and that was the quick way
        quick = columnwise._MAKERS[oid]()
        values = [latin(value) for value in GOOD[oid]]
        values = [value for value in values if value not in ("007", "-0")]
        assert len(quick(values, octets(values), "\0".join(values))) == len(values)


@pytest.mark.parametrize("oid", sorted(SLOW))
def test_sound_columns_that_are_left_to_the_careful_way(oid: int) -> None:
    careful, decode = text_decoder(oid), decoder(oid)
    for value in SLOW[oid]:
        values = [*GOOD[oid], value, value]
        assert repr(list(decode([latin(one) for one in values]))) == repr(
            [careful(one) for one in values]
        )


@pytest.mark.parametrize("oid", sorted(GOOD))
def test_tricks_alone_and_in_pairs(oid: int) -> None:
    careful, decode, good = text_decoder(oid), decoder(oid), GOOD[oid][0]
    long = {"9" * 5000, "[" * 50_000}
    cases = [[trick] for trick in TRICKS]
    cases += [[good, trick, good] for trick in TRICKS]
    cases += [[one, other] for one in TRICKS for other in TRICKS if not {one, other} & long]
    for values in cases:
        wanted = outcome(lambda texts: [careful(text) for text in texts], values)
        assert outcome(decode, [latin(value) for value in values]) == wanted


def test_styles_and_programs_have_their_way() -> None:
    german = decoder(oids.DATE, Styles("German, DMY"))
    assert german(["05.03.2024"]) == [date(2024, 3, 5)]
    registry = Registry()
    registry.overlay(oids.INT4, lambda text: f"<{text}>")
    assert decoder(oids.INT4, registry=registry)(["1"]) == ["<1>"]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata"])
def test_moments_are_told_in_the_sessions_zone(zone: str) -> None:
    styles = Styles(timezone=zone)
    careful, decode = text_decoder(oids.TIMESTAMPTZ, styles), decoder(oids.TIMESTAMPTZ, styles)
    summer, winter = "2024-07-01 02:00:00.5+02", "2024-01-01 02:00:00.123456+01"
    folded = ["2024-10-27 02:30:00+02", "2024-10-27 02:30:00+01"]
    ends = ["0001-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00"]
    half = ["2024-01-01 05:30:00+05:30"] * 2
    for values in ([summer] * 3, [summer, winter], folded, [*ends, winter], half):
        found: list[Any] = list(decode(values))
        wanted: list[Any] = [careful(value) for value in values]
        assert repr(found) == repr(wanted)
        assert [each.utcoffset() for each in found] == [each.utcoffset() for each in wanted]
        assert [each.fold for each in found] == [each.fold for each in wanted]
    assert str(decode([summer])[0].tzinfo) == zone


def test_nulls() -> None:
    texts = column_decoder(oids.TEXT, DEFAULT_STYLES, DEFAULT_REGISTRY)
    integers = column_decoder(oids.INT4, DEFAULT_STYLES, DEFAULT_REGISTRY)
    assert with_nulls(texts, ["a", None, ""]) == ["a", None, ""]
    assert with_nulls(texts, ["a", None, None]) == ["a", None, None]
    assert with_nulls(texts, [latin("é"), None]) == ["é", None]
    for decode in (texts, integers):
        assert with_nulls(decode, [None, None]) == [None, None]
    numerics = column_decoder(oids.NUMERIC, DEFAULT_STYLES, DEFAULT_REGISTRY)
    assert with_nulls(numerics, ["1" * 256, None]) == [Decimal("1" * 256), None]
    assert with_nulls(integers, ["1", None, "-2"]) == [1, None, -2]
    with pytest.raises(UnicodeDecodeError):
        with_nulls(texts, ["a", None, "b\xff"])


@pytest.mark.parametrize("oid", [oids.TIMESTAMP, oids.TIMESTAMPTZ])
def test_before_311_fractions_and_zones_are_padded(
    oid: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columnwise, "_LIBERAL", False)
    careful, decode = text_decoder(oid), decoder(oid)
    values = GOOD[oid] * 2
    if oid == oids.TIMESTAMPTZ:
        values += ["2024-01-01 00:00:00+05:30", "2024-01-01 00:00:00.5-05"]
    assert repr(decode(values)) == repr([careful(value) for value in values])
    assert columnwise.padded("2024-01-01 00:00:00.5-05") == "2024-01-01 00:00:00.500000-05:00"
    for value in values:
        assert isinstance(datetime.fromisoformat(columnwise.padded(value)), datetime)


def test_uuids_where_their_class_is_built_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = [0, 1, (1 << 128) - 1]
    wanted = [uuid.UUID(int=number) for number in numbers]
    found = columnwise._uuid_maker()(numbers)
    assert found == wanted
    assert [hash(one) for one in found] == [hash(one) for one in wanted]

    class Other(uuid.UUID):
        pass

    monkeypatch.setattr(uuid, "UUID", Other)  # no slot of its own
    assert columnwise._uuid_maker()(numbers) == wanted


def test_binary_values_are_finished() -> None:
    one = uuid.UUID(UUIDS[0])
    assert finish_uuids()((one.bytes, bytes(16))) == [one, uuid.UUID(int=0)]
    assert finish_dates()((-1, 366)) == [date(1999, 12, 31), date(2001, 1, 1)]
