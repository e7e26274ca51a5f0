"""SQL put together safely: `SQL`, `Identifier`, `Literal`, `Placeholder`, joined into `Composed`.

Floor 2, pure; the names are psycopg's. What is composed is accepted wherever a cursor takes a
query. Identifiers and literals are quoted for the session's encoding when the text is made; in a
query with parameters their `%` is doubled, so that it never counts as a placeholder.
"""

from __future__ import annotations

from string import Formatter
from typing import TYPE_CHECKING, Any, Iterable, Iterator

from .errors import InterfaceError
from .values import oids
from .values.parameters import encode
from .values.quoting import identifier, literal

if TYPE_CHECKING:
    from typing_extensions import LiteralString

__all__ = [
    "DEFAULT",
    "NULL",
    "SQL",
    "Composable",
    "Composed",
    "Identifier",
    "Literal",
    "Placeholder",
    "quote",
]

_FORMATTER = Formatter()


class Composable:
    """A piece of SQL. Pieces are added with `+`, and repeated with `*`."""

    __slots__ = ()

    def compose(self, encoding: str = "utf-8", errors: str = "strict", *, pyformat: bool) -> str:
        """Return the text.

        Args:
            encoding, errors: of the session (`values.encodings.codec_of`).
            pyformat: it is to go through the look for placeholders.

        Raises:
            InterfaceError: a value or a name cannot be written.
        """
        raise NotImplementedError

    def as_string(self, context: Any = None) -> str:
        """Return the text as it goes to the server.

        Args:
            context: a connection or a cursor, whose encoding counts; None: UTF-8.

        Raises:
            InterfaceError: a value or a name cannot be written.
        """
        connection = getattr(context, "connection", context)
        talk = getattr(connection, "talk", None)
        if talk is None:
            return self.compose(pyformat=False)
        return self.compose(talk.session.encoding, talk.session.encoding_errors, pyformat=False)

    def __add__(self, other: Composable) -> Composed:
        if not isinstance(other, Composable):
            return NotImplemented
        left = list(self) if isinstance(self, Composed) else [self]
        right = list(other) if isinstance(other, Composed) else [other]
        return Composed([*left, *right])

    def __mul__(self, times: int) -> Composed:
        return Composed([self] * times)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash((type(self), self._key()))

    def _key(self) -> object:
        raise NotImplementedError


class Composed(Composable):
    """A sequence of pieces.

    Args:
        pieces: what is no piece of SQL is made a `Literal`.
    """

    __slots__ = ("_pieces",)

    def __init__(self, pieces: Iterable[Any]) -> None:
        self._pieces = [each if isinstance(each, Composable) else Literal(each) for each in pieces]

    def compose(self, encoding: str = "utf-8", errors: str = "strict", *, pyformat: bool) -> str:
        """As `Composable.compose`."""
        return "".join([each.compose(encoding, errors, pyformat=pyformat) for each in self._pieces])

    def join(self, joiner: SQL | LiteralString) -> Composed:
        """Return the pieces with `joiner` between them."""
        return (SQL(joiner) if isinstance(joiner, str) else joiner).join(self._pieces)

    def __iter__(self) -> Iterator[Composable]:
        return iter(self._pieces)

    def __len__(self) -> int:
        return len(self._pieces)

    def _key(self) -> object:
        return tuple(self._pieces)

    def __repr__(self) -> str:
        return f"Composed({self._pieces!r})"


