"""Types that are not built in: what a lying catalog or a hostile value can do, which is little."""

# ruff: noqa: PT017 - whether it fails is what Hypothesis looks for

from __future__ import annotations

import time
from enum import Enum
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purelink.errors import DataError, InterfaceError
from purelink.values.arrays import Array, array_literal
from purelink.values.binary import binary_decoder
from purelink.values.binary_own import OwnEncoders
from purelink.values.bulk import row_decoder
from purelink.values.composites import fields_of, members, row_class
from purelink.values.encoders import copy_encoder
from purelink.values.hstore import Hstore, decode_hstore, hstore_literal
from purelink.values.parameters import encode
from purelink.values.ranges import Range
from purelink.values.registry import OwnTypes
from purelink.values.styles import Styles
from purelink.values.text import text_decoder
from purelink.values.typeinfo import Codec, TypeInfo
from purelink.wire.backend import Column
from purelink.wire.codec import int32

ADDR = TypeInfo(20_000, "addr", "s", 20_001, "c", fields=(("a", 23), ("b", 25), ("c", 20_011)))
MOOD = TypeInfo(20_010, "mood", "s", 20_011, "e", labels=("ok", "sad"))
PAIRS = TypeInfo(20_020, "hstore", "s", 20_021, input="hstore_in")
WIDE = TypeInfo(20_030, "wide", "s", 20_031, "r", part=701)


def known() -> OwnTypes:
    types = OwnTypes()
    for info in (ADDR, MOOD, PAIRS, WIDE):
        types.add(info)
    return types


KNOWN = known()
OIDS = [20_000, 20_001, 20_010, 20_011, 20_020, 20_021, 20_030, 20_031, 2249, 2287]
PIECES = st.text('()"\\,{}=> NULLabc01[].;é\udc80')


@given(st.sampled_from(OIDS), PIECES | st.text(), st.sampled_from(["error", "text", "exact"]))
def test_text_raises_data_errors_only(oid: int, text: str, policy: Any) -> None:
    try:
        text_decoder(oid, Styles(odd_values=policy), KNOWN)(text)
    except DataError as error:
        assert len(str(error)) < 400


WORDS = st.sampled_from(
    [
        *(b"\0\0\0\1", b"\0\0\0\3", b"\0\0\0\x17", b"\xff\xff\xff\xff", b"\0\0\0\x19"),
        *(b"\0\0\x4e\x2b", b"\x7f\xff\xff\xff", b"\0\0\0\4", b"\0\0\x08\xc9", b"ok"),
    ]
)


@given(st.sampled_from(OIDS), st.lists(WORDS | st.binary(max_size=5), max_size=12).map(b"".join))
def test_binary_raises_data_errors_only(oid: int, value: bytes) -> None:
    try:
        binary_decoder(oid, registry=KNOWN)(value)
    except DataError as error:
        assert error.sqlstate is not None


texts = st.text(st.characters(exclude_characters="\0", codec="utf-8"))


@given(st.dictionaries(texts, st.none() | texts))
def test_an_hstore_reads_back(pairs: dict[str, str | None]) -> None:
    assert decode_hstore(hstore_literal(pairs, "x")) == pairs
    data = len(pairs).to_bytes(4, "big")
    for key, value in pairs.items():
        raw = key.encode()
        data += len(raw).to_bytes(4, "big") + raw
        raw = b"" if value is None else value.encode()
        data += (b"\xff" * 4 if value is None else len(raw).to_bytes(4, "big")) + raw
    assert binary_decoder(20_020, registry=KNOWN)(data) == pairs
    assert encode(Hstore(pairs), own=KNOWN.writers)[0] == 20_020


@given(st.lists(st.none() | texts, min_size=2))
def test_a_row_reads_back(values: list[str | None]) -> None:
    _, _, data = encode(tuple(values))
    assert data is not None
    assert members(data.decode(), "record") == values


