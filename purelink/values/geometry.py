"""Geometric types: named tuples of floats, their text and their binary form.

Floor 1, pure; loaded with the first of them. Text is read as PostgreSQL's input functions do,
so that what a declared column is given reads the same.
"""

from __future__ import annotations

import re
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple, Sequence

from . import oids
from .faults import malformed

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Box",
    "Circle",
    "LSeg",
    "Line",
    "Path",
    "Point",
    "Polygon",
    "binary_geometry_decoder",
    "geometry_decoder",
    "geometry_reader",
]


def _number(number: float) -> str:
    text = float.__repr__(float(number))
    return _WORDS.get(text) or (text.removesuffix(".0"))


_WORDS = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}


class Point(NamedTuple):
    """A point in the plane."""

    x: float
    y: float

    def __str__(self) -> str:
        """Return it as PostgreSQL reads it."""
        return f"({_number(self.x)},{_number(self.y)})"


class Line(NamedTuple):
    """An infinite line: the points where `a`x + `b`y + `c` = 0."""

    a: float
    b: float
    c: float

    def __str__(self) -> str:
        """Return it as PostgreSQL reads it."""
        return f"{{{_number(self.a)},{_number(self.b)},{_number(self.c)}}}"


class LSeg(NamedTuple):
    """A line segment, by its ends."""

    start: Point
    end: Point

    def __str__(self) -> str:
        """Return it as PostgreSQL reads it."""
        return f"[{_points(self)}]"


class Box(NamedTuple):
    """A rectangle along the axes, by opposite corners: PostgreSQL gives the upper right first."""

    high: Point
    low: Point

    def __str__(self) -> str:
        """Return it as PostgreSQL reads it."""
        return _points(self)


class Path(NamedTuple):
    """A path of points, closed or open."""

    points: tuple[Point, ...]
    closed: bool = False

    def __str__(self) -> str:
        """Return it as PostgreSQL reads it."""
        inside = _points(self.points)
        return f"({inside})" if self.closed else f"[{inside}]"


class Polygon(NamedTuple):
    """A polygon, by its corners."""

    points: tuple[Point, ...]

    def __str__(self) -> str:
        """Return it as PostgreSQL reads it."""
        return f"({_points(self.points)})"


class Circle(NamedTuple):
    """A circle, by its centre and radius."""

    center: Point
    radius: float

    def __str__(self) -> str:
        """Return it as PostgreSQL reads it."""
        return f"<{_points([self.center])},{_number(self.radius)}>"


def _points(points: Sequence[Any]) -> str:
    return ",".join([str(Point(*point)) for point in points])


# -- from text -----------------------------------------------------------------------------

# No two repetitions side by side can take the same character: hostile text costs its length.
_FLOAT = r"([+-]?(?:\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|inf(?:inity)?|nan))\s*"
_PAIR = rf"(?:\(\s*{_FLOAT},\s*{_FLOAT}\)\s*|{_FLOAT},\s*{_FLOAT})"
_FLAGS = re.ASCII | re.IGNORECASE
_ONE = re.compile(_PAIR, _FLAGS)
_LINE = re.compile(rf"\{{\s*{_FLOAT},\s*{_FLOAT},\s*{_FLOAT}\}}\s*", _FLAGS)
_COMMA = re.compile(r",\s*")
_RADIUS = re.compile(rf"{_PAIR},\s*{_FLOAT}", _FLAGS)


def _pair(match: re.Match[str], at: int = 1) -> Point:
    first, second, third, fourth = match.group(at, at + 1, at + 2, at + 3)
    return Point(float(first or third), float(second or fourth))


def _list(text: str) -> list[Point] | None:
    """Return the points of a list of pairs with commas between; None if it is none."""
    found: list[Point] = []
    at = 0
    while True:
        match = _ONE.match(text, at)
        if match is None:
            return None
        found.append(_pair(match))
        at = match.end()
        if at == len(text):
            return found
        comma = _COMMA.match(text, at)
        if comma is None:
            return None
        at = comma.end()


def _stripped(text: str, open_: str, close: str) -> str | None:
    """Return what is inside the brackets that stand around the whole; None without."""
    if text[:1] != open_ or text[-1:] != close or len(text) < 2:
        return None
    inside = text[1:-1]
    depth = 0
    for mark in inside:
        depth += (mark == "(") - (mark == ")")
        if depth < 0:
            return None  # the first bracket closes before the end
    return inside.strip() if depth == 0 else None


def _inside(text: str) -> list[Point] | None:
    """Return the points of `(p,p…)` or `p,p…`."""
    inner = _stripped(text, "(", ")")
    if inner is not None:
        found = _list(inner)
        if found is not None and (len(found) > 1 or "(" in inner):
            return found
    return _list(text)


