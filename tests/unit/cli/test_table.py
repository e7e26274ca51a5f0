"""Rows as psql prints them."""

from __future__ import annotations

import pytest

from purelink.cli.table import aligned, printable, spelled


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "t"),
        (False, "f"),
        (7, "7"),
        ("x", "x"),
        (b"\xff", "\\xff"),
        ([], "{}"),
        (["a0", "b0"], "{a0,b0}"),
        (
            [None, "null", "", "a b", 'q"\\', "x,y", "{"],
            '{NULL,"null","","a b","q\\"\\\\","x,y","{"}',
        ),
        ([[1, 2], [3, 4]], "{{1,2},{3,4}}"),
    ],
)
def test_a_value_as_the_server_would_print_it(value: object, text: str) -> None:
    assert spelled(value) == text


def test_a_table() -> None:
    rows = [(1, "a", None), (10, "bb", True)]
    assert [line.rstrip() for line in aligned(["n", "text", "?"], rows)] == [
        " n  | text | ?",
        "----+------+---",
        "  1 | a    |",
        " 10 | bb   | t",
        "(2 rows)",
    ]


def test_one_row_and_none() -> None:
    assert aligned(["a"], [(1,)])[-1] == "(1 row)"
    assert aligned(["a"], [])[-1] == "(0 rows)"
    assert aligned(["a"], [], count=False)[-1] == "---"


def test_wide_characters_stand_in_line() -> None:
    lines = aligned(["名"], [("日本",), ("x",)])
    assert lines[0] == "  名  "
    assert lines[2].rstrip() == " 日本"


def test_what_a_server_sends_does_not_drive_the_terminal() -> None:
    assert printable("a\x1b[31mb\x07") == "a\\x1b[31mb\\x07"
    assert aligned(["\x1b"], [("\r",)])[2].strip() == "\\r"