def test_a_type_made_of_itself_ends() -> None:
    types = OwnTypes()
    types.add(TypeInfo(30_000, "a", "s", 30_001, "c", fields=(("b", 30_001),)))
    types.add(TypeInfo(30_010, "d", "s", 0, "d", part=30_010))
    with pytest.raises(DataError):
        text_decoder(30_000, registry=types)("(x)")
    read: Any = text_decoder(30_000, registry=types)('("{""(x,)""}")')
    assert read.b == ["(x,)"]
    assert text_decoder(30_010, registry=types)("x") == "x"
    assert binary_decoder(30_010, registry=types)(b"x") == b"x"


def test_a_record_in_a_record_in_a_record() -> None:
    value = b""
    for _ in range(5000):
        value = b"\0\0\0\1\0\0\x08\xc9" + len(value).to_bytes(4, "big") + value
    began = time.process_time()
    with pytest.raises(DataError, match=r"nested too deeply|malformed"):
        binary_decoder(2249)(value)
    assert time.process_time() - began < 10


def test_rows_have_the_names_that_can_be_had() -> None:
    kind = row_class("x", ["a", "_b", "class", "count", "a", "é", "__init__", ""])
    value = kind(range(8))
    assert (value.a, value.é) == (0, 5)
    assert value.count(1) == 1
    assert repr(value).startswith("x(a=0, _b=1")
    assert value._asdict()[""] == 7
    assert value == tuple(range(8))


def test_which_classes_have_fields() -> None:
    class Attributes:
        __attrs_attrs__ = (type("A", (), {"name": "a"}),)

    class Model:
        model_fields = {"b": 1}  # noqa: RUF012 - as pydantic has it

    class Pair(NamedTuple):
        c: int

    found = [fields_of(kind) for kind in (Attributes, Model, Pair, tuple, int)]
    assert found == [("a",), ("b",), ("c",), None, None]


def test_a_copy_is_independent() -> None:
    one = known()
    two = one.copy()
    two.register("mood", Codec(decode=str.upper))
    assert text_decoder(20_010, registry=one)("ok") == "ok"
    assert text_decoder(20_011, registry=two)("{ok}") == ["OK"]
    assert two.info("s.mood") == MOOD
    assert two.info(20_000) == ADDR
    assert two.kind_name(20_001) == "s.addr[]"
    assert two.kind_name(25) == "text"


def test_an_array_has_as_many_bounds_as_dimensions() -> None:
    with pytest.raises(InterfaceError, match="needs as many lower bounds"):
        array_literal(Array([[1]], (0,)), str)
    assert array_literal(Array([], (0,)), str) == "{}"


@pytest.mark.parametrize("binary", [False, True])
def test_types_made_of_each_other_are_made_once(binary: bool) -> None:
    # Each has a field of each of the twenty, itself too: the ways through them have no end.
    oids = range(21_000, 21_020)
    fields = tuple((f"f{n}", oids[n]) for n in range(20))
    registry = OwnTypes()
    for oid in oids:
        registry.add(TypeInfo(oid, f"t{oid}", "s", 0, "c", fields=fields))
    before = time.process_time()
    if binary:
        decode: Any = binary_decoder(21_000, registry=registry)
        value: Any = b"\0\0\0\1"
    else:
        decode, value = registry.text_decoder(21_000), "(1,2)"
    with pytest.raises(DataError):
        decode(value)
    assert time.process_time() - before < 1


def test_elements_are_told_apart_by_what_the_catalog_says() -> None:
    registry = OwnTypes()
    for number, delimiter in enumerate("|{"):
        oid = 21_100 + 2 * number
        registry.add(TypeInfo(oid, "t", "s", oid + 1, delimiter=delimiter))
    assert registry.text_decoder(21_101)('{a|"b|"|NULL}') == ["a", "b|", None]
    assert registry.text_decoder(21_101)("{a|b,c}") == ["a", "b,c"]
    assert registry.text_decoder(21_103)("{a{b}") == "{a{b}"  # nobody can tell


def test_an_enum_is_none_of_the_types_that_share_a_function() -> None:
    class Mood(Enum):
        ok = 1

    registry = OwnTypes()
    registry.add(TypeInfo(21_200, "t", "s", 0, "e", labels=("ok",), input="hstore_in"), Mood)
    assert binary_decoder(21_200, registry=registry)(b"ok") is Mood.ok


