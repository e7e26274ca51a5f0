"""Type names as SQL writes them; the answers are PostgreSQL 18's to_regtype and regtypemod."""

from __future__ import annotations

import pytest

from purelink.errors import DatabaseError
from purelink.values.oids import ARRAY_OF, ELEMENT_OF, TYPES, kind_name
from purelink.values.types import type_named

GOOD = [
    ("int", 23, -1),
    ("INTEGER", 23, -1),
    ("int4", 23, -1),
    ('"int4"', 23, -1),
    ("smallint", 21, -1),
    ("bigint", 20, -1),
    ("boolean", 16, -1),
    ("real", 700, -1),
    ("float", 701, -1),
    ("float(24)", 700, -1),
    ("float(25)", 701, -1),
    ("double precision", 701, -1),
    ("dec(5)", 1700, (5 << 16) + 4),
    ("numeric", 1700, -1),
    ("numeric(10,2)", 1700, (10 << 16 | 2) + 4),
    ("numeric(5,-2)", 1700, (5 << 16 | 0x7FE) + 4),
    ("char", 1042, 5),
    ("char(3)", 1042, 7),
    ("character varying(7)", 1043, 11),
    ("char varying", 1043, -1),
    ("national character varying(3)", 1043, 7),
    ("national char(3)", 1042, 7),
    ("nchar varying (2)", 1043, 6),
    ("varchar", 1043, -1),
    ("bpchar", 1042, -1),
    ("bpchar(3)", 1042, 7),
    ('"char"', 18, -1),
    ('pg_catalog."char"', 18, -1),
    ("text", 25, -1),
    ("bit", 1560, 1),
    ("bit(8)", 1560, 8),
    ('"bit"', 1560, -1),
    ("bit varying(5)", 1562, 5),
    ("varbit", 1562, -1),
    ("time(3)", 1083, 3),
    ("time with time zone", 1266, -1),
    ("time(2) with time zone", 1266, 2),
    ("timestamp without time zone", 1114, -1),
    ("timestamp(3) with time zone", 1184, 3),
    ("timestamptz(2)", 1184, 2),
    ("timestamp(7)", 1114, 6),
    ('"time"(3)', 1083, 3),
    ("interval", 1186, -1),
    ("interval(3)", 1186, 0x7FFF << 16 | 3),
    ("interval year to month", 1186, 6 << 16 | 0xFFFF),
    ("interval day to second(3)", 1186, 0x1C08 << 16 | 3),
    ("interval second(2)", 1186, 0x1000 << 16 | 2),
    ("interval hour", 1186, 0x400 << 16 | 0xFFFF),
    ("text[]", 1009, -1),
    ("int[3][]", 1007, -1),
    ("integer array", 1007, -1),
    ("integer array[4]", 1007, -1),
    ("varchar(3)[]", 1015, 7),
    ("_int4", 1007, -1),
    ("pg_catalog . _int4", 1007, -1),
    ("/* a */ int -- b", 23, -1),
    ("TeXt", 25, -1),
    ("record", 2249, -1),
]


@pytest.mark.parametrize(("text", "oid", "typmod"), GOOD)
def test_names(text: str, oid: int, typmod: int) -> None:
    assert type_named(text) == (oid, typmod)


BAD = [
    ("foo", "42704", 'type "foo" does not exist'),
    ('"Foo"', "42704", 'type "Foo" does not exist'),
    ('"INT4"', "42704", 'type "INT4" does not exist'),
    ("pg_catalog.integer", "42704", 'type "pg_catalog.integer" does not exist'),
    ("a.b.c", "42704", 'type "a.b.c" does not exist'),
    ('x."a""b"', "42704", 'type "x.a"b" does not exist'),
    ("_int4[]", "42704", 'type "_int4[]" does not exist'),
    ("void[]", "42704", 'type "void[]" does not exist'),
    ("double", "42704", 'type "double" does not exist'),
    ("x" * 100_000, "42704", 'type "' + "x" * 60 + '" does not exist'),
    ("", "42601", "syntax error at end of input"),
    ("(", "42601", 'syntax error at or near "("'),
    ("pg_catalog.", "42601", "syntax error at end of input"),
    ("national text", "42601", 'syntax error at or near "text"'),
    ("int int", "42601", 'syntax error at or near "int"'),
    ("int(3)", "42601", 'syntax error at or near "("'),
    ("text[", "42601", "syntax error at end of input"),
    ("text]", "42601", 'syntax error at or near "]"'),
    ("text[a]", "42601", 'syntax error at or near "a"'),
    ("int array[", "42601", "syntax error at end of input"),
    ("int array[]", "42601", 'syntax error at or near "]"'),
    ("varchar(", "42601", "syntax error at end of input"),
    ("varchar()", "42601", 'syntax error at or near ")"'),
    ("varchar(-1)", "42601", 'syntax error at or near "-"'),
    ("varchar(99999999999)", "42601", 'syntax error at or near "99999999999"'),
    ("varchar(3 4)", "42601", 'syntax error at or near "4"'),
    ("time with time", "42601", "syntax error at end of input"),
    ("interval month to day", "42601", 'syntax error at or near "to"'),
    ("interval day to month", "42601", 'syntax error at or near "month"'),
    ("text(3)", "42601", 'type modifier is not allowed for type "text"'),
    ("varchar(0)", "22023", "length for type varchar must be at least 1"),
    ("varchar(10485761)", "22023", "length for type varchar cannot exceed 10485760"),
    ("char(0)", "22023", "length for type char must be at least 1"),
    ("bit(0)", "22023", "length for type bit must be at least 1"),
    ("bit(1,2)", "22023", "invalid type modifier"),
    ("numeric(0)", "22023", "NUMERIC precision 0 must be between 1 and 1000"),
    ("numeric(5,1001)", "22023", "NUMERIC scale 1001 must be between -1000 and 1000"),
    ("numeric(1,2,3)", "22023", "invalid NUMERIC type modifier"),
    ("float(0)", "22023", "precision for type float must be at least 1 bit"),
    ("float(54)", "22023", "precision for type float must be less than 54 bits"),
    ('"time"(1,2)', "22023", "invalid type modifier"),
    ('"timestamp"(-1)', "22023", "TIMESTAMP(-1) precision must not be negative"),
    ("timestamptz(-1)", "22023", "TIMESTAMP(-1) WITH TIME ZONE precision must not be negative"),
    ('"interval"(3)', "22023", "invalid INTERVAL type modifier"),
]


@pytest.mark.parametrize(("text", "sqlstate", "said"), BAD, ids=[b[0][:30] for b in BAD])
def test_refusals(text: str, sqlstate: str, said: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        type_named(text)
    assert (caught.value.sqlstate, caught.value.message) == (sqlstate, said)


def test_the_table_is_consistent() -> None:
    assert all(TYPES[one].oid == one for one in TYPES)
    assert all(ELEMENT_OF[array] == element for element, array in ARRAY_OF.items())
    assert len(ELEMENT_OF) == len(ARRAY_OF)
    assert all(kind.subtype in TYPES for kind in TYPES.values() if kind.subtype)


def test_names_for_errors() -> None:
    assert kind_name(1043) == "character varying"
    assert kind_name(1015) == "character varying[]"
    assert kind_name(99999) == "oid 99999"