def _read_point(text: str) -> Point | None:
    match = _ONE.fullmatch(text)
    return None if match is None else _pair(match)


def _read_line(text: str) -> Line | None:
    match = _LINE.fullmatch(text)
    if match is not None:
        return Line(*map(float, match.groups()))
    ends = _read_lseg(text)  # two points that it goes through
    if ends is None or ends.start == ends.end:
        return None
    (x1, y1), (x2, y2) = ends
    if x1 == x2:
        return Line(-1.0, 0.0, x1)
    if y1 == y2:
        return Line(0.0, -1.0, y1)
    slope = (y1 - y2) / (x1 - x2)
    return Line(slope, -1.0, (y1 - slope * x1) or 0.0)


def _read_lseg(text: str) -> LSeg | None:
    inner = _stripped(text, "[", "]")
    found = _list(inner) if inner is not None else _inside(text)
    return LSeg(*found) if found is not None and len(found) == 2 else None


def _read_box(text: str) -> Box | None:
    found = _inside(text)
    if found is None or len(found) != 2:
        return None
    (x1, y1), (x2, y2) = found
    return Box(Point(max(x1, x2), max(y1, y2)), Point(min(x1, x2), min(y1, y2)))


def _read_path(text: str) -> Path | None:
    inner = _stripped(text, "[", "]")
    found = _list(inner) if inner is not None else _inside(text)
    return None if found is None else Path(tuple(found), inner is None)


def _read_polygon(text: str) -> Polygon | None:
    found = _inside(text)
    return None if found is None else Polygon(tuple(found))


def _read_circle(text: str) -> Circle | None:
    inside = _stripped(text, "<", ">")
    if inside is None and text[:1] == "(" and text[1:].lstrip()[:1] == "(":
        inside = _stripped(text, "(", ")")
    match = _RADIUS.fullmatch(text if inside is None else inside)
    if match is None or float(match.group(5)) < 0:
        return None
    return Circle(_pair(match), float(match.group(5)))


_READERS: dict[int, Callable[[str], object]] = {
    oids.POINT: _read_point,
    oids.LSEG: _read_lseg,
    oids.PATH: _read_path,
    oids.BOX: _read_box,
    oids.POLYGON: _read_polygon,
    oids.LINE: _read_line,
    oids.CIRCLE: _read_circle,
}


def geometry_reader(oid: int) -> Callable[[str], object]:
    """Return what reads a geometric type's text, None where it is none."""
    read = _READERS[oid]
    return lambda text: read(text.strip())


def geometry_decoder(oid: int) -> Callable[[str], object]:
    """Return the decoder of a geometric type's text.

    Raises (the decoder):
        DataError: 22P02.
    """
    read, kind = geometry_reader(oid), oids.kind_name(oid)

    def decode_geometry(text: str) -> object:
        found = read(text)
        if found is None:
            raise malformed(kind, text)
        return found

    return decode_geometry


# -- from binary ---------------------------------------------------------------------------

_COUNT = Struct(">i")
#: of fixed width: so many floats
_FLOATS = {oids.POINT: 2, oids.LSEG: 4, oids.BOX: 4, oids.LINE: 3, oids.CIRCLE: 3}


def _shaped(oid: int, numbers: tuple[float, ...]) -> object:
    if oid == oids.POINT:
        return Point(*numbers)
    if oid == oids.LINE:
        return Line(*numbers)
    first = Point(*numbers[:2])
    if oid == oids.CIRCLE:
        return Circle(first, numbers[2])
    return (LSeg if oid == oids.LSEG else Box)(first, Point(*numbers[2:]))


def binary_geometry_decoder(oid: int) -> Callable[[bytes], object]:
    """Return the decoder of a geometric type's binary form: Float8s.

    A path has Byte1 closed and Int32 count before its points, a polygon Int32 count.

    Raises (the decoder):
        DataError: 22P03.
    """
    kind = oids.kind_name(oid)
    if oid in _FLOATS:
        layout = Struct(f">{_FLOATS[oid]}d")

        def decode_fixed(value: bytes) -> object:
            if len(value) != layout.size:
                raise malformed(kind, value)
            return _shaped(oid, layout.unpack(value))

        return decode_fixed
    head = 5 if oid == oids.PATH else 4

    def decode_points(value: bytes) -> object:
        count = _COUNT.unpack_from(value, head - 4)[0] if len(value) >= head else 0
        if not 0 < count <= len(value) // 16 or len(value) != head + 16 * count:
            raise malformed(kind, value)
        numbers = Struct(f">{2 * count}d").unpack_from(value, head)
        points = tuple(map(Point, numbers[::2], numbers[1::2]))
        if oid == oids.POLYGON:
            return Polygon(points)
        if value[0] > 1:
            raise malformed(kind, value)
        return Path(points, value[0] == 1)

    return decode_points
