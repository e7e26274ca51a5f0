"""COPY data, text, CSV and binary: any bytes as what COPY TO STDOUT gives.

Input: the format and its options, a seed for cutting, then the data.
Invariant: rows, or DataError; the same rows however the data was cut into blocks; rows that are
written again by `RowWriter` and read back are the same rows.
Allowed exceptions: `DataError` when reading, `InterfaceError` when writing again.

    python -m fuzz.copy_data --runs 100000
"""

from __future__ import annotations

import sys
from random import Random
from typing import Any, Union

from fuzz import runner
from fuzz.values import damaged
from purelink.conversation.copy_options import copy_options
from purelink.conversation.copy_rows import RowWriter, row_reader
from purelink.errors import DataError, InterfaceError

__all__ = ["example", "one"]

STATEMENTS = (
    "COPY t TO STDOUT",
    "COPY t TO STDOUT (DELIMITER '|', NULL 'nil')",
    "COPY t TO STDOUT (FORMAT csv)",
    "COPY t TO STDOUT (FORMAT csv, HEADER, QUOTE '''', ESCAPE '\\', DELIMITER ';')",
    "COPY t TO STDOUT (FORMAT csv, NULL 'nil', FORCE_QUOTE *)",
    "COPY t TO STDOUT (FORMAT binary)",
    "COPY t TO STDOUT (ENCODING 'LATIN1')",
)
Rows = Union[str, "list[tuple[Any, ...]]"]


def read(statement: str, blocks: list[bytes]) -> Rows:
    """Return the rows that blocks of data hold, or "DataError"."""
    reader = row_reader(copy_options(statement), "utf-8", "strict")
    rows: list[tuple[Any, ...]] = []
    rest = b""
    try:
        for block in blocks:
            data = rest + block
            more, used = reader(data, False)
            assert 0 <= used <= len(data)
            rest = data[used:]
            rows += more
        rows += reader(rest, True)[0]
    except DataError:
        return "DataError"
    return rows


def one(data: bytes) -> None:
    """Try one piece of data."""
    if len(data) < 2:
        return
    statement, random = STATEMENTS[data[0] % len(STATEMENTS)], Random(data[1])
    said = data[2:]
    whole = read(statement, [said])
    places = sorted({random.randrange(len(said) + 1) for _ in range(5)})
    for blocks in (
        [said[at : at + 1] for at in range(len(said))],
        [said[a:b] for a, b in zip([0, *places], [*places, len(said)])],
    ):
        other = read(statement, blocks)
        assert other == whole or "DataError" in (other, whole), (statement, whole, other)
    if not isinstance(whole, str) and "binary" not in statement and "HEADER" not in statement:
        _again(statement, whole)


def _again(statement: str, rows: list[tuple[Any, ...]]) -> None:
    options = copy_options(
        statement.replace("TO STDOUT", "FROM STDIN").replace("FORCE_QUOTE *", "")
    )
    writer = RowWriter(options, "utf-8", "strict", None)
    try:
        data = writer.beginning + writer(rows) + writer.end
    except InterfaceError:
        return
    assert read(statement, [data]) == rows, (statement, rows, data)


def example(random: Random) -> bytes:
    """Return rows as COPY would write them, damaged or not."""
    kind = random.randrange(len(STATEMENTS))
    value = (
        "1",
        "",
        "a b",
        "\\N",
        "nil",
        "tab\\there",
        "ä€",
        '"q""q"',
        "'q;q'",
        "a|b",
        "x,y",
        "\\.",
    )
    if "binary" in STATEMENTS[kind]:
        row = b"\0\2\0\0\0\1x\xff\xff\xff\xff"
        data = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0" + row * random.choice((0, 1, 3)) + b"\xff\xff"
    else:
        parts = random.choice(("\t", "|", ",", ";"))
        lines = [
            parts.join(random.choice(value) for _ in range(random.choice((1, 2, 3))))
            for _ in range(random.choice((0, 1, 3)))
        ]
        data = random.choice(("\n", "\r\n", "\n\n")).join([*lines, ""]).encode()
    return bytes([kind, random.randrange(256)]) + damaged(random, data)


if __name__ == "__main__":
    sys.exit(runner.run("copy_data", sys.argv[1:]))
