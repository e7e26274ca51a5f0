"""COPY's rows, written and read back, however the bytes are cut."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from purelink.conversation.copy_options import CopyOptions, copy_options
from purelink.conversation.copy_rows import RowWriter, row_reader
from purelink.errors import DataError, InterfaceError

FORMS = [
    "",
    "(format csv)",
    "(format csv, delimiter ';', quote '''', escape '\\', null 'NULL', header)",
    "(delimiter '|', null '~')",
    "(format csv, encoding 'LATIN1')",
    "(encoding 'UTF8')",
]

texts = some.text(some.sampled_from("ab\t\n\r\\\"',;|~N. é\b"), max_size=6)
tables = some.lists(some.tuples(*[some.none() | texts] * 2), max_size=8)


def read(options: CopyOptions, data: bytes, step: int) -> list[Any]:
    reader = row_reader(options, "utf-8", "strict")
    rows, rest = [], b""
    for place in range(0, len(data), step):
        rest += data[place : place + step]
        found, used = reader(rest, False)
        rows += found
        rest = rest[used:]
    return rows + reader(rest, True)[0]


@pytest.mark.parametrize("form", FORMS)
@given(rows=tables, step=some.integers(1, 40))
def test_round_trip(form: str, rows: list[Any], step: int) -> None:
    options = copy_options(f"copy t from stdin {form}")
    writer = RowWriter(options, "utf-8", "strict")
    if options.null == "~":  # such a value cannot be told from NULL, and is refused: see below
        rows = [row for row in rows if "~" not in row]
    data = writer.beginning + writer(rows) + writer.end
    assert read(options, data, step) == rows


@given(
    rows=some.lists(some.tuples(some.none() | some.integers(0, 9), some.none() | texts)),
    step=some.integers(1, 40),
)
def test_binary(rows: list[Any], step: int) -> None:
    options = copy_options("copy t from stdin binary")
    writer = RowWriter(options, "utf-8", "strict", [23, 25])
    data = writer.beginning + writer(rows) + writer.end
    assert read(options, data, step) == [
        (
            None if number is None else number.to_bytes(4, "big"),
            None if text is None else text.encode(),
        )
        for number, text in rows
    ]


def test_what_cannot_be_written() -> None:
    binary, csv, match = (
        copy_options(f"copy t from stdin {form}")
        for form in ("binary", "(format csv)", "(format csv, header match)")
    )
    with pytest.raises(InterfaceError, match=r"type tsvector .* binary: COPY as text"):
        RowWriter(binary, "utf-8", "strict", [3614])
    with pytest.raises(InterfaceError, match="HEADER MATCH"):
        RowWriter(match, "utf-8", "strict")
    with pytest.raises(InterfaceError, match="NUL"):
        RowWriter(csv, "utf-8", "strict")([("a\0",)])
    with pytest.raises(InterfaceError, match="has not"):
        RowWriter(csv, "latin-1", "strict")([("€",)])
    for null, value in (("~", "~"), ("", "")):
        text = copy_options(f"copy t from stdin (null '{null}')")
        with pytest.raises(InterfaceError, match="reads as NULL"):
            RowWriter(text, "utf-8", "strict")([(value,)])
    with pytest.raises(InterfaceError, match="dict"):
        RowWriter(csv, "utf-8", "strict")([({},)])


def test_what_cannot_be_read() -> None:
    for form, data in (
        ("binary", b"x" * 30),
        ("(format csv)", b'"never ended\n'),
        ("", b"\xff\n"),
    ):
        options = copy_options(f"copy t to stdout {form}")
        with pytest.raises(DataError):
            row_reader(options, "utf-8", "strict")(data, True)
