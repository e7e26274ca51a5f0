"""Composition: pieces, their text, and no placeholder made by chance."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from purelink.errors import InterfaceError
from purelink.sql import DEFAULT, NULL, SQL, Composed, Identifier, Literal, Placeholder, quote


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (True, "true"),
        (5, "5"),
        (-5, "(-5)"),
        (1 << 40, "1099511627776"),
        (1.5, "1.5"),
        (-1.5, "(-1.5)"),
        (1e300, "'1e+300'::double precision"),
        (float("nan"), "'nan'::double precision"),
        (Decimal("1.50"), "1.50"),
        (Decimal("NaN"), "'NaN'::numeric"),
        ("it's", "'it''s'"),
        ("a\\b", " E'a\\\\b'"),
        (b"\x00\xff", " E'\\\\x00ff'::bytea"),
        (dt.date(2024, 1, 2), "'2024-01-02'::date"),
        ([1, 2], '\'{"1","2"}\'::integer[]'),
        (["a", None], "'{\"a\",NULL}'"),
        (UUID(int=1), "'00000000-0000-0000-0000-000000000001'::uuid"),
    ],
)
def test_literals(value: Any, text: str) -> None:
    assert quote(value) == text
    assert Literal(value).as_string() == text


def test_what_cannot_be_written() -> None:
    for value in ("\0", object(), "\ud800"):
        with pytest.raises(InterfaceError):
            quote(value)
    with pytest.raises(InterfaceError):
        Identifier("a\0").as_string()
    with pytest.raises(TypeError):
        Identifier()
    with pytest.raises(TypeError):
        SQL(5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cannot be named"):
        Placeholder("a)")


def test_format_and_join() -> None:
    query = SQL("select {} from {table} where {{{0}}} = {1}").format
    with pytest.raises(ValueError, match="cannot be mixed"):
        query(1, 2, table=1)
    with pytest.raises(ValueError, match="neither formats"):
        SQL("{:>5}").format(1)
    with pytest.raises(IndexError):
        SQL("{} {}").format(1)
    with pytest.raises(KeyError):
        SQL("{a}").format()
    names = [Identifier("a"), Identifier('b"')]
    composed = SQL("insert into {t} ({}) values ({}, {})").format(
        SQL(", ").join(names), Placeholder(), Placeholder("x"), t=Identifier("s", "t")
    )
    assert composed.as_string() == 'insert into "s"."t" ("a", "b""") values (%s, %(x)s)'
    assert SQL("{{}}{0}{0}").format(NULL).as_string() == "{}NULLNULL"
    assert Composed([1, "x", SQL("y")]).join(", ").as_string() == "1, 'x', y"
    assert Composed([1, 2]).join(SQL("; ")).as_string() == "1; 2"


def test_pieces() -> None:
    both = SQL("a") + Identifier("b")
    assert len(both) == 2
    assert (both + both + SQL("c")).as_string() == 'a"b"a"b"c'
    assert (DEFAULT * 2).join(",").as_string() == "DEFAULT,DEFAULT"
    assert SQL("a") == SQL("a") != Identifier("a")
    assert Literal(1) != Literal(True)
    assert Literal([1]) == Literal([1])
    assert len({SQL("a"), SQL("a"), Placeholder("a"), Literal([1]), Composed([1])}) == 4
    assert repr(both) == "Composed([SQL('a'), Identifier('b')])"
    assert repr(Composed([1, Placeholder("x")])) == "Composed([Literal(1), Placeholder('x')])"
    with pytest.raises(TypeError):
        SQL("a") + "b"  # type: ignore[operator]


def test_a_percent_sign_is_no_placeholder() -> None:
    composed = SQL("select {} as {}, {}").format("100%s", Identifier("50%"), Placeholder())
    assert composed.as_string() == "select '100%s' as \"50%\", %s"
    assert composed.compose(pyformat=True) == "select '100%%s' as \"50%%\", %s"