@pytest.mark.parametrize("form", [0, 1])
@pytest.mark.parametrize("rows", [3, 3000])
def test_a_codec_of_ones_own_serves_rows_by_the_thousand(form: int, rows: int) -> None:
    registry = OwnTypes()
    codec = Codec(None, lambda text: f"text {text}", lambda data: f"binary {data.hex()}")
    registry.register(23, codec)
    value = b"\0\0\0\7" if form else b"7"
    data = b"D" + int32.pack(10 + len(value)) + b"\0\1" + int32.pack(len(value)) + value
    decoder = row_decoder([Column("a", 23, format=form)], registry=registry)
    for _ in range(3):
        found: list[Any] = []
        assert decoder.decode(data * rows, 0, len(data) * rows, found) == len(data) * rows
        assert found == [("binary 00000007" if form else "text 7",)] * rows


# -- to binary -----------------------------------------------------------------------------------


class Mood(Enum):
    ok = 1
    sad = 2


class Addr(NamedTuple):
    a: Any
    b: Any
    c: Any


@pytest.mark.parametrize(
    ("oid", "value"),
    [
        (20_010, "sad"),
        (20_011, ["ok", None, "sad"]),
        (20_000, (1, "é", ["ok"])),
        (20_000, (None, None, None)),
        (20_001, [(1, "b", []), None]),
        (20_020, {"a": "1", "b": None, "é": ""}),
        (20_030, Range(1.0, None)),
    ],
)
def test_what_is_written_in_binary_is_read_back(oid: int, value: Any) -> None:
    encode = OwnEncoders(KNOWN, "utf-8", "strict").encoder(oid)
    assert encode is not None
    assert binary_decoder(oid, registry=KNOWN)(encode(value)) == value


def test_classes_of_the_programs_are_written_in_binary() -> None:
    encoders = OwnEncoders(KNOWN, "utf-8", "strict")
    mood, addr = encoders.encoder(20_010), encoders.encoder(20_000)
    assert mood is not None
    assert addr is not None
    assert mood(Mood.sad) == b"sad" == mood("sad")
    assert addr(Addr(1, "x", [Mood.ok])) == addr((1, "x", ["ok"]))


@pytest.mark.parametrize(
    ("oid", "value"),
    [
        (20_010, "glad"),
        (20_010, 1),
        (20_000, (1, "b")),
        (20_000, [1, "b", None]),
        (20_000, 5),
        (20_000, (1, "a\0", None)),
        (20_020, {1: "a"}),
        (20_020, {None: "a"}),
        (20_020, {"a": 1}),
        (20_020, "a=>1"),
    ],
)
def test_what_is_no_value_of_its_type_is_refused(oid: int, value: Any) -> None:
    encode = copy_encoder([oid], registry=KNOWN)
    assert encode is not None
    with pytest.raises(InterfaceError, match=r"row 1: .* as column 1 of type s\."):
        encode([(value,)])


def test_types_without_a_binary_form_and_types_without_end() -> None:
    registry = OwnTypes()
    registry.add(TypeInfo(21_300, "strange", input="strange_in"))
    registry.add(TypeInfo(21_301, "holds", "s", 21_302, "c", fields=(("a", 21_300),)))
    registry.add(TypeInfo(21_400, "node", "s", 21_401, "c", fields=(("a", 23), ("b", 21_401))))
    for number in range(200):
        one = TypeInfo(22_000 + number, "chain", "s", 0, "c", fields=(("a", 22_001 + number),))
        registry.add(one)
    encoders = OwnEncoders(registry, "utf-8", "strict")
    for oid in (21_300, 21_301, 21_302, 22_000, 99_999):
        assert encoders.encoder(oid) is None
    node = encoders.encoder(21_400)
    assert node is not None
    leaves: list[tuple[Any, ...]] = [(2, []), (3, None)]
    tree = node((1, leaves))
    assert all(node(leaf) in tree for leaf in leaves)
