"""What a COPY statement says about its data, in either syntax, however it is written."""

from __future__ import annotations

from typing import Any

import pytest

from purelink.conversation.copy_options import CopyOptions, copy_options
from purelink.errors import InterfaceError

TABLE = {"table": "t"}

CASES: dict[str, dict[str, Any]] = {
    "copy t from stdin": {},
    "COPY t FROM STDIN;": {},
    "copy t to stdout": {"inward": False},
    "/* c */ copy -- stdin\n t from stdin": {},
    "copy t (a, b) from stdin": {"columns": "a, b"},
    'copy "s".t("a)", b) from stdin': {"table": '"s".t', "columns": '"a)", b'},
    "copy (select 'to stdout (format csv)') to stdout": {"table": "", "inward": False},
    "copy binary t from stdin": {"format": "binary"},
    "copy t from stdin binary": {"format": "binary"},
    "copy t from stdin with (format binary, freeze)": {"format": "binary"},
    "copy t from stdin (format csv)": {"format": "csv", "delimiter": ",", "null": ""},
    "copy t from stdin (FORMAT 'csv', HEADER)": {
        "format": "csv", "delimiter": ",", "null": "", "header": "on",
    },
    "copy t from stdin csv header": {
        "format": "csv", "delimiter": ",", "null": "", "header": "on",
    },
    "copy t from stdin (format csv, header false, quote '''', force_not_null (a, b))": {
        "format": "csv", "delimiter": ",", "null": "", "quote": "'", "escape": "'",
    },
    "copy t from stdin (header match, format csv, escape '\\')": {
        "format": "csv", "delimiter": ",", "null": "", "escape": "\\", "header": "match",
    },
    "copy t from stdin delimiters '|' null as 'x' ": {"delimiter": "|", "null": "x"},
    "copy t from stdin with delimiter e'\\t' null $$y$$": {"null": "y"},
    "copy t from stdin with null $q$y$q$ csv quote as '\"'": {
        "format": "csv", "delimiter": ",", "null": "y",
    },
    "copy t from stdin (encoding 'LATIN1') where a > 'csv'": {"encoding": "LATIN1"},
    "copy t from stdin csv where header > 'csv'": {"format": "csv", "delimiter": ",", "null": ""},
}  # fmt: skip


@pytest.mark.parametrize("sql", CASES)
def test_options(sql: str) -> None:
    expected = CopyOptions(**{**TABLE, **CASES[sql]})
    assert copy_options(sql) == expected
    assert expected.plain == (expected[:3] == ("text", "\t", "\\N"))


@pytest.mark.parametrize(
    "sql",
    ["", "select 1", "copy", "stdin", "copy t from 'stdin'", "copy (select stdin)", "-- copy"],
)
def test_what_is_no_copy(sql: str) -> None:
    with pytest.raises(InterfaceError, match="this is no COPY"):
        copy_options(sql)
