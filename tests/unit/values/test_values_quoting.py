"""Literals and identifiers: libpq's forms, and everything refused that could break out."""

from __future__ import annotations

from typing import Union

import pytest

from purelink.errors import InterfaceError
from purelink.values.encodings import CODECS, codec_of, python_codec
from purelink.values.keywords import RESERVED
from purelink.values.quoting import identifier, literal, quote_ident, quote_literal

Text = Union[str, bytes]


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("", "''"),
        ("abc", "'abc'"),
        ("a'b", "'a''b'"),
        ("a\\b", " E'a\\\\b'"),
        ("'\\'", " E'''\\\\'''"),
        ("é", "'é'"),
        (b"\xc3\xa9", "'é'"),
        ('a"b', "'a\"b'"),
    ],
)
def test_literal(text: Text, quoted: str) -> None:
    assert literal(text) == quoted
    assert quote_literal(text) == quoted.lstrip()


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("abc", '"abc"'),
        ("", '""'),
        ('a"b; drop', '"a""b; drop"'),
        ("a\\b", '"a\\b"'),
        (b"\xc3\xa9", '"é"'),
    ],
)
def test_identifier(text: Text, quoted: str) -> None:
    assert identifier(text) == quoted


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("abc", "abc"),
        ("_a1", "_a1"),
        ("1a", '"1a"'),
        ("", '""'),
        ("Abc", '"Abc"'),
        ("a b", '"a b"'),
        ("a$b", '"a$b"'),
        ("é", '"é"'),
        ("select", '"select"'),
        ("int", '"int"'),
        ("left", '"left"'),
        ("name", "name"),
        ('a"', '"a"""'),
    ],
)
def test_quote_ident(text: str, quoted: str) -> None:
    assert quote_ident(text) == quoted


def test_the_keywords_are_those_of_18() -> None:
    assert {"merge_action", "json_table", "select", "coalesce"} <= RESERVED
    assert len(RESERVED) == 164


REFUSED = [
    (b"\xc3'", "utf-8", "invalid multibyte character"),
    (b"abc\xc3", "utf-8", "incomplete multibyte character"),
    ("\udcc3'", "utf-8", "invalid multibyte character"),
    ("abc\udcc3", "utf-8", "incomplete multibyte character"),
    ("\udce9x", "utf-8", "invalid multibyte character"),
    ("\ud800", "utf-8", "invalid multibyte character"),
    (b"\xff", "utf-8", "invalid multibyte character"),
    (b"\x83'", "cp932", "invalid multibyte character"),
    (b"abc\x83", "cp932", "incomplete multibyte character"),
    (b"\x81", "gb18030", "incomplete multibyte character"),
    ("€", "iso8859-1", "invalid multibyte character"),
    ("a\0b", "utf-8", "a NUL (0x00) cannot be part of a literal or an identifier"),
    (b"\0", "utf-8", "a NUL (0x00) cannot be part of a literal or an identifier"),
]


@pytest.mark.parametrize(("text", "encoding", "said"), REFUSED)
@pytest.mark.parametrize("quote", [literal, quote_literal, identifier, quote_ident])
def test_refusals(quote: object, text: Text, encoding: str, said: str) -> None:
    assert callable(quote)
    with pytest.raises(InterfaceError) as caught:
        quote(text, encoding=encoding)
    assert str(caught.value) == said


def test_shift_jis_pairs_with_a_backslash_inside() -> None:
    assert literal(b"\x95\x5c'", encoding="cp932") == "'表'''"


def test_sql_ascii_keeps_any_byte_but_nul() -> None:
    codec = codec_of("SQL_ASCII")
    quoted = literal(b"\xff'", encoding=codec.encoding, errors=codec.errors)
    assert quoted.encode("utf-8", "surrogateescape") == b"'\xff'''"


def test_every_codec_of_the_table_exists_here() -> None:
    for name, codec in CODECS.items():
        assert python_codec(name) == codec
        assert codec_of(name) == (codec, "strict")


@pytest.mark.parametrize("name", ["MULE_INTERNAL", "EUC_TW", "zlib_codec", "", "rot13"])
def test_an_encoding_without_codec_sends_ascii_and_what_it_read(name: str) -> None:
    assert python_codec(name) is None
    codec = codec_of(name)
    assert codec == ("ascii", "surrogateescape")
    assert b"a\xc3\xa4".decode(*codec).encode(*codec) == b"a\xc3\xa4"
    with pytest.raises(UnicodeEncodeError):
        "ä".encode(*codec)


def test_sql_ascii_has_no_codec_either() -> None:
    assert python_codec("SQL_ASCII") is None
    assert codec_of("sql_ascii") == ("utf-8", "surrogateescape")


def test_a_codec_that_this_python_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CODECS, "EUC_JIS_2004", "no_such_codec")
    assert codec_of("EUC_JIS_2004") == ("ascii", "surrogateescape")


@pytest.mark.parametrize("name", sorted(CODECS))
def test_nothing_but_ascii_is_sent_as_ascii(name: str) -> None:
    # Else what was escaped as characters is another thing as bytes: a yen sign, a backslash.
    encoding, errors = codec_of(name)
    for number in range(128):
        assert chr(number).encode(encoding, errors) == bytes([number])
        assert bytes([number]).decode(encoding, errors) == chr(number)
    for number in (*range(0x80, 0x180), *range(0x2000, 0x2060), *range(0xFF00, 0xFFF0)):
        try:
            data = chr(number).encode(encoding, errors)
        except UnicodeEncodeError:
            continue
        assert data[0] >= 0x80, (hex(number), data)


@pytest.mark.parametrize("name", ["EUC_JP", "SHIFT_JIS_2004"])
def test_a_yen_sign_is_no_backslash(name: str) -> None:
    encoding, errors = codec_of(name)
    for text in ("\\¥' OR 1=1 --", "‾"):
        with pytest.raises(InterfaceError, match="invalid multibyte character"):
            literal(text, encoding=encoding, errors=errors)
    assert literal("ソ\\'", encoding=encoding).encode(encoding)[-5:] == b"\\\\'''"


def test_half_a_character_is_no_letter_of_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(name: str) -> None:
        raise LookupError(name)

    monkeypatch.setattr("codecs.lookup", lookup)  # as a small Python has it
    encoding, errors = codec_of("BIG5")
    with pytest.raises(InterfaceError):
        literal("\udca5\\' OR 1=1 --", encoding=encoding, errors=errors)
    assert codec_of("EUC_TW") == ("ascii", "surrogateescape")
