"""Type names as SQL writes them: `varchar(3)`, `timestamp(3) with time zone`, `int[3][]`.

Floor 1, pure. Reads the grammar's type names of PostgreSQL 18 (gram.y: Typename) for the
built-in types and gives the OID and the type modifier, with the server's own errors.
dblink's column definition list is made of such names.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .faults import input_error
from .oids import ARRAY_OF, BY_NAME, ELEMENT_OF, TYPES

__all__ = ["NamedType", "type_named"]


class NamedType(NamedTuple):
    """`pg_type.oid` and the type modifier (-1: none), which for an array is its element's."""

    oid: int
    typmod: int


# what the grammar itself turns into names of pg_catalog; phrases of several words below
_SPELLINGS = {
    "bigint": "int8",
    "boolean": "bool",
    "dec": "numeric",
    "decimal": "numeric",
    "float": "float8",
    "int": "int4",
    "integer": "int4",
    "real": "float4",
    "smallint": "int2",
    "nchar": "bpchar",
    "char": "bpchar",
    "character": "bpchar",
    "national character": "bpchar",
    "national char": "bpchar",
}
#: the grammar's words that take no modifier at all
_BARE = {"int", "integer", "smallint", "bigint", "real", "boolean", "double"}
_VARYING = {"character", "char", "nchar", "national character", "national char"}
_TOKEN = re.compile(
    r"\s+|--[^\n]*|/\*.*?\*/"
    r'|(?P<quoted>"(?:[^"]|"")+")'
    r"|(?P<word>[^\W\d][\w$]*)"
    r"|(?P<number>\d+)"
    r"|(?P<sign>[-\[\](),.])"
    r"|(?P<other>.)",
    re.DOTALL,
)
_END = ("end", "")

# bits of an interval's fields in its modifier: INTERVAL_MASK of timestamp.h
_FIELDS = {
    "month": 1 << 1,
    "year": 1 << 2,
    "day": 1 << 3,
    "hour": 1 << 10,
    "minute": 1 << 11,
    "second": 1 << 12,
}
_FIELD_ORDER = ("year", "month", "day", "hour", "minute", "second")
#: the first field of `X TO Y` -> what Y may be
_SPANS = {
    "year": ("month",),
    "day": ("hour", "minute", "second"),
    "hour": ("minute", "second"),
    "minute": ("second",),
}


