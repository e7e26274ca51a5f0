"""The column definition list: names and types, the server's errors, and what fits it."""

from __future__ import annotations

import pytest

from purelink import errors
from purelink.dblink.columns import STATUS, Column, Columns, check_rows, check_status, declared
from purelink.values import oids


def names_and_types(columns: Columns) -> list[tuple[str, int, int]]:
    found = declared(columns)
    assert found is not None
    return [(one.name, one.oid, one.typmod) for one in found]


def test_the_seed() -> None:
    assert declared("a int, b text, c text[]") == (
        Column("a", oids.INT4, -1, "int"),
        Column("b", oids.TEXT, -1, "text"),
        Column("c", 1009, -1, "text[]"),
    )


def test_none_takes_the_results_own() -> None:
    assert declared(None) is None
    assert declared([]) == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A INT", [("a", 23, -1)]),
        ('"Mixed Case" int', [("Mixed Case", 23, -1)]),
        ('"a""b"int', [('a"b', 23, -1)]),
        ("É int", [("É", 23, -1)]),
        ("É int, é int", [("É", 23, -1), ("é", 23, -1)]),
        (
            "int int, between int, values int",
            [("int", 23, -1), ("between", 23, -1), ("values", 23, -1)],
        ),
        ("a$b int", [("a$b", 23, -1)]),
        ("a numeric(10,2), b int", [("a", 1700, 655366), ("b", 23, -1)]),
        ("a timestamp(3) with time zone", [("a", 1184, 3)]),
        ("a double precision", [("a", 701, -1)]),
        ("a int[3][4], b int array[3]", [("a", 1007, -1), ("b", 1007, -1)]),
        ('a "char", b pg_catalog.int4, c "int4"', [("a", 18, -1), ("b", 23, -1), ("c", 23, -1)]),
        ("a int /* , */, b text -- the rest", [("a", 23, -1), ("b", 25, -1)]),
        ("a /* x /* y */ z */ int", [("a", 23, -1)]),
        ("a--c\nint", [("a", 23, -1)]),
        (
            'a text collate "C", b name[] collate pg_catalog."default"',
            [("a", 25, -1), ("b", 1003, -1)],
        ),
        ("a record", [("a", 2249, -1)]),
        ("x" * 70 + " int", [("x" * 63, 23, -1)]),
        ([("Mixed Case", "int"), ("b", "varchar(3)")], [("Mixed Case", 23, -1), ("b", 1043, 7)]),
        ((("é" * 40, "text"),), [("é" * 31, 25, -1)]),
    ],
)
def test_lists(text: Columns, found: list[tuple[str, int, int]]) -> None:
    assert names_and_types(text) == found


