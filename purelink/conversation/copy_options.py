"""What a COPY statement says about its data: format, delimiter, NULL …; and of what columns.

Floor 3, pure. Only those who hand over rows, or want them, need to know: blocks of bytes go as they
are. The statement is cut into tokens by the server's rules; what is not understood is left to it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..errors import InterfaceError

__all__ = ["CopyOptions", "copy_options"]


class CopyOptions(NamedTuple):
    """The options that decide how a row is written.

    `inward`: it is FROM STDIN, not TO STDOUT.
    `format` is "text", "csv" or "binary"; `header`: a first line that is no row, "match" where it
    must name the columns; `encoding` PostgreSQL's name of one, or None; `table` and `columns` the
    statement's own text of them ("" where it gives none).
    """

    format: str = "text"
    delimiter: str = "\t"
    null: str = "\\N"
    quote: str = '"'
    escape: str = '"'
    header: str = ""
    encoding: str | None = None
    table: str = ""
    columns: str = ""
    inward: bool = True

    @property
    def plain(self) -> bool:
        """Text as COPY writes it by default."""
        return self.format == "text" and self.delimiter == "\t" and self.null == "\\N"


_TOKEN = re.compile(
    r"""\s+|--[^\n]*|/\*.*?\*/
    | (?P<string> [eE]'(?: [^'\\] | '' | \\. )*' | '(?: [^'] | '' )*'
        | (?P<tag>\$\w*\$) .*? (?P=tag) )
    | (?P<name> "(?: [^"] | "" )*" )
    | (?P<word> [^\W\d][\w$]* )
    | (?P<other> . )""",
    re.VERBOSE | re.DOTALL,
)


class _Token(NamedTuple):
    kind: str
    text: str
    start: int
    stop: int


def _tokens(sql: str) -> list[_Token]:
    found = []
    for match in _TOKEN.finditer(sql):
        kind = match.lastgroup
        if kind == "tag":
            kind = "string"
        if kind is not None:
            text = match.group()
            text = text.lower() if kind == "word" else text
            found.append(_Token(kind, text, match.start(), match.end()))
    return found


def copy_options(sql: str) -> CopyOptions:
    """Return what a COPY statement says.

    Raises:
        InterfaceError: it is no COPY FROM STDIN or TO STDOUT, as far as can be seen.
    """
    tokens = _tokens(sql)
    depth, middle = 0, None
    for place, token in enumerate(tokens):
        if token.text in ("(", ")"):
            depth += 1 if token.text == "(" else -1
        if depth == 0 and token.kind == "word" and token.text in ("stdin", "stdout"):
            middle = place
            break
    if not middle or not tokens or tokens[0].text != "copy":
        raise InterfaceError("this is no COPY … FROM STDIN nor COPY … TO STDOUT")
    said = _said(tokens[middle + 1 :])
    before = tokens[1 : middle - 1]
    if before and before[0].kind == "word" and before[0].text == "binary":
        said["format"] = "binary"
        before = before[1:]
    inward = tokens[middle - 1].text == "from"
    return _made(said, *_place(sql, before))._replace(inward=inward)


def _place(sql: str, tokens: list[_Token]) -> tuple[str, str]:
    """Return the texts of the table and of the column list."""
    opening = next((n for n, token in enumerate(tokens) if token.text == "("), None)
    if not tokens or opening == 0:
        return "", ""
    if opening is None:
        return sql[tokens[0].start : tokens[-1].stop], ""
    table = sql[tokens[0].start : tokens[opening - 1].stop]
    return table, sql[tokens[opening].stop : tokens[-1].start]


def _said(tokens: list[_Token]) -> dict[str, str]:
    """Return option -> value, of either syntax."""
    if tokens and tokens[0].text == "with":
        tokens = tokens[1:]
    said: dict[str, str] = {}
    modern = bool(tokens) and tokens[0].text == "("
    depth = 0
    option = ""
    for token in tokens:
        if token.text in ("(", ")"):
            depth += 1 if token.text == "(" else -1
            if modern and not depth:
                break
        elif modern and (depth > 1 or token.text == ","):
            option = "" if depth == 1 else option
        elif modern and not option:
            option = token.text
            said[option] = ""
        elif modern or token.kind == "string":
            said[option] = _value(token)
        elif token.text in ("binary", "csv"):
            said["format"] = token.text
        elif token.text == "where":
            break
        elif token.text != "as":
            option = token.text
            said[option] = ""
    return said


def _value(token: _Token) -> str:
    text = token.text
    if token.kind != "string":
        return text.strip('"').lower()
    if text[0] == "$":
        inside = text.index("$", 1) + 1
        return text[inside:-inside]
    escaped = text[0] in "eE"
    value = text[text.index("'") + 1 : -1].replace("''", "'")
    if escaped:
        value = re.sub(r"\\(.)", lambda found: _ESCAPED.get(found[1], found[1]), value)
    return value


_ESCAPED = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f", "v": "\v"}


def _made(said: dict[str, str], table: str, columns: str) -> CopyOptions:
    form = said.get("format", "text") or "text"
    csv = form == "csv"
    quote = said.get("quote", '"')
    header = said.get("header", "off" if "header" not in said else "on") or "on"
    return CopyOptions(
        format=form,
        delimiter=said.get("delimiter", said.get("delimiters", "," if csv else "\t")),
        null=said.get("null", "" if csv else "\\N"),
        quote=quote,
        escape=said.get("escape", quote),
        header="" if header in ("off", "false", "0", "no") else header,
        encoding=said.get("encoding"),
        table=table,
        columns=columns,
    )
