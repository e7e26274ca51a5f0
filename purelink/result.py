"""What a statement gave: `Result`, a sequence of rows with description, command tag and row count.

Floor 2, pure. Rows are tuples of Python values. A statement that returns no rows gives an empty
`Result` whose `description` is None.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Iterator, overload

from .errors import ProgrammingError

if TYPE_CHECKING:
    from array import array
    from typing import Literal

    from .wire.backend import Column

__all__ = ["Result", "row_count_of"]

#: type OID -> the letter of `array` whose items have the type's own width
_ARRAYS = {21: "h", 23: "i", 20: "q", 26: "I", 700: "f", 701: "d"}


def row_count_of(command_tag: str | None) -> int:
    """Return the number of rows in a command tag ("INSERT 0 5", "SELECT 3"); -1 for none.

    Source: PQcmdTuples.
    """
    if command_tag is None:
        return -1
    last = command_tag.rpartition(" ")[2]
    if last.isascii() and last.isdigit() and len(last) <= 18:
        return int(last)
    return -1


class Result(Sequence["tuple[Any, ...]"]):
    """A statement's result: a sequence of rows, each a tuple.

    Attributes:
        description: of the columns, a `Column` each (name, type_oid, type_modifier, type_size,
            table_oid, table_column, format); None if the statement returns no rows.
        rows: the list of tuples itself.
        command_tag: as the server gave it ("SELECT 3", "INSERT 0 1"); None for an empty query.
        row_count: rows returned or affected; -1 where the command counts none.
    """

    __slots__ = ("command_tag", "description", "rows")

    def __init__(
        self,
        rows: list[tuple[Any, ...]],
        description: tuple[Column, ...] | None,
        command_tag: str | None,
    ) -> None:
        self.rows = rows
        self.description = description
        self.command_tag = command_tag

    @property
    def row_count(self) -> int:
        """Rows returned or affected, from the command tag; -1 where the command counts none."""
        return row_count_of(self.command_tag)

    @property
    def column_names(self) -> list[str]:
        """The columns' names, in order; empty if the statement returns no rows."""
        return [column.name for column in self.description or ()]

    def scalar(self) -> Any:
        """Return the first column of the only row.

        Raises:
            ProgrammingError: not exactly one row, or no column.
        """
        if len(self.rows) != 1 or not self.rows[0]:
            raise ProgrammingError(
                f"scalar() needs one row with a column; the result has {len(self.rows)} rows"
                f" and {len(self.description or ())} columns"
            )
        return self.rows[0][0]

    def dicts(self) -> list[dict[str, Any]]:
        """Return the rows as dicts by column name; of two columns of one name the last wins."""
        names = self.column_names
        return [dict(zip(names, row)) for row in self.rows]

    @overload
    def columns(self, *, arrays: Literal[False] = ...) -> list[list[Any]]: ...

    @overload
    def columns(self, *, arrays: bool) -> list[list[Any] | array[Any]]: ...

    def columns(self, *, arrays: bool = False) -> list[list[Any]] | list[list[Any] | array[Any]]:
        """Return the values column by column, each a list; of no rows, empty lists.

        Args:
            arrays: columns of int2, int4, int8, oid, float4 and float8 come as an `array.array` of
                the type's own width (a buffer, which NumPy reads without a copy), unless they
                hold a NULL.
        """
        if not self.rows:
            found: list[Any] = [[] for _ in self.description or ()]
        else:
            found = list(map(list, zip(*self.rows)))
        if arrays:
            from array import array

            for place, column in enumerate(self.description or ()):
                letter = _ARRAYS.get(column.type_oid)
                if letter is not None:
                    try:
                        found[place] = array(letter, found[place])
                    except TypeError:
                        pass  # a NULL, or what a decoder of the program's own made of numbers
        return found

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return an Arrow stream of the rows, for whoever speaks Arrow's C data interface.

        So `pyarrow.table(result)`, `polars.DataFrame(result)` and the like take a result as it is.
        Which Arrow type a column has is told in `docs/types.md`. pyarrow must be installed.

        Args:
            requested_schema: a PyCapsule; followed where pyarrow can cast to it.

        Raises:
            NotSupportedError: pyarrow is not installed. ProgrammingError: no rows to speak of.
            DataError: a value that its Arrow type cannot hold.

        Source: Arrow's PyCapsule interface.
        """
        from .arrow import stream

        return stream(self, requested_schema)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.rows)

    @overload
    def __getitem__(self, index: int) -> tuple[Any, ...]: ...

    @overload
    def __getitem__(self, index: slice) -> list[tuple[Any, ...]]: ...

    def __getitem__(self, index: int | slice) -> tuple[Any, ...] | list[tuple[Any, ...]]:
        return self.rows[index]

    def __bool__(self) -> bool:
        # A command without rows is still a result: `if connection.query(...)` must not mislead,
        # so truth is that of a list, as for every sequence.
        return bool(self.rows)

    def __repr__(self) -> str:
        return f"<Result {self.command_tag or 'empty'}: {len(self.rows)} rows {self.column_names}>"
