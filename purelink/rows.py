"""Row factories: what a cursor makes of each row, a tuple of Python values.

Floor 2, pure. A row factory is called with the cursor when there is a result, and returns what
makes a row of a tuple; names and shape are those of psycopg. One is given to `connect`, to
`cursor()`, or set on either. `dict_row` gives dicts by column name; of two columns of one name the
last wins.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Callable, NoReturn, Tuple

from .errors import InterfaceError, ProgrammingError

if TYPE_CHECKING:
    from typing import Protocol

    from typing_extensions import TypeVar

    from .wire.backend import Column

    #: what a connection's or a cursor's rows are
    Row = TypeVar("Row", covariant=True, default=Tuple[Any, ...])  # noqa: PLC0105 - seen by users
    #: the same for one call
    Other = TypeVar("Other")

    class Described(Protocol):
        """What a row factory is given: a cursor."""

        @property
        def description(self) -> tuple[Column, ...] | None:
            """Of the columns; None where there are no rows."""

else:
    from typing import TypeVar

    Row = TypeVar("Row", covariant=True)  # noqa: PLC0105
    Other = TypeVar("Other")

__all__ = [
    "RowFactory",
    "RowMaker",
    "args_row",
    "class_row",
    "dict_row",
    "kwargs_row",
    "namedtuple_row",
    "scalar_row",
    "tuple_row",
]

#: makes a row of a tuple of values
RowMaker = Callable[[Tuple[Any, ...]], Row]
#: makes that, for the result that a cursor has
RowFactory = Callable[["Described"], RowMaker[Row]]


def _names(cursor: Described) -> tuple[str, ...] | None:
    description = cursor.description
    return None if description is None else tuple([column.name for column in description])


def _no_rows(_values: tuple[Any, ...]) -> NoReturn:
    raise InterfaceError("the statement returned no rows")


def tuple_row(cursor: Described) -> RowMaker[tuple[Any, ...]]:  # noqa: ARG001
    """Give rows as tuples: the default."""
    return tuple


def dict_row(cursor: Described) -> RowMaker[dict[str, Any]]:
    """Give rows as dicts, by column name."""
    names = _names(cursor)
    if names is None:
        return _no_rows
    return lambda values: dict(zip(names, values))


def scalar_row(cursor: Described) -> RowMaker[Any]:
    """Give the first column's value in place of the row.

    Raises:
        ProgrammingError: there is no column.
    """
    names = _names(cursor)
    if names is None:
        return _no_rows
    if not names:
        raise ProgrammingError("scalar_row needs at least one column")
    return lambda values: values[0]


def namedtuple_row(cursor: Described) -> RowMaker[Any]:
    """Give rows as named tuples; a name that Python does not take is changed so that it does.

    Other characters than letters and digits become `_`, a name that begins with a digit or `_`
    gets an `f` before it, and one that is there twice becomes its place: `_1`.
    """
    names = _names(cursor)
    if names is None:
        return _no_rows
    made: Callable[[tuple[Any, ...]], Any] = _namedtuple(names)
    return made


@lru_cache(maxsize=512)
def _namedtuple(names: tuple[str, ...]) -> Any:
    from collections import namedtuple

    plain = [re.sub(r"\W", "_", name) for name in names]
    plain = [f"f{name}" if name[:1] == "_" or name[:1].isdigit() else name for name in plain]
    kind: Any = namedtuple("Row", plain, rename=True)  # type: ignore[misc]  # names are data
    return kind._make


def class_row(kind: type[Other]) -> RowFactory[Other]:
    """Give rows as `kind(column=value, …)`: a dataclass, say."""
    return kwargs_row(kind)


def kwargs_row(function: Callable[..., Other]) -> RowFactory[Other]:
    """Give rows as what `function(column=value, …)` returns."""

    def factory(cursor: Described) -> RowMaker[Other]:
        names = _names(cursor)
        if names is None:
            return _no_rows
        return lambda values: function(**dict(zip(names, values)))

    return factory


def args_row(function: Callable[..., Other]) -> RowFactory[Other]:
    """Give rows as what `function(value, …)` returns."""

    def factory(cursor: Described) -> RowMaker[Other]:
        if cursor.description is None:
            return _no_rows
        return lambda values: function(*values)

    return factory
