"""Rows to COPY's data and back, in the form that the statement asks for.

Floor 3, pure. The commonest writers are made by `values.encoders`; here is the choice among them,
and the forms they leave: CSV, other delimiters, and the way back from COPY TO STDOUT.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Callable, Iterable, Sequence

from ..errors import DataError, InterfaceError
from ..values import oids
from ..values.columns import column_converter
from ..values.encoders import (
    COPY_BINARY_HEADER,
    COPY_BINARY_TRAILER,
    copy_encoder,
    copy_text_encoder,
)
from ..values.encodings import codec_of
from ..values.oids import BY_NAME
from ..values.parameters import text_form

if TYPE_CHECKING:
    from ..values.registry import OwnTypes
    from ..values.text import Registry
    from .copy_options import CopyOptions
    from .talk import Talk

__all__ = ["RowReader", "RowWriter", "row_reader", "typed"]

RawRow = Sequence[Any]


class RowWriter:
    """Writes rows as a COPY FROM STDIN expects them.

    Args:
        options: of the statement. encoding, errors: of the session.
        types: OIDs of the columns: needed for binary, else None.
        registry: of the connection: the types and classes that are its own.

    Attributes:
        beginning, end: bytes before the first and behind the last row.

    Raises:
        InterfaceError: the form cannot be written.
    """

    def __init__(
        self,
        options: CopyOptions,
        encoding: str,
        errors: str,
        types: Sequence[int] | None = None,
        *,
        registry: Registry | None = None,
    ) -> None:
        own = self._own = None if registry is None else registry.writers
        if options.encoding is not None:
            codec = codec_of(options.encoding)
            encoding, errors = codec.encoding, codec.errors
        self.encoding, self.errors = encoding, errors
        self.beginning = self.end = b""
        self._options = options
        if options.format == "binary":
            self._write = _binary_writer(types or (), encoding, errors, registry)
            self.beginning, self.end = COPY_BINARY_HEADER, COPY_BINARY_TRAILER
            return
        if options.header == "match":
            raise InterfaceError("HEADER MATCH needs the names of the columns: send blocks")
        if options.header:
            self.beginning = b"\n"  # the server skips the first line, whatever it holds
        if options.plain:
            self._write = copy_text_encoder(encoding=encoding, errors=errors, own=own)
        else:
            line = self._csv_line if options.format == "csv" else self._text_line
            self._write = self._lines(line)

    def __call__(self, rows: Sequence[RawRow]) -> bytes:
        """Return rows as bytes. Raises: InterfaceError: a value cannot be written."""
        return self._write(rows)

    def _lines(self, line: Callable[[RawRow], str]) -> Callable[[Iterable[RawRow]], bytes]:
        def write(rows: Iterable[RawRow]) -> bytes:
            text = "".join([line(row) for row in rows])
            if "\0" in text:
                raise InterfaceError("cannot send a NUL (0x00) by COPY: no text can hold one")
            try:
                return text.encode(self.encoding, self.errors)
            except UnicodeError:
                raise InterfaceError(
                    "cannot send a value of COPY: it has a character that the encoding"
                    f" ({self.encoding}) has not"
                ) from None

        return write

    def _text(self, value: Any) -> str:
        return text_form(value, "a value of COPY", self._own)

    def _csv_line(self, row: RawRow) -> str:
        options = self._options
        fields = []
        for value in row:
            if value is None:
                fields.append(options.null)
                continue
            text = value if type(value) is str else self._text(value)
            special = any(
                each in text for each in (options.delimiter, options.quote, "\n", "\r", "\\")
            )
            if special or text in ("", options.null) or text != text.strip():
                text = text.replace(options.escape, options.escape * 2)
                if options.escape != options.quote:
                    text = text.replace(options.quote, options.escape + options.quote)
                text = options.quote + text + options.quote
            fields.append(text)
        return options.delimiter.join(fields) + "\n"

    def _text_line(self, row: RawRow) -> str:
        options = self._options
        escapes = {**_ESCAPES, ord(options.delimiter): "\\" + options.delimiter}
        fields = []
        for value in row:
            if value is None:
                fields.append(options.null)
                continue
            text = value if type(value) is str else self._text(value)
            if text == options.null and "\\" not in text and text:
                raise InterfaceError("a value of COPY in text reads as NULL: choose another NULL")
            if not text and not options.null:
                raise InterfaceError("an empty text reads as NULL here: choose another NULL")
            fields.append(text.translate(escapes))
        return options.delimiter.join(fields) + "\n"


_ESCAPES = {ord(char): "\\" + letter for char, letter in zip("\\\t\n\r\b\f\v", "\\tnrbfv")}


def _binary_writer(
    types: Sequence[int], encoding: str, errors: str, registry: Registry | None
) -> Callable[[Sequence[RawRow]], bytes]:
    # Only such a registry knows types that are not built in; it is loaded with the first of them.
    own: OwnTypes | None = registry if hasattr(registry, "info") else None  # type: ignore[assignment]
    writer = copy_encoder(types, encoding=encoding, errors=errors, registry=own)
    if writer is not None:
        return writer
    for number, oid in enumerate(types, 1):
        if copy_encoder([oid], encoding=encoding, errors=errors, registry=own) is None:
            name = oids.kind_name(oid) if own is None else own.kind_name(oid)
            known = name != f"oid {oid}"
            hint = "" if known else " fetch the type (connection.types.fetch), or"
            raise InterfaceError(
                f"column {number} of type {name} cannot be written in binary:{hint} COPY as text"
            )
    raise InterfaceError("rows without columns cannot be written in binary: COPY them as text")


# -- back ----------------------------------------------------------------------------------

RowReader = Callable[[bytes, bool], "tuple[list[tuple[Any, ...]], int]"]


def row_reader(options: CopyOptions, encoding: str, errors: str) -> RowReader:
    """Return `read(data, last) -> (rows, bytes used)` for what COPY TO STDOUT gives.

    Values are `str | None`, in binary `bytes | None`. `last`: nothing follows these bytes.

    Raises (the reader):
        DataError: no such data: another format than the statement seemed to say.
    """
    if options.format == "binary":
        return _BinaryReader().read
    if options.encoding is not None:
        codec = codec_of(options.encoding)
        encoding, errors = codec.encoding, codec.errors
    reader = _CsvReader if options.format == "csv" else _TextReader
    return reader(options, encoding, errors).read


class _BinaryReader:
    """Reads the header, then rows up to the trailer; what is cut off, or comes behind, is told."""

    def __init__(self) -> None:
        self._begun = self._ended = False

    def read(self, data: bytes, last: bool) -> tuple[list[tuple[Any, ...]], int]:
        place = 0
        if not self._begun:
            place = self._header(data)
            self._begun = place > 0
        rows: list[tuple[Any, ...]] = []
        while self._begun and not self._ended and place + 2 <= len(data):
            count = int.from_bytes(data[place : place + 2], "big", signed=True)
            at, row = place + 2, []
            if count < 0:
                if count != -1:
                    raise DataError(f"COPY data in binary has a row of {count} columns")
                self._ended = True
                place = at
                break
            for _ in range(count):
                length = int.from_bytes(data[at : at + 4], "big", signed=True)
                at += 4
                row.append(None if length < 0 else data[at : at + length])
                at += max(length, 0)
                if at > len(data):
                    break
            if at > len(data):
                break
            rows.append(tuple(row))
            place = at
        if place < len(data) and (last or self._ended):
            raise DataError("COPY data in binary goes on behind its end, or ends inside a row")
        return rows, place

    def _header(self, data: bytes) -> int:
        """Return the header's length; 0: it is not all there yet."""
        whole = 19 + int.from_bytes(data[15:19], "big") if len(data) >= 19 else 0
        signature = COPY_BINARY_HEADER[:11]
        if data[:11] != signature[: len(data)] or whole > _HEADER_AT_MOST:
            raise DataError("this is no COPY data in binary")
        return whole if len(data) >= whole else 0


