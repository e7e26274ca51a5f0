"""dblink's column definition lists, and COPY statements: any text that a caller hands on.

Input: the text.
Invariant: columns of different names, or the server's own refusal with its SQLSTATE; the options
of a COPY statement, or InterfaceError.
Allowed exceptions: `DatabaseError`, `InterfaceError`.

    python -m fuzz.column_list --runs 100000
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fuzz import runner
from fuzz.values import damaged
from purelink.conversation.copy_options import copy_options
from purelink.dblink.columns import declared
from purelink.errors import DatabaseError, InterfaceError

if TYPE_CHECKING:
    from random import Random

__all__ = ["example", "one"]

LISTS = (
    "a int, b text, c text[]",
    '"A b" numeric(10,2), c timestamp(3) with time zone',
    'a varchar(5) collate "C", b interval day to second(2), c bit varying(3)[][4]',
    "a int4 array[3], b double precision, c character varying",
    '/* a */ x -- b\n int, y U&"d\\0061t" text',
    "copy t (a, b) from stdin with (format csv, delimiter ';', null '\\N', quote '\"')",
    "COPY (SELECT 1) TO STDOUT WITH CSV HEADER QUOTE AS '''' FORCE QUOTE a",
    "copy binary t to stdout with delimiters ','",
)


def one(data: bytes) -> None:
    """Try one text."""
    text = data.decode("utf-8", "replace")
    try:
        columns = declared(text)
    except (DatabaseError, InterfaceError) as error:
        assert isinstance(error, InterfaceError) or error.sqlstate, error
    else:
        assert columns, text
        assert len({column.name for column in columns}) == len(columns)
    try:
        copy_options(text)
    except InterfaceError:
        pass


def example(random: Random) -> bytes:
    """Return one of the lists, damaged or not."""
    return damaged(random, random.choice(LISTS).encode())


if __name__ == "__main__":
    sys.exit(runner.run("column_list", sys.argv[1:]))
