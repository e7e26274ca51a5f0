"""Ranges and multiranges: the `Range` class, reading and writing their text.

Floor 1, pure; loaded with the first range.
"""

from __future__ import annotations

import re
from struct import Struct
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..errors import InterfaceError
from .faults import malformed

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Multirange",
    "Range",
    "binary_multirange_decoder",
    "binary_range_decoder",
    "multirange_decoder",
    "range_decoder",
]

T = TypeVar("T")


class Range(Generic[T]):
    """A range: two bounds, each inclusive or not, None for an unbounded end; or empty.

    Args:
        lower, upper: values of the range's subtype, or None: no bound on that side.
        bounds: one of `[)`, `[]`, `(]`, `()`.
        empty: True for the empty range; the other arguments then mean nothing.

    Equality is that of the written form: `[1,5]` and `[1,6)` differ here, though the
    server makes them one for discrete types. Hashable if its bounds are.

    Raises:
        InterfaceError: `bounds` is none of the four.
    """

    __slots__ = ("bounds", "empty", "lower", "upper")

    lower: T | None
    upper: T | None
    bounds: str
    empty: bool

    def __init__(
        self,
        lower: T | None = None,
        upper: T | None = None,
        bounds: str = "[)",
        *,
        empty: bool = False,
    ) -> None:
        if bounds not in {"[)", "[]", "(]", "()"}:
            raise InterfaceError('bounds of a Range must be one of "[)", "[]", "(]", "()"')
        if empty:
            lower = upper = None
            bounds = "()"
        # PostgreSQL prints a side without bound as exclusive
        first = "(" if lower is None else bounds[0]
        last = ")" if upper is None else bounds[1]
        for name, value in (
            ("lower", lower),
            ("upper", upper),
            ("bounds", first + last),
            ("empty", empty),
        ):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Range cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a Range cannot be changed")

    def _key(self) -> tuple[T | None, T | None, str, bool]:
        return self.lower, self.upper, self.bounds, self.empty

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Range):
            return self._key() == other._key()
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __bool__(self) -> bool:
        return not self.empty

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, self._key()

    def __repr__(self) -> str:
        if self.empty:
            return "Range(empty=True)"
        return f"Range({self.lower!r}, {self.upper!r}, {self.bounds!r})"

    def text(self, bound: Callable[[Any], str]) -> str:
        """Return PostgreSQL's text of the range, both bounds quoted.

        Args:
            bound: the text of one bound that is not None.
        """
        if self.empty:
            return "empty"
        sides = []
        for value in (self.lower, self.upper):
            if value is None:
                sides.append("")
            else:
                escaped = bound(value).replace("\\", "\\\\").replace('"', '\\"')
                sides.append(f'"{escaped}"')
        return f"{self.bounds[0]}{sides[0]},{sides[1]}{self.bounds[1]}"


def _rebuild(lower: T | None, upper: T | None, bounds: str, empty: bool) -> Range[T]:
    return Range(lower, upper, bounds, empty=empty)


class Multirange(list):  # type: ignore[type-arg]  # of Range
    """The ranges of a multirange, in order: a list that is sent as a multirange again."""

    __slots__ = ()
    #: an element of an array, not a dimension
    one_value = True


_BOUND = r'(?:"((?:[^"\\]|""|\\.)*)"(?!")|([^\s",()\[\]\\]*))'
_RANGE = re.compile(rf"([\[(]){_BOUND},{_BOUND}([\])])", re.DOTALL)
_ESCAPED = re.compile(r'\\(.)|"(")', re.DOTALL)


def _value(quoted: str | None, plain: str | None, decode: Callable[[str], object]) -> object | None:
    if quoted is None:
        return decode(plain) if plain else None
    if "\\" in quoted or '"' in quoted:
        quoted = _ESCAPED.sub(lambda match: match.group(1) or match.group(2), quoted)
    return decode(quoted)