# as a real 18.6 answers to `SELECT * FROM dblink(…) AS t(<text>)`
@pytest.mark.parametrize(
    ("text", "sqlstate", "message"),
    [
        ("", "42601", 'syntax error at or near ")"'),
        ("a int,", "42601", 'syntax error at or near ")"'),
        (",a int", "42601", 'syntax error at or near ","'),
        ("a int,,b int", "42601", 'syntax error at or near ","'),
        ("a int, b", "42601", 'syntax error at or near ")"'),
        ("a, b int", "42601", 'syntax error at or near ","'),
        ("a int b int", "42601", 'syntax error at or near "b"'),
        ("a int;", "42601", 'syntax error at or near ";"'),
        ("a int)", "42601", 'syntax error at or near ")"'),
        ("a int]", "42601", 'syntax error at or near "]"'),
        ("a numeric(10,2", "42601", "syntax error at end of input"),
        ("a timestamp with time", "42601", 'syntax error at or near ")"'),
        ("a timestamp with time, b int", "42601", 'syntax error at or near ","'),
        ("a int(3)", "42601", 'syntax error at or near "("'),
        ("1 int", "42601", 'syntax error at or near "1"'),
        ("a 1", "42601", 'syntax error at or near "1"'),
        ("a 'x'", "42601", "syntax error at or near \"'x'\""),
        ("'a' int", "42601", "syntax error at or near \"'a'\""),
        ("$a int", "42601", 'syntax error at or near "$"'),
        ("a.b int", "42601", 'syntax error at or near "."'),
        ("select int", "42601", 'syntax error at or near "select"'),
        ("User int", "42601", 'syntax error at or near "User"'),
        ("left int", "42601", 'syntax error at or near "left"'),
        ("a setof", "42601", 'syntax error at or near ")"'),
        ("a collate x", "42601", 'syntax error at or near "collate"'),
        ("a int collate", "42601", 'syntax error at or near ")"'),
        ("a text collate left", "42601", 'syntax error at or near "left"'),
        ("a text collate c.1", "42601", 'syntax error at or near "1"'),
        ('a setof int collate "C"', "42P16", 'column "a" cannot be declared SETOF'),
        ("a text collate 1", "42601", 'syntax error at or near "1"'),
        ('a text collate "C" x', "42601", 'syntax error at or near "x"'),
        ('a text collate "C"."D" x', "42601", 'syntax error at or near "x"'),
        ("a text collate c. , b int", "42601", 'syntax error at or near ","'),
        ('"" int', "42601", 'zero-length delimited identifier at or near """"'),
        ('"abc int', "42601", 'unterminated quoted identifier at or near ""abc int)"'),
        ("a 'abc", "42601", 'unterminated quoted string at or near "\'abc)"'),
        ("/* never", "42601", 'unterminated /* comment at or near "/* never)"'),
        ("a /* x /* */ int", "42601", 'unterminated /* comment at or near "/* x /* */ int)"'),
        ("a int[3,4]", "42601", 'syntax error at or near ","'),
        ("a 1)", "42601", 'syntax error at or near "1"'),
        ("a foo, 1 int", "42601", 'syntax error at or near "1"'),
        ("a foo, b bar", "42704", 'type "foo" does not exist'),
        ("a int(]", "42601", 'syntax error at or near "("'),
        ("a text collate (", "42601", 'syntax error at or near "("'),
        ("a foo", "42704", 'type "foo" does not exist'),
        ("a int, a foo", "42704", 'type "foo" does not exist'),
        ("a int, A text", "42701", 'column name "a" specified more than once'),
        ('É int, "É" int', "42701", 'column name "É" specified more than once'),
        ("a setof int", "42P16", 'column "a" cannot be declared SETOF'),
        ("a void", "42P16", 'column "a" has pseudo-type void'),
        ("a void, a int", "42701", 'column name "a" specified more than once'),
        ('a int collate "C"', "42804", "collations are not supported by type integer"),
        ("a numeric(1001)", "22023", "NUMERIC precision 1001 must be between 1 and 1000"),
        ("a int, b\0 text", "22021", 'invalid byte sequence for encoding "UTF8": 0x00'),
        ([("a", "int"), ("a", "text")], "42701", 'column name "a" specified more than once'),
        ([("a", "int, b text")], "42601", 'syntax error at or near ","'),
        ([("a", "")], "42601", 'syntax error at or near ")"'),
        ([("", "int")], "42601", 'zero-length delimited identifier at or near """"'),
        ([("a", "int)")], "42601", 'syntax error at or near ")"'),
        ([("a", "numeric(3")], "42601", "syntax error at end of input"),
        ([("a", "int b")], "42601", 'syntax error at or near "b"'),
        ([("a\0", "int")], "22021", 'invalid byte sequence for encoding "UTF8": 0x00'),
    ],
)
def test_wrong_lists(text: Columns, sqlstate: str, message: str) -> None:
    with pytest.raises(errors.DatabaseError) as caught:
        declared(text)
    assert (caught.value.sqlstate, caught.value.message) == (sqlstate, message)


@pytest.mark.parametrize("columns", [7, [("a",)], ["ab"], [("a", 23)], [(1, "int")], {"a": "int"}])
def test_neither_text_nor_pairs(columns: object) -> None:
    with pytest.raises(errors.InterfaceError, match="columns must be text"):
        declared(columns)  # type: ignore[arg-type]


def test_rows_must_have_as_many_columns() -> None:
    two = declared("a int, b int")
    assert check_rows(two, 2) is None
    assert check_rows(None, 7) is None
    assert check_rows((), 0) is None
    for received in (0, 1, 3):
        error = check_rows(two, received)
        assert isinstance(error, errors.LinkError)
        assert (error.sqlstate, error.message, error.detail) == (
            "42804",
            "remote query result rowtype does not match the specified FROM clause rowtype",
            None,
        )


@pytest.mark.parametrize("columns", [None, "a text", "a varchar", "a varchar(1)", "a char(2)"])
def test_a_tag_fits_text(columns: Columns) -> None:
    assert check_status(declared(columns)) is None
    assert check_status(STATUS) is None


@pytest.mark.parametrize(
    ("columns", "detail"),
    [
        ("a int", "Returned type text at ordinal position 1, but query expects integer."),
        ('a "char"', 'Returned type text at ordinal position 1, but query expects "char".'),
        ("a name", "Returned type text at ordinal position 1, but query expects name."),
        ("a text[]", "Returned type text at ordinal position 1, but query expects text[]."),
        (
            "a timestamptz(3)",
            "Returned type text at ordinal position 1, but query expects timestamp with time zone.",
        ),
        ("a text, b text", "Returned row contains 1 attribute, but query expects 2."),
        ([], "Returned row contains 1 attribute, but query expects 0."),
    ],
)
def test_a_tag_does_not_fit(columns: Columns, detail: str) -> None:
    error = check_status(declared(columns))
    assert isinstance(error, errors.LinkError)
    assert (error.sqlstate, error.message, error.detail) == (
        "42804",
        "function return row and query-specified return row do not match",
        detail,
    )
