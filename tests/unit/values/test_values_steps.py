"""Reading a text takes steps in proportion to its length: no pattern tries every way through it."""

from __future__ import annotations

import time

import pytest

from fuzz.values import TYPES
from purelink.conversation.statements import _SHIFTY
from purelink.errors import DatabaseError
from purelink.values.input import input_function
from purelink.values.styles import DEFAULT_STYLES
from purelink.values.text import text_decoder

LENGTH = 4000
#: how a text begins, and what it goes on with
PUMPED = [
    *(('["', '"'), ("[", '""'), ('{["', '""'), ('["', '"",'), ('("', '""'), ('{"', '"')),
    *(("0x", "a"), ("-", "1"), ("", " "), ("", "1 "), ("1.", "1"), ("P", "1"), ("@ ", "1 day ")),
    *(('"a"=>"', '"'), ("", "\\"), ("[1:", "[1:1]"), ("", "::"), ("2026-01-02 ", "1")),
]


@pytest.mark.parametrize(("beginning", "unit"), PUMPED)
def test_long_texts(beginning: str, unit: str) -> None:
    text = beginning + unit * (LENGTH // len(unit)) + "x"
    for oid in TYPES:
        for read in (text_decoder(oid, DEFAULT_STYLES), input_function(oid)):
            before = time.process_time()
            try:
                read(text)
            except DatabaseError:
                pass
            spent = time.process_time() - before
            assert spent < 0.5, (oid, beginning, unit, spent)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('["1","2"]', (1, 3, "[)")),
        ('["1""",2)', None),
        ("[1,2)", (1, 2, "[)")),
        ('[""1"",2)', (1, 2, "[)")),
        ('["",2)', None),
        ('["1"2,3")', None),
        ('["1"0,"3"0)', (10, 30, "[)")),
    ],
)
def test_quoted_bounds(text: str, value: tuple[int, int, str] | None) -> None:
    read = input_function(3904)
    try:
        found = read(text)
    except DatabaseError:
        assert value is None
        return
    assert value is not None
    assert (found.lower, found.upper, found.bounds) == value  # type: ignore[attr-defined]


def test_comments_before_a_statement() -> None:
    before = time.process_time()
    for text in ("/* */" * 20_000, "/*" * 20_000, "-- a\n" * 20_000, "/* * */ /" * 10_000):
        assert _SHIFTY.match(text + "select 1") is None
    assert _SHIFTY.match("/* a * b */ -- c\n/**/ FETCH 1 FROM c") is not None
    assert time.process_time() - before < 1