def _range(match: re.Match[str], decode: Callable[[str], object]) -> Range[Any]:
    first, low_quoted, low, high_quoted, high, last = match.groups()
    lower = _value(low_quoted, low, decode)
    upper = _value(high_quoted, high, decode)
    return Range(lower, upper, first + last)


def range_decoder(decode: Callable[[str], object], kind: str) -> Callable[[str], Range[Any]]:
    """Return the decoder of a range type.

    Args:
        decode: decodes a bound's text.
        kind: the range type's name, for errors.

    Raises (the decoder):
        DataError: 22P02; or whatever a bound's decoder says.
    """

    def decode_range(text: str) -> Range[Any]:
        if text == "empty":
            return Range(empty=True)
        match = _RANGE.fullmatch(text)
        if match is None:
            raise malformed(kind, text)
        return _range(match, decode)

    return decode_range


def multirange_decoder(decode: Callable[[str], object], kind: str) -> Callable[[str], Multirange]:
    """Return the decoder of a multirange type; errors as `range_decoder`."""

    def decode_multirange(text: str) -> Multirange:
        found = Multirange()
        if text == "{}":
            return found
        position, last = 1, len(text) - 1
        while text[:1] == "{" and text[last] == "}":
            match = _RANGE.match(text, position, last)
            if match is None:
                break
            found.append(_range(match, decode))
            position = match.end()
            if position == last:
                return found
            if text[position] != ",":
                break
            position += 1
        raise malformed(kind, text)

    return decode_multirange


_WORD = Struct(">i")
_EMPTY, _LOWER_INCLUSIVE, _UPPER_INCLUSIVE, _LOWER_INFINITE, _UPPER_INFINITE = 1, 2, 4, 8, 16


def _field(value: bytes, at: int, kind: str) -> tuple[bytes, int]:
    """Return the length-prefixed bytes at `at` and where they end."""
    if len(value) - at >= 4:
        (length,) = _WORD.unpack_from(value, at)
        at += 4
        if 0 <= length <= len(value) - at:
            return value[at : at + length], at + length
    raise malformed(kind, value)


def binary_range_decoder(
    kind: str, decode: Callable[[bytes], object]
) -> Callable[[bytes], Range[Any]]:
    """Return the decoder of a range in binary format.

    Byte1 flags, then for each finite bound Int32 length, bytes.

    Raises (the decoder):
        DataError: 22P03; or whatever a bound's decoder says.
    """

    def decode_binary_range(value: bytes) -> Range[Any]:
        flags = value[0] if value else 0xFF
        if flags & _EMPTY and len(value) == 1:
            return Range(empty=True)
        if not value or flags & _EMPTY or flags & 0x80:
            raise malformed(kind, value)
        at = 1
        lower = upper = None
        if not flags & _LOWER_INFINITE:
            part, at = _field(value, at, kind)
            lower = decode(part)
        if not flags & _UPPER_INFINITE:
            part, at = _field(value, at, kind)
            upper = decode(part)
        if at != len(value):
            raise malformed(kind, value)
        first = "[" if flags & _LOWER_INCLUSIVE else "("
        return Range(lower, upper, first + ("]" if flags & _UPPER_INCLUSIVE else ")"))

    return decode_binary_range


def binary_multirange_decoder(
    kind: str, decode: Callable[[bytes], Range[Any]]
) -> Callable[[bytes], Multirange]:
    """Return the decoder of a multirange in binary format: Int32 count, ranges with lengths."""

    def decode_binary_multirange(value: bytes) -> Multirange:
        count = _WORD.unpack_from(value)[0] if len(value) >= 4 else -1
        if not 0 <= count <= (len(value) - 4) // 5:
            raise malformed(kind, value)
        found = Multirange()
        at = 4
        for _ in range(count):
            part, at = _field(value, at, kind)
            found.append(decode(part))
        if at != len(value):
            raise malformed(kind, value)
        return found

    return decode_binary_multirange