class SQL(Composable):
    """SQL that stands in the program's text: never what a user has typed.

    Args:
        text: a literal string, as type checkers see to; `format` puts pieces in for its `{}`.
    """

    __slots__ = ("_text",)

    def __init__(self, text: LiteralString) -> None:
        if not isinstance(text, str):
            raise TypeError(f"SQL() takes str, not {type(text).__name__}")
        self._text = text

    def compose(self, encoding: str = "utf-8", errors: str = "strict", *, pyformat: bool) -> str:  # noqa: ARG002
        """As `Composable.compose`: the text as it is."""
        return self._text

    def format(self, *args: Any, **kwargs: Any) -> Composed:
        """Return the text with pieces in place of `{}`, `{0}` or `{name}`.

        What is no piece of SQL is made a `Literal`. `{{` and `}}` stand for braces.

        Raises:
            ValueError: a conversion or format, or numbered and unnumbered places together.
            IndexError, KeyError: a piece is missing.
        """
        pieces: list[Composable] = []
        automatic: int | None = 0
        for text, name, spec, conversion in _FORMATTER.parse(self._text):
            if text:
                pieces.append(SQL(text))
            if name is None:
                continue
            if spec or conversion:
                raise ValueError("SQL.format() knows neither formats nor conversions")
            if name == "":
                if automatic is None:
                    raise ValueError("numbered and unnumbered places cannot be mixed")
                value = args[automatic]
                automatic += 1
            elif name.isdigit():
                if automatic:
                    raise ValueError("numbered and unnumbered places cannot be mixed")
                automatic = None
                value = args[int(name)]
            else:
                value = kwargs[name]
            pieces.append(value if isinstance(value, Composable) else Literal(value))
        return Composed(pieces)

    def join(self, pieces: Iterable[Any]) -> Composed:
        """Return pieces with this text between them."""
        joined: list[Any] = []
        for each in pieces:
            if joined:
                joined.append(self)
            joined.append(each)
        return Composed(joined)

    def _key(self) -> object:
        return self._text

    def __repr__(self) -> str:
        return f"SQL({self._text!r})"


class Identifier(Composable):
    """A name, perhaps qualified: `Identifier("schema", "table")` is `"schema"."table"`."""

    __slots__ = ("_names",)

    def __init__(self, *names: str) -> None:
        if not names or not all(isinstance(name, str) for name in names):
            raise TypeError("Identifier() takes one str or more")
        self._names = names

    def compose(self, encoding: str = "utf-8", errors: str = "strict", *, pyformat: bool) -> str:
        """As `Composable.compose`."""
        text = ".".join(
            [identifier(name, encoding=encoding, errors=errors) for name in self._names]
        )
        return text.replace("%", "%%") if pyformat else text

    def _key(self) -> object:
        return self._names

    def __repr__(self) -> str:
        return f"Identifier({', '.join(map(repr, self._names))})"


class Literal(Composable):
    """A value, written into the text: for statements that take no parameters (DDL, SET, COPY …).

    Where a parameter can stand a parameter is better.
    """

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def compose(self, encoding: str = "utf-8", errors: str = "strict", *, pyformat: bool) -> str:
        """As `Composable.compose`."""
        text = quote(self._value, encoding=encoding, errors=errors)
        return text.replace("%", "%%") if pyformat else text

    def _key(self) -> object:
        try:
            hash(self._value)
        except TypeError:
            return repr(self._value)
        return type(self._value), self._value

    def __repr__(self) -> str:
        return f"Literal({self._value!r})"


class Placeholder(Composable):
    """A parameter's place: `%s`, or `%(name)s`."""

    __slots__ = ("_name",)

    def __init__(self, name: str = "") -> None:
        if ")" in name or "%" in name:
            raise ValueError(f"a placeholder cannot be named {name!r}")
        self._name = name

    def compose(self, encoding: str = "utf-8", errors: str = "strict", *, pyformat: bool) -> str:  # noqa: ARG002
        """As `Composable.compose`."""
        return f"%({self._name})s" if self._name else "%s"

    def _key(self) -> object:
        return self._name

    def __repr__(self) -> str:
        return f"Placeholder({self._name!r})"


#: plain as they are, and negative in parentheses, since `- -1` and `5-1::int` mislead
_NUMBERS = frozenset({oids.INT2, oids.INT4, oids.INT8, oids.NUMERIC, oids.FLOAT8})


def quote(value: Any, *, encoding: str = "utf-8", errors: str = "strict") -> str:
    """Return a value as a literal of SQL, with a cast where its type is known.

    Raises:
        InterfaceError: no PostgreSQL type for it is plain, or it cannot be written.
    """
    if value is None:
        return "NULL"
    oid, form, data = encode(value, encoding=encoding, errors=errors)
    assert data is not None
    text = "\\x" + data.hex() if form else data.decode(encoding, errors)
    if isinstance(value, bool):
        return "true" if value else "false"
    if oid in _NUMBERS and text.strip("-").replace(".", "", 1).isdigit():
        return f"({text})" if text.startswith("-") else text
    quoted = literal(text, encoding=encoding, errors=errors)
    if oid == 0:
        return quoted
    name = oids.kind_name(oid)
    if name.startswith("oid "):
        raise InterfaceError(
            "a value of a type of the program's own cannot be a literal: use a cast"
        )
    return f"{quoted}::{name}"


NULL = SQL("NULL")
DEFAULT = SQL("DEFAULT")
