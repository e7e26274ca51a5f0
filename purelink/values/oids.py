"""The built-in types: OID, name, array OID, element or subtype, delimiter.

Floor 1, pure. OIDs below 10,000 never change between servers; the table is `pg_type` of
PostgreSQL 18 (multiranges since 14, `xid8` since 13). Types of extensions, enums,
composites and domains have no fixed OID and are not here.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ARRAY_OF", "BY_NAME", "ELEMENT_OF", "TYPES", "BuiltIn", "kind_name"]

BOOL, BYTEA, CHAR, NAME, INT8, INT2, INT2VECTOR, INT4 = 16, 17, 18, 19, 20, 21, 22, 23
REGPROC, TEXT, OID, TID, XID, CID, OIDVECTOR = 24, 25, 26, 27, 28, 29, 30
LSEG, PATH, POLYGON, LINE, CIRCLE, MACADDR, MACADDR8 = 601, 602, 604, 628, 718, 829, 774
JSON, XML, POINT, BOX, CIDR, FLOAT4, FLOAT8, UNKNOWN = 114, 142, 600, 603, 650, 700, 701, 705
MONEY, INET, BPCHAR, VARCHAR, DATE, TIME, TIMESTAMP = 790, 869, 1042, 1043, 1082, 1083, 1114
TIMESTAMPTZ, INTERVAL, TIMETZ, BIT, VARBIT, NUMERIC = 1184, 1186, 1266, 1560, 1562, 1700
RECORD, CSTRING, VOID, UUID, PG_LSN, JSONB, XID8 = 2249, 2275, 2278, 2950, 3220, 3802, 5069
TSVECTOR, TSQUERY, JSONPATH = 3614, 3615, 4072
#: names of objects, which are OIDs in binary
REGISTERED = (24, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4089, 4096, 4191)
SNAPSHOTS = (2970, 5038)
GEOMETRIC = (POINT, LSEG, PATH, BOX, POLYGON, LINE, CIRCLE)


class BuiltIn(NamedTuple):
    """One type of `pg_type`; `array` is 0 where there is no array type.

    `sql` is what `format_type` prints and error messages say. `subtype` is the element of a
    range or multirange, else 0.
    """

    oid: int
    name: str
    array: int
    sql: str
    delimiter: str = ","
    subtype: int = 0
    #: "b" base, "r" range, "m" multirange, "p" pseudo, as `pg_type.typtype`
    sort: str = "b"


TYPES: dict[int, BuiltIn] = {
    one.oid: one
    for one in (
        BuiltIn(BOOL, "bool", 1000, "boolean"),
        BuiltIn(BYTEA, "bytea", 1001, "bytea"),
        BuiltIn(CHAR, "char", 1002, '"char"'),
        BuiltIn(NAME, "name", 1003, "name"),
        BuiltIn(INT8, "int8", 1016, "bigint"),
        BuiltIn(INT2, "int2", 1005, "smallint"),
        BuiltIn(INT2VECTOR, "int2vector", 1006, "int2vector"),
        BuiltIn(INT4, "int4", 1007, "integer"),
        BuiltIn(REGPROC, "regproc", 1008, "regproc"),
        BuiltIn(TEXT, "text", 1009, "text"),
        BuiltIn(OID, "oid", 1028, "oid"),
        BuiltIn(TID, "tid", 1010, "tid"),
        BuiltIn(XID, "xid", 1011, "xid"),
        BuiltIn(CID, "cid", 1012, "cid"),
        BuiltIn(OIDVECTOR, "oidvector", 1013, "oidvector"),
        BuiltIn(JSON, "json", 199, "json"),
        BuiltIn(XML, "xml", 143, "xml"),
        BuiltIn(POINT, "point", 1017, "point"),
        BuiltIn(601, "lseg", 1018, "lseg"),
        BuiltIn(602, "path", 1019, "path"),
        BuiltIn(BOX, "box", 1020, "box", ";"),
        BuiltIn(604, "polygon", 1027, "polygon"),
        BuiltIn(628, "line", 629, "line"),
        BuiltIn(CIDR, "cidr", 651, "cidr"),
        BuiltIn(FLOAT4, "float4", 1021, "real"),
        BuiltIn(FLOAT8, "float8", 1022, "double precision"),
        BuiltIn(UNKNOWN, "unknown", 0, "unknown", sort="p"),
        BuiltIn(718, "circle", 719, "circle"),
        BuiltIn(774, "macaddr8", 775, "macaddr8"),
        BuiltIn(MONEY, "money", 791, "money"),
        BuiltIn(829, "macaddr", 1040, "macaddr"),
        BuiltIn(INET, "inet", 1041, "inet"),
        BuiltIn(1033, "aclitem", 1034, "aclitem"),
        BuiltIn(BPCHAR, "bpchar", 1014, "character"),
        BuiltIn(VARCHAR, "varchar", 1015, "character varying"),
        BuiltIn(DATE, "date", 1182, "date"),
        BuiltIn(TIME, "time", 1183, "time without time zone"),
        BuiltIn(TIMESTAMP, "timestamp", 1115, "timestamp without time zone"),
        BuiltIn(TIMESTAMPTZ, "timestamptz", 1185, "timestamp with time zone"),
        BuiltIn(INTERVAL, "interval", 1187, "interval"),
        BuiltIn(TIMETZ, "timetz", 1270, "time with time zone"),
        BuiltIn(BIT, "bit", 1561, "bit"),
        BuiltIn(VARBIT, "varbit", 1563, "bit varying"),
        BuiltIn(NUMERIC, "numeric", 1231, "numeric"),
        BuiltIn(1790, "refcursor", 2201, "refcursor"),
        BuiltIn(2202, "regprocedure", 2207, "regprocedure"),
        BuiltIn(2203, "regoper", 2208, "regoper"),
        BuiltIn(2204, "regoperator", 2209, "regoperator"),
        BuiltIn(2205, "regclass", 2210, "regclass"),
        BuiltIn(2206, "regtype", 2211, "regtype"),
        BuiltIn(RECORD, "record", 2287, "record", sort="p"),
        BuiltIn(CSTRING, "cstring", 1263, "cstring", sort="p"),
        BuiltIn(VOID, "void", 0, "void", sort="p"),
        BuiltIn(UUID, "uuid", 2951, "uuid"),
        BuiltIn(2970, "txid_snapshot", 2949, "txid_snapshot"),
        BuiltIn(PG_LSN, "pg_lsn", 3221, "pg_lsn"),
        BuiltIn(3614, "tsvector", 3643, "tsvector"),
        BuiltIn(3615, "tsquery", 3645, "tsquery"),
        BuiltIn(3642, "gtsvector", 3644, "gtsvector"),
        BuiltIn(3734, "regconfig", 3735, "regconfig"),
        BuiltIn(3769, "regdictionary", 3770, "regdictionary"),
        BuiltIn(JSONB, "jsonb", 3807, "jsonb"),
        BuiltIn(3904, "int4range", 3905, "int4range", subtype=INT4, sort="r"),
        BuiltIn(3906, "numrange", 3907, "numrange", subtype=NUMERIC, sort="r"),
        BuiltIn(3908, "tsrange", 3909, "tsrange", subtype=TIMESTAMP, sort="r"),
        BuiltIn(3910, "tstzrange", 3911, "tstzrange", subtype=TIMESTAMPTZ, sort="r"),
        BuiltIn(3912, "daterange", 3913, "daterange", subtype=DATE, sort="r"),
        BuiltIn(3926, "int8range", 3927, "int8range", subtype=INT8, sort="r"),
        BuiltIn(4072, "jsonpath", 4073, "jsonpath"),
        BuiltIn(4089, "regnamespace", 4090, "regnamespace"),
        BuiltIn(4096, "regrole", 4097, "regrole"),
        BuiltIn(4191, "regcollation", 4192, "regcollation"),
        BuiltIn(4451, "int4multirange", 6150, "int4multirange", subtype=INT4, sort="m"),
        BuiltIn(4532, "nummultirange", 6151, "nummultirange", subtype=NUMERIC, sort="m"),
        BuiltIn(4533, "tsmultirange", 6152, "tsmultirange", subtype=TIMESTAMP, sort="m"),
        BuiltIn(4534, "tstzmultirange", 6153, "tstzmultirange", subtype=TIMESTAMPTZ, sort="m"),
        BuiltIn(4535, "datemultirange", 6155, "datemultirange", subtype=DATE, sort="m"),
        BuiltIn(4536, "int8multirange", 6157, "int8multirange", subtype=INT8, sort="m"),
        BuiltIn(5038, "pg_snapshot", 5039, "pg_snapshot"),
        BuiltIn(XID8, "xid8", 271, "xid8"),
    )
}

#: pg_type.typname -> oid, array types as `_name`
BY_NAME: dict[str, int] = {one.name: one.oid for one in TYPES.values()}
BY_NAME.update({"_" + one.name: one.array for one in TYPES.values() if one.array})

#: element's oid -> array's oid, and back
ARRAY_OF: dict[int, int] = {one.oid: one.array for one in TYPES.values() if one.array}
ELEMENT_OF: dict[int, int] = {array: element for element, array in ARRAY_OF.items()}


def kind_name(oid: int) -> str:
    """Return the SQL name of a built-in type, `name[]` for arrays, `oid N` for a stranger."""
    if oid in TYPES:
        return TYPES[oid].sql
    if oid in ELEMENT_OF:
        return TYPES[ELEMENT_OF[oid]].sql + "[]"
    return f"oid {oid}"
