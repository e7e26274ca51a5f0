"""Codesets of locales, by PostgreSQL's names."""

from __future__ import annotations

import pytest

from purelink.conninfo.codeset import encoding_name


@pytest.mark.parametrize(
    ("codeset", "name"),
    [
        ("UTF-8", "UTF8"),
        ("utf-8", "UTF8"),
        ("ANSI_X3.4-1968", "SQL_ASCII"),
        ("ISO-8859-15", "LATIN9"),
        ("", ""),
        ("NO-SUCH", ""),
    ],
)
def test_names(codeset: str, name: str) -> None:
    assert encoding_name(codeset) == name
