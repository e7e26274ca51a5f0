"""Array text: `{1,2,NULL}`, bounds, nesting, quoting; and the vectors of the catalogs.

Floor 1, pure; loaded with the first array. Read in one pass without recursion, at most
PostgreSQL's own six dimensions deep. Lower bounds are checked for shape and dropped, unless they
are to be kept.
"""

from __future__ import annotations

import re
from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING, Any, List

from ..errors import InterfaceError
from .faults import malformed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "MAX_DIMENSIONS",
    "Array",
    "array_decoder",
    "array_literal",
    "binary_array_decoder",
    "delimits",
    "is_list",
    "vector_decoder",
]

#: MAXDIM of PostgreSQL
MAX_DIMENSIONS = 6

_BOUNDS = re.compile(r"((?:\[[+-]?\d{1,10}:[+-]?\d{1,10}\]){1,6})=", re.ASCII)
_LOWER = re.compile(r"\[([+-]?\d+):")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_QUOTED, _PLAIN, _OPEN, _CLOSE, _DELIMITER = 1, 2, 3, 4, 5


@lru_cache(maxsize=64)
def _tokens(delimiter: str) -> re.Pattern[str]:
    mark = re.escape(delimiter)
    return re.compile(
        rf'"([^"\\]*(?:\\.[^"\\]*)*)"|([^{{}}"\\{mark}]+)|({{)|(}})|({mark})|.', re.DOTALL
    )


class Array(List[Any]):
    """An array whose subscripts do not begin with 1: a list that is sent as it came.

    What arrays with bounds of their own are with `odd_values="exact"`.

    Attributes:
        lower_bounds: the first subscript of each dimension.
    """

    __slots__ = ("lower_bounds",)

    def __init__(self, items: Iterable[Any] = (), lower_bounds: tuple[int, ...] = ()) -> None:
        super().__init__(items)
        self.lower_bounds = lower_bounds

    def __repr__(self) -> str:
        return f"Array({super().__repr__()}, {self.lower_bounds})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Array, (list(self), self.lower_bounds)


def delimits(delimiter: str) -> bool:
    """Tell whether the elements of an array can be told apart by this: `typdelim` is any byte."""
    return len(delimiter) == 1 and delimiter not in '{}"\\\0' and not delimiter.isspace()


def is_list(item: object) -> bool:
    """Tell whether an item is a dimension of an array, not a value that is a list by itself."""
    return isinstance(item, list) and not getattr(item, "one_value", False)


def array_decoder(
    element: Callable[[str], object], kind: str, delimiter: str = ",", *, exact: bool = False
) -> Callable[[str], list[Any]]:
    """Return the decoder of an array.

    Args:
        element: decodes one element's text.
        kind: the array type's name, for errors.
        delimiter: `,`, or `;` for box; of a fetched type one that `delimits`.
        exact: bounds other than 1 are kept, in an `Array`.

    The decoder returns lists, nested for more dimensions, None for NULL.

    Raises (the decoder):
        DataError: 22P02; or whatever an element's decoder says.
    """
    scan = _tokens(delimiter).finditer

    def decode_array(text: str) -> list[Any]:
        if text[:1] == "{" and text[-1:] == "}" and '"' not in text and "\\" not in text:
            inside = text[1:-1]
            if "{" not in inside and "}" not in inside:
                if not inside:
                    return []
                if "NULL" not in inside.upper():
                    items = inside.split(delimiter)
                    if "" in items:
                        raise malformed(kind, text)
                    return [element(item) for item in items]
        dimensions, position = 0, 0
        if text[:1] == "[":
            bounds = _BOUNDS.match(text)
            if bounds is None:
                raise malformed(kind, text)
            dimensions, position = bounds.group(1).count("["), bounds.end()
        found, depth = _nested(scan(text, position), element)
        if found is None or (dimensions and dimensions != depth):
            raise malformed(kind, text)
        if exact and dimensions:
            lower = tuple([int(one) for one in _LOWER.findall(text[:position])])
            return found if lower == (1,) * dimensions else Array(found, lower)
        return found

    return decode_array


def _nested(tokens: Any, element: Callable[[str], object]) -> tuple[list[Any] | None, int]:
    """Read the braces; None when they, the quotes or the dimensions are wrong."""
    root: list[Any] | None = None
    stack: list[list[Any]] = []
    sizes: dict[int, int] = {}  # members of every list at a depth: arrays are rectangular
    leaves = 0  # the depth at which elements stand, 0 while unknown
    ready = True  # a member may stand here; else a delimiter or a closing brace must
    for token in tokens:
        sort = token.lastindex
        depth = len(stack)
        if sort in (_PLAIN, _QUOTED):
            if not ready or not depth or (leaves and leaves != depth):
                return None, 0
            leaves = depth
            stack[-1].append(_member(token, sort, element))
            ready = False
        elif sort == _DELIMITER:
            if ready or not depth:
                return None, 0
            ready = True
        elif sort == _OPEN:
            if not ready or depth >= MAX_DIMENSIONS or leaves == depth > 0:
                return None, 0
            fresh: list[Any] = []
            if depth:
                stack[-1].append(fresh)
            else:
                root = fresh
            stack.append(fresh)
        elif sort == _CLOSE and depth:
            closed = stack.pop()
            # an empty list is legal as the whole array only
            if ready and (closed or depth > 1):
                return None, 0
            if sizes.setdefault(depth, len(closed)) != len(closed):
                return None, 0
            ready = False
        else:
            return None, 0
    return (None if stack else root), max(sizes, default=0)