#: The header's extension is empty in every version there is.
_HEADER_AT_MOST = 65536


class _TextReader:
    def __init__(self, options: CopyOptions, encoding: str, errors: str) -> None:
        self._encoding, self._errors = encoding, errors
        self._options = options
        self._header = bool(options.header)
        delimiter = re.escape(options.delimiter)
        self._fields = re.compile(rf"((?:[^\\{delimiter}]|\\.)*)(?:{delimiter}|(\Z))", re.DOTALL)

    def read(self, data: bytes, last: bool) -> tuple[list[tuple[Any, ...]], int]:
        stop = len(data) if last else data.rfind(b"\n") + 1
        lines = self._decoded(data[:stop]).split("\n")
        if lines[-1] == "":
            lines.pop()
        if self._header and lines:
            self._header = False
            del lines[0]
        null, delimiter = self._options.null, self._options.delimiter
        if delimiter == "\t" and not any("\\" in line for line in lines):
            return [tuple(line.split("\t")) for line in lines], stop
        return [
            tuple([None if field == null else _unescaped(field) for field in line.split(delimiter)])
            if "\\" + delimiter not in line
            else self._careful(line)
            for line in lines
        ], stop

    def _careful(self, line: str) -> tuple[str | None, ...]:
        """Split where the delimiter may be a character of a value, escaped."""
        fields: list[str | None] = []
        for match in self._fields.finditer(line):
            field = match[1]
            fields.append(None if field == self._options.null else _unescaped(field))
            if match[2] is not None:
                break
        return tuple(fields)

    def _decoded(self, data: bytes) -> str:
        try:
            return data.decode(self._encoding, self._errors)
        except UnicodeError:
            raise DataError(f"COPY gave data that is not valid {self._encoding}") from None


