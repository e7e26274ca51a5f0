"""The caret under an error's place, in a line without secrets."""

from __future__ import annotations

import pytest

from purelink.conninfo.picture import draw


@pytest.mark.parametrize(
    ("text", "position", "line", "caret"),
    [
        ("host=h nosuch=1", 8, "host=h nosuch=1", 8),
        ("password=pw nosuch=1", 13, "password=*** ***", 14),
        ("password=hushhush word", 19, "password=*** ***", 14),
        ("host=h password='a b", 17, "host=h password=***", 17),
        ("password='' host=h x", 20, "password='' host=h ***", 20),
        ("postgres://u:hush@h/d?a", 23, "postgres://u:***@h/d?a", 22),
        ("postgres://u:p w@h", 14, "postgres://u:***@h", 14),
        ("postgres://h?password=hush&x", 28, "postgres://h?password=***&***", 27),
        (" postgres://u:hush@h", 2, " postgres://u:***@h", 2),
        ("host=postgres://u:hush@h x", 26, "host=postgres://u:***@h x", 25),
        ("password=postgres://u:hush@h x", 30, "password=*** ***", 14),
        ("host=h\nport=1\nx\nuser=u", 15, "x", 1),
        ("user=\x1b x", 8, "user=? x", 8),
        # the end of the string is a place too
        ("host=h user", 12, "host=h user", 12),
        # a place within a secret: where the mask begins
        ("password=hush", 12, "password=***", 10),
    ],
)
def test_pictures(text: str, position: int, line: str, caret: int) -> None:
    assert draw(text, position) == f"{line}\n{' ' * (caret - 1)}^"


def test_no_place_no_picture() -> None:
    assert draw("host", None) == ""
