"""Sessions in encodings that are not UTF-8: what is sent is what is there, whatever was escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import purelink
from purelink import sql

if TYPE_CHECKING:
    from tests.conftest import AnyServer

#: letters whose second byte is a backslash, a quote's neighbour or a bar, where there are such
LETTERS = {
    "BIG5": "功許",
    "EUC_JP": "ソ表",
    "GB18030": "誠乗",
    "GBK": "誠乗",
    "LATIN1": "äÿ",
    "SHIFT_JIS_2004": "ソ表",
    "SJIS": "ソ表",
    "UHC": "가힣",
}


@pytest.mark.parametrize("name", sorted(LETTERS))
def test_what_is_escaped_comes_back(server: AnyServer, name: str) -> None:
    texts = ["\\", "'", "\\'", "~", "a\tb\nc", *(each + "\\' \t~" for each in LETTERS[name])]
    with purelink.connect(server.dsn, autocommit=True) as connection:
        connection.execute(f"SET client_encoding TO '{name}'")
        connection.execute("CREATE TEMP TABLE t (n int, v text)")
        rows = list(enumerate([*texts, None]))
        connection.copy_in("COPY t FROM STDIN", rows)
        assert connection.query("SELECT n, v FROM t ORDER BY n").rows == rows
        for text in texts:
            made = sql.SQL("SELECT {}, %s, %s::text[]").format(text)
            assert connection.execute(made, (text, [text])).fetchone() == (text, text, [text])