_SPECIAL = re.compile(r"\\(.)", re.DOTALL)
_MEANT = dict(zip("tnrbfv", "\t\n\r\b\f\v"))


def _unescaped(field: str) -> str:
    if "\\" not in field:
        return field
    return _SPECIAL.sub(lambda found: _MEANT.get(found[1], found[1]), field)


class _CsvReader(_TextReader):
    def __init__(self, options: CopyOptions, encoding: str, errors: str) -> None:
        super().__init__(options, encoding, errors)
        quote, escape = re.escape(options.quote), re.escape(options.escape)
        delimiter = re.escape(options.delimiter)
        quoted = rf"(?:[^{quote}{escape}]|{escape}[{quote}{escape}])*"
        self._field = re.compile(
            rf"(?:{quote}({quoted}){quote}|((?!{quote})[^{delimiter}\n]*))({delimiter}|\n)",
            re.DOTALL,
        )
        self._doubled = re.compile(rf"{escape}(.)", re.DOTALL)

    def read(self, data: bytes, last: bool) -> tuple[list[tuple[Any, ...]], int]:
        # A character may be cut only where a line is: data is used up to a newline at most.
        whole = data if last else data[: data.rfind(b"\n") + 1]
        text = self._decoded(whole)
        rows: list[tuple[Any, ...]] = []
        row: list[str | None] = []
        used = place = 0
        while True:
            match = self._field.match(text, place)
            if match is None:
                break
            place = match.end()
            quoted, bare, end = match.groups()
            if quoted is None:
                row.append(None if bare == self._options.null else bare)
            else:
                row.append(self._doubled.sub(r"\1", quoted))
            if end == "\n":
                rows.append(tuple(row))
                row = []
                used = place
        if last and used != len(text):
            raise DataError("COPY gave CSV data that ends in the middle of a row")
        if self._header and rows:
            self._header = False
            del rows[0]
        return rows, len(text[:used].encode(self._encoding, self._errors))


def typed(
    types: Sequence[int | str] | None, options: CopyOptions, talk: Talk
) -> Callable[[list[tuple[Any, ...]]], list[tuple[Any, ...]]]:
    """Return what makes Python values of the rows that a `RowReader` gives.

    Args:
        types: OIDs or names of the columns; None: the rows stay as they are.

    Raises:
        InterfaceError: a type's name is unknown. (What is returned) DataError: a value is
            malformed or cannot be held, InterfaceError: there are not so many columns.
    """
    if types is None:
        return lambda rows: rows
    session, binary = talk.session, options.format == "binary"
    # Text was decoded with the row; a converter takes bytes, so it goes through UTF-8 once more.
    codec = (session.encoding, session.encoding_errors) if binary else ("utf-8", "surrogateescape")
    singles = [
        column_converter(
            _oid(each),
            int(binary),
            encoding=codec[0],
            errors=codec[1],
            styles=talk.styles(),
            registry=talk.registry,
        ).single
        for each in types
    ]

    def finish(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        if rows and len(rows[0]) != len(singles):
            raise InterfaceError(f"there are {len(rows[0])} columns, but {len(singles)} types")
        return [
            tuple(
                [
                    None
                    if value is None
                    else single(value if binary else value.encode("utf-8", "surrogateescape"))
                    for single, value in zip(singles, row)
                ]
            )
            for row in rows
        ]

    return finish


def _oid(kind: int | str) -> int:
    if isinstance(kind, str):
        oid = BY_NAME.get(kind)
        if oid is None:
            raise InterfaceError(f"no built-in type is named {kind!r}: give its OID")
        return oid
    return kind