class _Reader:
    """The tokens of one type name and a place among them."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        #: True once the name proved to be one of the grammar's own words, not quoted
        self.keyword = False
        self.tokens: list[tuple[str, str]] = []
        for match in _TOKEN.finditer(text):
            kind = match.lastgroup
            if kind is not None:
                token = match.group()
                if kind == "word":  # the server folds ASCII only under UTF-8
                    token = "".join([c.lower() if c.isascii() else c for c in token])
                self.tokens.append((kind, token))

    def peek(self, ahead: int = 0) -> tuple[str, str]:
        place = self.at + ahead
        return self.tokens[place] if place < len(self.tokens) else _END

    def take(self) -> tuple[str, str]:
        token = self.peek()
        self.at += 1
        return token

    def accept(self, *words: str) -> bool:
        """Pass the words if they all stand here, unquoted."""
        for ahead, word in enumerate(words):
            if self.peek(ahead) not in {("word", word), ("sign", word)}:
                return False
        self.at += len(words)
        return True

    def syntax_error(self) -> Exception:
        kind, token = self.peek()
        if kind == "end":
            return input_error("42601", "syntax error at end of input")
        return input_error("42601", f'syntax error at or near "{token[:60]}"')

    def modifiers(self, *, one: bool = False) -> list[int] | None:
        """Return the numbers of `(…)` if a parenthesis stands here, else None.

        Args:
            one: the grammar allows a single number without sign here.
        """
        if not self.accept("("):
            return None
        numbers = []
        while True:
            negative = not one and self.accept("-")
            kind, token = self.peek()
            if kind != "number" or len(token) > 10 or int(token) > 0x7FFFFFFF:
                raise self.syntax_error()
            self.at += 1
            numbers.append(-int(token) if negative else int(token))
            if self.accept(")"):
                return numbers
            if one or not self.accept(","):
                raise self.syntax_error()


def type_named(text: str) -> NamedType:
    """Return the OID and the modifier of a built-in type by its SQL name.

    Args:
        text: a type name with modifiers and array suffixes, aliases, quoted names,
            `pg_catalog.` before it; comments and white space as in SQL.

    Raises:
        ProgrammingError: 42704 no built-in type has this name; 42601 syntax.
        DataError: a modifier is out of range (22023, 22003).

    Source: gram.y Typename; the types' own modifier input functions.
    """
    reader = _Reader(text)
    name, shown = _base_name(reader)
    oid, typmod = _with_modifier(reader, name, shown)
    dimensions = _array_suffix(reader)
    if reader.peek() is not _END:
        raise reader.syntax_error()
    if dimensions:
        if oid not in ARRAY_OF:
            raise _unknown(f"{shown}[]")
        oid = ARRAY_OF[oid]
    return NamedType(oid, typmod)


def _unknown(shown: str) -> Exception:
    return input_error("42704", f'type "{shown[:60]}" does not exist')


def _base_name(reader: _Reader) -> tuple[str, str]:
    """Return the name as `pg_type` has it (or a phrase of the grammar's), and as written."""
    kind, token = reader.take()
    if kind == "quoted":
        parts = [token[1:-1].replace('""', '"')]
    elif kind == "word":
        if reader.peek() != ("sign", "."):
            return _phrase(reader, token), token
        parts = [token]
    else:
        reader.at -= 1
        raise reader.syntax_error()
    while reader.accept("."):
        kind, token = reader.take()
        if kind not in {"quoted", "word"}:
            reader.at -= 1
            raise reader.syntax_error()
        parts.append(token[1:-1].replace('""', '"') if kind == "quoted" else token)
    if len(parts) == 1 or (len(parts) == 2 and parts[0] == "pg_catalog"):
        return parts[-1], ".".join(parts)
    raise _unknown(".".join(parts))


def _phrase(reader: _Reader, word: str) -> str:
    reader.keyword = True
    if word == "double":
        if not reader.accept("precision"):
            raise _unknown("double")
        return "float8"
    if word == "national":
        word = "national " + reader.take()[1]
        if word not in _SPELLINGS:
            reader.at -= 1
            raise reader.syntax_error()
    if word in _VARYING and reader.accept("varying"):
        return "varchar"
    if word == "bit" and reader.accept("varying"):
        return "varbit"
    if word == "bit":
        return "bit()"  # a bare bit is bit(1); "bit" in quotes has no modifier
    if word == "float":
        return "float()"
    if _SPELLINGS.get(word) == "bpchar":
        return "char()"  # a bare char is char(1); bpchar has no modifier
    return _SPELLINGS.get(word, word)


def _with_modifier(reader: _Reader, name: str, shown: str) -> tuple[int, int]:
    if name in {"time", "timestamp"}:
        return _clock(reader, name)
    if name == "interval":
        return BY_NAME[name], _interval(reader)
    if reader.keyword and shown in _BARE:
        return BY_NAME[name], -1  # a parenthesis after it is no modifier
    strict = reader.keyword and name in {"float()", "char()", "varchar"}
    modifiers = reader.modifiers(one=strict)
    if name == "float()":
        return _float(modifiers)
    if name in {"char()", "bit()"}:
        name = "bpchar" if name == "char()" else "bit"
        modifiers = modifiers if modifiers is not None else [1]
    oid = BY_NAME.get(name, 0)
    if not oid:
        raise _unknown(shown)
    if modifiers is None:
        return oid, -1
    base = TYPES[ELEMENT_OF.get(oid, oid)]
    if base.name in {"bpchar", "varchar", "bit", "varbit"}:
        return oid, _length(base.name, modifiers)
    if base.name == "numeric":
        return oid, _numeric(modifiers)
    if base.name in {"timetz", "timestamptz"}:
        return oid, _precision(base.name.upper()[:-2], modifiers, zone=True)
    raise input_error("42601", f'type modifier is not allowed for type "{shown[:60]}"')


_MOST = {"bpchar": 10_485_760, "varchar": 10_485_760, "bit": 83_886_080, "varbit": 83_886_080}
_CALLED = {"bpchar": "char", "varbit": "varbit"}


def _length(name: str, modifiers: list[int]) -> int:
    called = _CALLED.get(name, name)
    if len(modifiers) != 1:
        raise input_error("22023", "invalid type modifier")
    (length,) = modifiers
    if length < 1:
        raise input_error("22023", f"length for type {called} must be at least 1")
    if length > _MOST[name]:
        raise input_error("22023", f"length for type {called} cannot exceed {_MOST[name]}")
    return length if name in {"bit", "varbit"} else length + 4


def _numeric(modifiers: list[int]) -> int:
    if len(modifiers) > 2:
        raise input_error("22023", "invalid NUMERIC type modifier")
    precision = modifiers[0]
    scale = modifiers[1] if len(modifiers) == 2 else 0
    if not 1 <= precision <= 1000:
        raise input_error("22023", f"NUMERIC precision {precision} must be between 1 and 1000")
    if not -1000 <= scale <= 1000:
        raise input_error("22023", f"NUMERIC scale {scale} must be between -1000 and 1000")
    return (precision << 16 | scale & 0x7FF) + 4


def _float(modifiers: list[int] | None) -> tuple[int, int]:
    if modifiers is None:
        return BY_NAME["float8"], -1
    (bits,) = modifiers
    if bits < 1:
        raise input_error("22023", "precision for type float must be at least 1 bit")
    if bits > 53:
        raise input_error("22023", "precision for type float must be less than 54 bits")
    return BY_NAME["float4" if bits <= 24 else "float8"], -1


def _clock(reader: _Reader, name: str) -> tuple[int, int]:
    """Read `(p)` and `with time zone` or `without time zone` after time or timestamp."""
    modifiers = reader.modifiers(one=reader.keyword)
    zone = False
    if reader.keyword and (reader.accept("with", "time") or reader.accept("without", "time")):
        zone = reader.peek(-2)[1] == "with"
        if not reader.accept("zone"):
            raise reader.syntax_error()
    typmod = -1 if modifiers is None else _precision(name.upper(), modifiers, zone=zone)
    return BY_NAME[name + "tz" if zone else name], typmod


def _precision(called: str, modifiers: list[int], *, zone: bool) -> int:
    if len(modifiers) != 1:
        raise input_error("22023", "invalid type modifier")
    (precision,) = modifiers
    if precision < 0:
        with_zone = " WITH TIME ZONE" if zone else ""
        raise input_error(
            "22023", f"{called}({precision}){with_zone} precision must not be negative"
        )
    return min(precision, 6)  # the server warns and does the same


def _interval(reader: _Reader) -> int:
    if not reader.keyword and reader.peek() == ("sign", "("):
        raise input_error("22023", "invalid INTERVAL type modifier")
    modifiers = reader.modifiers(one=True)
    if modifiers is not None:
        return 0x7FFF << 16 | _interval_precision(modifiers)
    first = reader.peek()[1]
    if reader.peek()[0] != "word" or first not in _FIELDS:
        return -1
    reader.take()
    last = first
    if first in _SPANS and reader.accept("to"):
        last = reader.take()[1]
        if last not in _SPANS[first]:
            reader.at -= 1
            raise reader.syntax_error()
    begin, end = _FIELD_ORDER.index(first), _FIELD_ORDER.index(last)
    mask = sum(_FIELDS[field] for field in _FIELD_ORDER[begin : end + 1])
    precision = 0xFFFF
    if last == "second":
        modifiers = reader.modifiers(one=True)
        if modifiers is not None:
            precision = _interval_precision(modifiers)
    return mask << 16 | precision


def _interval_precision(modifiers: list[int]) -> int:
    return min(modifiers[0], 6)  # the server warns and does the same


def _array_suffix(reader: _Reader) -> int:
    """Pass `[]`, `[3]`, `ARRAY`, `ARRAY[3]`; return whether there was any."""
    if reader.accept("array"):
        if reader.accept("[") and (reader.take()[0] != "number" or not reader.accept("]")):
            reader.at -= 1
            raise reader.syntax_error()
        return 1
    count = 0
    while reader.accept("["):
        if reader.peek()[0] == "number":
            reader.take()
        if not reader.accept("]"):
            raise reader.syntax_error()
        count += 1
    return count
