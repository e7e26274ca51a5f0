"""Input functions of arrays, ranges and multiranges, as PostgreSQL 18 reads them.

Floor 1, pure; loaded with the first declared column of such a type. No recursion: an
array's braces are counted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from . import oids
from .arrays import MAX_DIMENSIONS
from .faults import cited, input_error, unholdable
from .ranges import Multirange, Range

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["array_in", "multirange_in", "range_in", "vector_in"]

_SPACE = " \t\n\v\f\r"
_DIMENSION = re.compile(r"\[\s*([+-]?\d+)\s*(?::\s*([+-]?\d+)\s*)?\]\s*", re.ASCII)
_OPEN, _CLOSE, _DELIMITER, _ELEMENT, _NULL = range(5)


class _Tokens:
    """The tokens of one array literal, as ReadArrayToken of arrayfuncs.c finds them."""

    def __init__(self, text: str, delimiter: str) -> None:
        self.text = text
        self.delimiter = delimiter
        self.at = 0
        mark = re.escape(delimiter)
        self._plain = re.compile(rf"(?:[^\\\"{{}}{mark}]|\\.)+", re.DOTALL)
        self._quoted = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)

    def fault(self, detail: str) -> Exception:
        return input_error("22P02", f"malformed array literal: {cited(self.text)}", detail)

    def blanks(self) -> None:
        text, at = self.text, self.at
        while at < len(text) and text[at] in _SPACE:
            at += 1
        self.at = at

    def next(self) -> tuple[int, str]:
        self.blanks()
        text = self.text
        if self.at >= len(text):
            raise self.fault("Unexpected end of input.")
        first = text[self.at]
        if first in ("{", "}", self.delimiter):
            self.at += 1
            return (_OPEN if first == "{" else _CLOSE if first == "}" else _DELIMITER), first
        if first == '"':
            match = self._quoted.match(text, self.at)
            if match is None:
                raise self.fault("Unexpected end of input.")
            self.at = match.end()
            self.blanks()
            self._closed("Incorrectly quoted array element.")
            return _ELEMENT, re.sub(r"\\(.)", r"\1", match.group(1), flags=re.DOTALL)
        match = self._plain.match(text, self.at)
        if match is None:
            raise self.fault("Unexpected end of input.")  # a backslash at the end
        self.at = match.end()
        self._closed("Incorrectly quoted array element.")
        written = match.group()
        if "\\" in written:
            return _ELEMENT, _unescaped(written)
        written = written.rstrip(_SPACE)
        return (_NULL if written.upper() == "NULL" else _ELEMENT), written

    def _closed(self, detail: str) -> None:
        """See that a delimiter or a closing brace follows an element."""
        if self.at >= len(self.text) or self.text[self.at :] == "\\":
            raise self.fault("Unexpected end of input.")
        following = self.text[self.at]
        if following == "{":
            raise self.fault('Unexpected "{" character.')
        if following not in ("}", self.delimiter):
            raise self.fault(detail)


def _unescaped(written: str) -> str:
    """Drop the backslashes and the trailing white space that none of them protects."""
    kept = re.fullmatch(r"((?:[^\\]|\\.)*?)[ \t\n\v\f\r]*", written, re.DOTALL)
    assert kept is not None
    return re.sub(r"\\(.)", r"\1", kept.group(1), flags=re.DOTALL)


def array_in(element: Callable[[str], object], delimiter: str) -> Callable[[str], list[Any]]:
    """Return the input function of an array.

    Args:
        element: the element type's input function, modifier included.
        delimiter: `,`, or `;` for box.

    Raises (the function):
        DataError: 22P02 `malformed array literal`; what the element's function says.
        OperationalError: 54000 more than six dimensions.

    Source: array_in of PostgreSQL 18.
    """

    def read(text: str) -> list[Any]:
        tokens = _Tokens(text, delimiter)
        sizes = _dimensions(tokens)
        if tokens.at >= len(text) or text[tokens.at] != "{":
            if sizes:
                raise tokens.fault('Array contents must start with "{".')
            raise tokens.fault('Array value must start with "{" or dimension information.')
        found = _members(tokens, sizes, element)
        tokens.blanks()
        if tokens.at < len(text):
            raise tokens.fault("Junk after closing right brace.")
        return found

    return read


def _dimensions(tokens: _Tokens) -> list[int]:
    """Read `[l:u]…=` and return the sizes; none where it is not there."""
    sizes: list[int] = []
    tokens.blanks()
    while tokens.text[tokens.at : tokens.at + 1] == "[":
        match = _DIMENSION.match(tokens.text, tokens.at)
        if match is None:
            if tokens.text[tokens.at + 1 :].lstrip(_SPACE)[:1] not in tuple("+-0123456789"):
                raise tokens.fault('"[" must introduce explicitly-specified array dimensions.')
            raise tokens.fault('Missing "]" after array dimensions.')
        if len(sizes) >= MAX_DIMENSIONS:
            raise _too_deep()
        first, last = match.groups()
        lower, upper = (1, int(first[:12])) if last is None else (int(first[:12]), int(last[:12]))
        if not (-(1 << 31) <= lower < 1 << 31 and -(1 << 31) <= upper < 1 << 31):
            raise input_error("54000", "array bound is out of integer range")
        if upper < lower:
            raise input_error("2202E", "upper bound cannot be less than lower bound")
        sizes.append(upper - lower + 1)
        tokens.at = match.end()
    if sizes:
        if tokens.text[tokens.at : tokens.at + 1] != "=":
            raise tokens.fault('Missing "=" after array dimensions.')
        tokens.at += 1
        tokens.blanks()
    return sizes


def _too_deep() -> Exception:
    return input_error(
        "54000", f"number of array dimensions exceeds the maximum allowed ({MAX_DIMENSIONS})"
    )


def _members(tokens: _Tokens, given: list[int], element: Callable[[str], object]) -> list[Any]:
    """Read the braces and what is in them."""
    sizes: list[int] = [*given, *([-1] * (MAX_DIMENSIONS - len(given)))]
    deepest, frozen = len(given), bool(given)
    stack: list[list[Any]] = []
    root: list[Any] = []
    after = False  # a delimiter or a closing brace must follow
    any_element = False
    mismatch = (
        "Specified array dimensions do not match array contents."
        if given
        else "Multidimensional arrays must have sub-arrays with matching dimensions."
    )
    while True:
        sort, written = tokens.next()
        if sort == _OPEN:
            if after:
                raise tokens.fault('Unexpected "{" character.')
            if len(stack) >= MAX_DIMENSIONS:
                raise _too_deep()
            stack.append([] if stack else root)
            if len(stack) > deepest:
                if frozen:
                    raise tokens.fault(mismatch)
                deepest = len(stack)
        elif sort == _CLOSE:
            if not after and stack[-1]:
                raise tokens.fault('Unexpected "}" character.')
            closed = stack.pop()
            if stack:
                stack[-1].append(closed)
            depth = len(stack)
            if sizes[depth] < 0:
                sizes[depth] = len(closed)
            elif sizes[depth] != len(closed):
                raise tokens.fault(mismatch)
            after = True
        elif sort == _DELIMITER:
            if not after:
                raise tokens.fault(f'Unexpected "{written}" character.')
            after = False
        else:
            if after:
                raise tokens.fault("Unexpected array element.")
            frozen = any_element = True
            if len(stack) != deepest:
                raise tokens.fault(mismatch)
            stack[-1].append(None if sort == _NULL else element(written))
            after = True
        if not stack:
            return root if any_element else []


def vector_in(element: Callable[[str], object]) -> Callable[[str], list[Any]]:
    """Return the input function of int2vector or oidvector: members with blanks between."""

    def read(text: str) -> list[Any]:
        return [element(word) for word in text.split()]

    return read


# No closing quote has another behind it: so there is one way only to read a text.
_QUOTED = r'"[^"\\]*(?:(?:""|\\.)[^"\\]*)*"(?!")'
_SIDE = rf'(?:{_QUOTED}|\\.|[^",\\()\[\]])*'
_BOUNDED = re.compile(
    rf"\s*(?:(?P<empty>empty)|([\[(])({_SIDE}),({_SIDE})([\])]))\s*", re.DOTALL | re.IGNORECASE
)
_PIECE = re.compile(r'"([^"\\]*(?:(?:""|\\.)[^"\\]*)*)"(?!")|\\(.)|([^"\\]+)', re.DOTALL)


def _bound(written: str, element: Callable[[str], object]) -> object | None:
    if not written:
        return None
    parts = []
    for quoted, escaped, plain in _PIECE.findall(written):
        if quoted:
            parts.append(
                re.sub(r'\\(.)|"(")', lambda m: m.group(1) or '"', quoted, flags=re.DOTALL)
            )
        else:
            parts.append(escaped or plain)
    return element("".join(parts))


def _canonical(lower: Any, upper: Any, bounds: str, subtype: int) -> Range[Any]:
    """Return the range as the server would print it: `[)` for discrete types, or empty."""
    if lower is not None and upper is not None:
        if lower > upper:
            raise input_error(
                "22000", "range lower bound must be less than or equal to range upper bound"
            )
        if lower == upper and bounds != "[]":
            return Range(empty=True)
    if subtype in {oids.INT4, oids.INT8, oids.DATE}:
        step: Any = 1
        if subtype == oids.DATE:
            from datetime import timedelta

            step = timedelta(1)
        try:
            if lower is not None and bounds[0] == "(":
                lower += step
            if upper is not None and bounds[1] == "]":
                upper += step
        except OverflowError:
            raise unholdable("date", "10000-01-01", "datetime.date") from None
        most = {oids.INT4: (1 << 31) - 1, oids.INT8: (1 << 63) - 1}.get(subtype)
        if most is not None and max(lower or 0, upper or 0) > most:
            raise input_error("22003", f"{oids.kind_name(subtype)} out of range")
        if lower is not None and lower == upper:
            return Range(empty=True)
        bounds = "[)"
    return Range(lower, upper, bounds)


def _range(match: re.Match[str], element: Callable[[str], object], subtype: int) -> Range[Any]:
    if match.group("empty"):
        return Range(empty=True)
    _, first, low, high, last = match.groups()
    return _canonical(_bound(low, element), _bound(high, element), first + last, subtype)


def range_in(element: Callable[[str], object], subtype: int) -> Callable[[str], Range[Any]]:
    """Return the input function of a range; discrete ranges come out as `[)`.

    Raises (the function):
        DataError: 22P02 `malformed range literal`; 22000 bounds in the wrong order; what the
            bound's function says.
    """

    def read(text: str) -> Range[Any]:
        match = _BOUNDED.fullmatch(text)
        if match is None:
            raise input_error(
                "22P02", f"malformed range literal: {cited(text)}", _range_detail(text)
            )
        return _range(match, element, subtype)

    return read


def _range_detail(text: str) -> str:
    word = text.strip(_SPACE)
    if word[:1] not in ("[", "("):
        if word[:5].lower() == "empty":
            return 'Junk after "empty" key word.'
        return "Missing left parenthesis or bracket."
    whole = re.match(rf"[\[(]{_SIDE}", word, re.DOTALL)
    assert whole is not None
    rest = word[whole.end() :]
    if not rest or rest[0] in '"\\':
        return "Unexpected end of input."
    if rest[0] != ",":
        return "Missing comma after lower bound."
    rest = rest[1:]
    upper = re.match(_SIDE, rest, re.DOTALL)
    assert upper is not None
    rest = rest[upper.end() :]
    if not rest or rest[0] in '"\\':
        return "Unexpected end of input."
    if rest[0] not in ")]":
        return "Too many commas."
    return "Junk after right parenthesis or bracket."


def multirange_in(element: Callable[[str], object], subtype: int) -> Callable[[str], Multirange]:
    """Return the input function of a multirange: sorted, joined where ranges touch.

    Raises (the function):
        DataError: 22P02 `malformed multirange literal`; as `range_in`.
    """

    def read(text: str) -> Multirange:
        def fault(detail: str) -> Exception:
            return input_error("22P02", f"malformed multirange literal: {cited(text)}", detail)

        word = text.strip(_SPACE)
        if word[:1] != "{":
            raise fault("Missing left brace.")
        found: list[Range[Any]] = []
        at = 1
        if word[1:].lstrip(_SPACE) == "}":
            at = len(word) - 1
        while word[at : at + 1] != "}":
            match = _BOUNDED.match(word, at)
            if match is None:
                unfinished = word[at:].lstrip(_SPACE)[:1] in ("", "[", "(")
                raise fault("Unexpected end of input." if unfinished else "Expected range start.")
            found.append(_range(match, element, subtype))
            at = match.end()
            if word[at : at + 1] == ",":
                at += 1
                if word[at:].lstrip(_SPACE)[:1] == "}":
                    raise fault("Expected range start.")
            elif word[at : at + 1] != "}":
                raise fault(
                    "Expected comma or end of multirange."
                    if at < len(word)
                    else "Unexpected end of input."
                )
        if at + 1 != len(word):
            raise fault("Junk after closing right brace.")
        return _joined(found)

    return read


def _joined(ranges: list[Range[Any]]) -> Multirange:
    """Return the ranges in order, those that overlap or touch as one, without empty ones."""

    def begins(one: Range[Any]) -> tuple[bool, Any, bool]:
        return (one.lower is not None, one.lower if one.lower is not None else 0, "(" in one.bounds)

    unbounded = sorted((one for one in ranges if one and one.lower is None), key=repr)
    bounded = sorted((one for one in ranges if one and one.lower is not None), key=begins)
    result = Multirange()
    for one in unbounded + bounded:
        if result and _touches(result[-1], one):
            result[-1] = _union(result[-1], one)
        else:
            result.append(one)
    return result


def _touches(first: Range[Any], second: Range[Any]) -> bool:
    if first.upper is None or second.lower is None or second.lower < first.upper:
        return True
    return bool(second.lower == first.upper) and (first.bounds[1] == "]" or second.bounds[0] == "[")


def _union(first: Range[Any], second: Range[Any]) -> Range[Any]:
    upper, last = first.upper, first.bounds[1]
    if upper is not None and (
        second.upper is None
        or second.upper > upper
        or (second.upper == upper and second.bounds[1] == "]")
    ):
        upper, last = second.upper, second.bounds[1]
    return Range(first.lower, upper, first.bounds[0] + last)
