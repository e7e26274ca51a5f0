"""The column definition list of dblink: `"a int, b text, c text[]"`, and what may come for it.

Floor 2, pure: imports `values` (what a type name means), `refusals`. The text is what stands in
SQL between the brackets of `AS t(...)`, and its errors are the server's for it, as if that
closing bracket followed. Names fold and are quoted as in SQL; a type text goes, without
comments, to `values.type_named`.

Left out: `U&"…"` names, and whether a collation exists (it would change nothing here).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from .. import values
from ..errors import DatabaseError, InterfaceError, ProgrammingError
from ..values import oids
from .ledger import clip
from .refusals import (
    checked_text,
    column_pseudo,
    column_setof,
    column_twice,
    empty_name,
    not_collatable,
    rowtype_mismatch,
    status_mismatch,
    syntax_error,
    syntax_error_at_end,
    unterminated,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["STATUS", "Column", "Columns", "check_rows", "check_status", "declared"]

#: how a caller declares: text, pairs of name and type, or None for the result's own columns
Columns = Optional[Union[str, Sequence[Tuple[str, str]]]]


class Column(NamedTuple):
    """One declared column.

    `name` as folded and clipped, `oid` and `typmod` (-1: none) of its type, `declared` the type
    as it was written. `local`: the name of a domain, an enum … of the local database, which has
    the last word on each value; `oid` is then the type that it is based on. "" for none.
    """

    name: str
    oid: int
    typmod: int
    declared: str
    local: str = ""


#: the one column of a command's result: its tag
STATUS = (Column("status", oids.TEXT, -1, "text"),)

# the words that cannot be a column's name without quotes: catcode R and T of pg_get_keywords()
_RESERVED = frozenset(
    """
    all analyse analyze and any array as asc asymmetric authorization binary both case cast
    check collate collation column concurrently constraint create cross current_catalog
    current_date current_role current_schema current_time current_timestamp current_user
    default deferrable desc distinct do else end except false fetch for foreign freeze from
    full grant group having ilike in initially inner intersect into is isnull join lateral
    leading left like limit localtime localtimestamp natural not notnull null offset on only
    or order outer overlaps placing primary references returning right select session_user
    similar some symmetric system_user table tablesample then to trailing true union unique
    user using variadic verbose when where window with
    """.split()
)

_COLLATABLE = {oids.TEXT, oids.VARCHAR, oids.BPCHAR, oids.NAME}

# scan.l, as far as a column list goes; comments are dealt with in `_tokens`
_TOKEN = re.compile(
    r"""
      (?P<blank>[ \t\n\r\f\v]+|--[^\n\r]*)
    | (?P<comment>/\*)
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<string>'(?:[^']|'')*')
    | (?P<open>["'])
    | (?P<word>[A-Za-z_\u0080-\U0010ffff][\w$\u0080-\U0010ffff]*)
    | (?P<number>[0-9][\w.]*)
    | (?P<mark>::|[-~!@#^&|`?+*/%<>=]+|.)
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


class _Token(NamedTuple):
    kind: str  # quoted, word, string, number, mark
    text: str
    spaced: bool  # a blank or comment stands before it


def _tokens(text: str) -> list[_Token]:
    tokens = []
    position, spaced = 0, False
    while position < len(text):
        found = _TOKEN.match(text, position)
        assert found is not None  # the last alternative takes anything
        kind = found.lastgroup or ""
        if kind == "open":
            what = "quoted identifier" if text[position] == '"' else "quoted string"
            raise unterminated(what, text[position:] + ")")
        position = _comment_end(text, found.end()) if kind == "comment" else found.end()
        if kind in ("comment", "blank"):
            spaced = True
            continue
        tokens.append(_Token(kind, found.group(), spaced))
        spaced = False
    return tokens


def _comment_end(text: str, position: int) -> int:
    # comments nest
    start, depth = position - 2, 1
    while depth:
        edge = _COMMENT_EDGE.search(text, position)
        if edge is None:
            raise unterminated("/* comment", text[start:] + ")")
        depth += 1 if edge.group() == "/*" else -1
        position = edge.end()
    return position


def _items(tokens: list[_Token]) -> tuple[list[list[_Token]], str, bool]:
    # Split at the commas that stand in no parentheses. Also: the mark that ends the list ("":
    # the text does), and whether the list is wrong for it. Errors before it come first.
    items: list[list[_Token]] = [[]]
    depth = 0
    for token in tokens:
        if token.kind == "mark":
            depth += (token.text == "(") - (token.text == ")")
            if depth < 0 or token.text == ";":
                return items, token.text, True
            if token.text == "," and depth == 0:
                items.append([])
                continue
        items[-1].append(token)
    # the parenthesis that ends the list would close the open one
    return (items, "", True) if depth else (items, ")", False)


def _stopped(after: str) -> DatabaseError:
    return syntax_error(after) if after else syntax_error_at_end()


def _name(token: _Token) -> str:
    if token.kind == "quoted":
        if token.text == '""':
            raise empty_name()
        return clip(token.text[1:-1].replace('""', '"'))[0]
    # ASCII letters only, as downcase_identifier does in a multi-byte encoding
    name = re.sub("[A-Z]+", lambda upper: upper.group().lower(), token.text)
    if token.kind != "word" or name in _RESERVED:
        raise syntax_error(token.text)
    return clip(name)[0]


def _column(
    name: str,
    tokens: list[_Token],
    after: str,
    known: Mapping[str, tuple[int, int, str]],
    missing: list[str],
) -> tuple[Column, bool]:
    # the column, and whether it says SETOF; `after` is the mark that follows in the SQL
    for place, token in enumerate(tokens):
        if token.kind == "string":
            raise syntax_error(token.text)
        if token.kind == "word" and token.text.lower() == "collate":
            _check_collation(tokens[place + 1 :], after)
            collated, tokens, after = True, tokens[:place], token.text
            break
    else:
        collated = False
    setof = bool(tokens) and tokens[0].text.lower() == "setof"
    text = "".join(" " * token.spaced + token.text for token in tokens[setof:]).strip()
    if text in known:
        return Column(name, *known[text][:2], text, known[text][2]), setof
    try:
        oid, typmod = values.type_named(text)
    except ProgrammingError as error:
        if error.sqlstate == "42704":
            missing.append(text)
        if error.message != "syntax error at end of input":
            raise
        raise _stopped(after) from None
    if collated and not setof and oids.ELEMENT_OF.get(oid, oid) not in _COLLATABLE:
        raise not_collatable(oids.kind_name(oid))
    return Column(name, oid, typmod, text), setof


def _check_collation(tokens: list[_Token], after: str) -> None:
    # a name, with dots; which one changes nothing here
    for place, token in enumerate(tokens):
        if place == 0:
            _name(token)
        elif token.text != "." if place % 2 else token.kind not in ("word", "quoted"):
            raise syntax_error(token.text)
    if len(tokens) % 2 == 0:
        raise _stopped(after)


def declared(
    columns: Columns,
    known: Mapping[str, tuple[int, int, str]] | None = None,
    missing: list[str] | None = None,
) -> tuple[Column, ...] | None:
    """Return the declared columns, or None where the result's own are to be taken.

    Args:
        columns: the text of a column definition list; or pairs of a name (exact, nothing is
            folded) and a type text; or None. Only the pairs may be none at all.
        known: types of the local database by their text: OID and modifier of what they are based
            on, and their name there.
        missing: takes the texts of types that nobody knows.

    Raises:
        LinkProgrammingError: 42601 syntax; 42701 a name twice; 42P16 SETOF or a pseudo-type;
            42804 COLLATE on a type that has none.
        DatabaseError: what `values.type_named` finds wrong with a type (42704, 42601, 22023).
        InterfaceError: neither text nor pairs of texts.

    Source: the grammar's TableFuncElementList; CheckAttributeNamesTypes.
    """
    if columns is None:
        return None
    found: list[tuple[Column, bool]] = []
    unknown = None
    for one in _written(columns) if isinstance(columns, str) else _paired(columns):
        try:
            found.append(_column(*one, known or {}, [] if missing is None else missing))
        except DatabaseError as error:
            # the server reads the whole list before it looks for types
            if error.sqlstate == "42601":
                raise
            unknown = unknown or error
    if unknown is not None:
        raise unknown
    names: set[str] = set()
    for column, _ in found:
        if column.name in names:
            raise column_twice(column.name)
        names.add(column.name)
    for column, setof in found:
        if setof:
            raise column_setof(column.name)
        kind = oids.TYPES.get(column.oid)
        # an anonymous record is a pseudo-type that may be declared
        if kind is not None and kind.sort == "p" and column.oid != oids.RECORD:
            raise column_pseudo(column.name, kind.sql)
    return tuple(column for column, _ in found)


def _written(text: str) -> Iterator[tuple[str, list[_Token], str]]:
    items, end, wrong = _items(_tokens(checked_text(text)))
    for place, item in enumerate(items, 1):
        after = end if place == len(items) else ","
        if not item:
            raise _stopped(after)
        name = _name(item[0])
        if len(item) == 1:
            raise _stopped(after)
        yield name, item[1:], after
    if wrong:
        raise _stopped(end)


def _paired(pairs: Sequence[tuple[str, str]]) -> Iterator[tuple[str, list[_Token], str]]:
    for name, kind in _given(pairs):
        items, end, wrong = _items(_tokens(checked_text(kind)))
        if not name:
            raise empty_name()
        after = "," if len(items) > 1 else end
        yield clip(name)[0], items[0], after
        if wrong or len(items) > 1:
            raise _stopped(after)


def _given(columns: Any) -> list[Any]:
    try:
        given = [(None, None) if isinstance(pair, str) else tuple(pair) for pair in columns]
    except TypeError:
        given = [(None, None)]
    for pair in given:
        if len(pair) != 2 or not isinstance(pair[0], str) or not isinstance(pair[1], str):
            raise InterfaceError("columns must be text, or pairs of a name and a type, or None")
    return given


def check_rows(columns: Sequence[Column] | None, received: int) -> DatabaseError | None:
    """Return 42804 if a result with rows has not as many columns as were declared.

    It counts for empty results and for results that are thrown away, too. Names and types need
    not agree. Source: materializeResult, storeRow.
    """
    if columns is None or len(columns) == received:
        return None
    return rowtype_mismatch()


def check_status(columns: Sequence[Column] | None) -> DatabaseError | None:
    """Return 42804 if a command's tag, one text column, does not fit the declaration.

    It fits one column of type text, varchar or char; their length is not applied. Source:
    tupledesc_match (execSRF.c), IsBinaryCoercible.
    """
    if columns is None:
        return None
    if len(columns) != 1:
        wanted = len(columns)
        return status_mismatch(
            detail=f"Returned row contains 1 attribute, but query expects {wanted}."
        )
    if columns[0].oid in (oids.TEXT, oids.VARCHAR, oids.BPCHAR):
        return None
    kind = oids.kind_name(columns[0].oid)
    return status_mismatch(
        detail=f"Returned type text at ordinal position 1, but query expects {kind}."
    )