def _member(token: re.Match[str], sort: int, element: Callable[[str], object]) -> object:
    text: str = token.group(sort)
    if sort == _PLAIN:
        return None if text.upper() == "NULL" else element(text)
    if "\\" in text:
        text = _ESCAPED.sub(r"\1", text)
    return element(text)


def vector_decoder(kind: str) -> Callable[[str], list[int]]:
    """Return the decoder of int2vector and oidvector: numbers with blanks between."""
    pattern = re.compile(r"(?:-?\d{1,10}(?: -?\d{1,10})*)?", re.ASCII)

    def decode_vector(text: str) -> list[int]:
        if not pattern.fullmatch(text):
            raise malformed(kind, text)
        return [int(item) for item in text.split()]

    return decode_vector


def array_literal(items: list[Any], element: Callable[[Any], str], delimiter: str = ",") -> str:
    """Return PostgreSQL's literal of a rectangular nested list, every non-NULL element quoted.

    Args:
        items: checked by the caller: rectangular, no deeper than `MAX_DIMENSIONS`.
        element: the text of one element that is not None.
        delimiter: `,`, or `;` for box.
    """
    parts = []
    for item in items:
        if item is None:
            parts.append("NULL")
        elif is_list(item):
            parts.append(array_literal(item, element, delimiter))
        else:
            text = element(item).replace("\\", "\\\\").replace('"', '\\"')
            parts.append(f'"{text}"')
    literal = "{" + delimiter.join(parts) + "}"
    bounds = items.lower_bounds if isinstance(items, Array) else ()
    if not bounds or not items:
        return literal
    sizes: list[int] = []
    level: Any = items
    while is_list(level):
        sizes.append(len(level))
        level = level[0]
    if len(bounds) != len(sizes):
        raise InterfaceError(f"an Array of {len(sizes)} dimensions needs as many lower bounds")
    return "".join([f"[{low}:{low + n - 1}]" for low, n in zip(bounds, sizes)]) + "=" + literal


_HEADER = Struct(">iiI")
_DIMENSION = Struct(">ii")
_WORD = Struct(">i")


def binary_array_decoder(
    kind: str, element: int, decode: Callable[[bytes], object], *, exact: bool = False
) -> Callable[[bytes], list[Any]]:
    """Return the decoder of an array in binary format, also of int2vector and oidvector.

    Args:
        kind: the array type's name, for errors.
        element: the element type's OID, which the value must repeat.
        decode: decodes one element's bytes.
        exact: bounds other than 1 are kept, in an `Array`.

    Int32 dimensions, Int32 has-NULL flag (advice only), Int32 element OID; for each
    dimension Int32 size, Int32 lower bound; the elements as Int32 length or -1, bytes.

    Raises (the decoder):
        DataError: 22P03; or whatever an element's decoder says.
    """

    def decode_binary_array(value: bytes) -> list[Any]:
        if len(value) < 12:
            raise malformed(kind, value)
        dimensions, _, oid = _HEADER.unpack_from(value)
        at = 12 + 8 * dimensions
        if not 0 <= dimensions <= MAX_DIMENSIONS or oid != element or len(value) < at:
            raise malformed(kind, value)
        sizes = [_DIMENSION.unpack_from(value, 12 + 8 * n)[0] for n in range(dimensions)]
        count = 1 if sizes else 0
        for size in sizes:
            # every element takes four bytes at least: that bounds what is built
            count *= size
            if size < 0 or count > (len(value) - at) // 4:
                raise malformed(kind, value)
        items: list[Any] = []
        for _ in range(count):
            if len(value) - at < 4:
                raise malformed(kind, value)
            (length,) = _WORD.unpack_from(value, at)
            at += 4
            if length == -1:
                items.append(None)
                continue
            if not 0 <= length <= len(value) - at:
                raise malformed(kind, value)
            items.append(decode(value[at : at + length]))
            at += length
        if at != len(value):
            raise malformed(kind, value)
        if items:
            for size in reversed(sizes[1:]):
                items = [items[n : n + size] for n in range(0, len(items), size)]
        if exact and items:
            lower = tuple([_DIMENSION.unpack_from(value, 12 + 8 * n)[1] for n in range(dimensions)])
            return items if lower == (1,) * dimensions else Array(items, lower)
        return items

    return decode_binary_array
