"""The password's preparation, step by step as libpq does it, and the md5 answers of its vectors."""

from __future__ import annotations

import hashlib
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purelink.errors import AuthenticationError
from purelink.wire.password import md5, prepare

CHANGED = {
    "composed": ("p\u00e4ss", "p\u00e4ss"),
    "decomposed": ("pa\u0308ss", "p\u00e4ss"),
    "soft hyphen goes (B.1)": ("I\u00adX", "IX"),
    "roman numeral (NFKC)": ("\u2168", "IX"),
    "zero width space is a space (C.1.2 before B.1)": ("a\u200bb", "a b"),
    "no-break space": ("a\u00a0b", "a b"),
    "ideographic space": ("a\u3000b", "a b"),
    "lone zero width space": ("\u200b", " "),
    "right-to-left at both ends": ("\u0627\u00a0\u0628", "\u0627 \u0628"),
    "left-to-right with a soft hyphen": ("ab\u00adc\u00aa", "abca"),
}

RAW = {
    "only what is mapped to nothing": "\u00ad",
    "control character (C.2.1) beside a letter that would change": "\x07\u2168",
    "DEL": "\x7f\u2168",
    "non-ASCII control (C.2.2)": "\u0080\u2168",
    "private use (C.3)": "\ue000\u2168",
    "not a character (C.4)": "\ufdd0\u2168",
    "inappropriate for plain text (C.6)": "\ufffd\u2168",
    "inappropriate for canonical representation (C.7)": "\u2ff0\u2168",
    "changes display (C.8)": "\u202e\u2168",
    "tagging (C.9)": "\U000e0001\u2168",
    "unassigned in Unicode 3.2 (A.1)": "x\U0001f600\u2168",
    "capital sharp s, of Unicode 5.1": "\u1e9e\u2168",
    "emoji": "x\U0001f600",
    "mixed direction: left-to-right inside": "\u0627a\u00a0\u0628",
    "right-to-left not at the end": "\u0627\u00a01",
    "right-to-left not at the start": "1\u00a0\u0627",
}


@pytest.mark.parametrize("case", CHANGED)
def test_mapped_and_normalised(case: str) -> None:
    given_, prepared = CHANGED[case]
    assert prepare(given_.encode()) == prepared.encode()


@pytest.mark.parametrize("case", RAW)
def test_given_up_for_the_raw_bytes(case: str) -> None:
    raw = RAW[case].encode()
    assert prepare(raw) == raw


@pytest.mark.parametrize("raw", [b"", b"pw", b"\x07x", b"\x7f", b" ", b"a\x00b"])
def test_ascii_is_left_alone(raw: bytes) -> None:
    assert prepare(raw) == raw


@pytest.mark.parametrize(
    "raw",
    [b"\xff\xfe", b"p\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x85\xa8\xff"],
)
def test_what_is_not_utf8_is_left_alone(raw: bytes) -> None:
    assert prepare(raw) == raw


def test_the_tables_are_not_imported_for_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stringprep", None)
    assert prepare(b"secret") == b"secret"
    with pytest.raises(ImportError):
        prepare("p\u00e4ss".encode())


@given(st.binary())
def test_any_bytes_have_a_preparation(raw: bytes) -> None:
    prepare(raw)


@given(st.text())
def test_a_prepared_text_is_utf8(text: str) -> None:
    raw = text.encode("utf-8", "surrogatepass")
    prepared = prepare(raw)
    if prepared != raw:
        prepared.decode("utf-8")


@pytest.mark.parametrize(
    ("salt", "answer"),
    [
        (b"\x01\x02\x03\x04", b"md5dffd2564502f75393b3854e1532b9fa6"),
        (b"abcd", b"md5a05ce7e2d585968111cf9414346f1386"),
        (b"\x00\xff\x80\x00", b"md591213571bd5fd7b7759a08cfd7d28764"),
    ],
)
def test_md5_vectors(salt: bytes, answer: bytes) -> None:
    assert md5(b"secret", b"u", salt) == answer


def test_md5_refused_by_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ValueError("[digital envelope routines] unsupported")

    monkeypatch.setattr(hashlib, "md5", refuse)
    with pytest.raises(
        AuthenticationError, match=r"^could not encrypt password: unsupported"
    ) as no:
        md5(b"open sesame", b"u", b"abcd")
    assert "scram-sha-256" in str(no.value)
    assert "sesame" not in repr((no.value, no.value.__cause__, no.value.__context__))
