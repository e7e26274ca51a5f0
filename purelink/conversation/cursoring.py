"""A cursor, but for the waiting: what was asked for, the results, the place among the rows.

Floor 3, pure. `executing` and its kin are conversations; all else is about rows that are here
already, so that both faces share it. Rows are made by the row factory as they are fetched, not
before.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Callable, Generic, Mapping, NoReturn, Sequence

from ..errors import Error, InterfaceError, ProgrammingError
from ..result import Result, row_count_of
from ..rows import Row, RowFactory, RowMaker, tuple_row
from ..values.pyformat import bound, in_order, placed
from . import querying
from .many import execute_many
from .sources import lists_of
from .streaming import Streaming

if TYPE_CHECKING:
    from typing import Union

    from ..wire.backend import Column
    from ..wire.wants import Dialogue
    from .pipelining import Handle
    from .talk import Talk

    Parameters = Union[Sequence[Any], Mapping[str, Any]]

__all__ = ["Cursoring"]

_PART = r'(?:[^\W\d][\w$]*|"(?:[^"]|"")+")'
#: a function's name as SQL has it, perhaps qualified
_NAME = re.compile(rf"{_PART}(?:\.{_PART})*")


class Cursoring(Generic[Row]):
    """The part of a client-side cursor that does not wait."""

    #: rows that `fetchmany` gives unless told otherwise
    arraysize: int = 1
    #: PEP 249's: PostgreSQL has none to tell; use RETURNING
    lastrowid: None = None

    _talk: Talk

    def __init__(self, talk: Talk, row_factory: RowFactory[Row]) -> None:
        self._talk = talk
        self._row_factory = row_factory
        self._closed = False
        self._forget()

    def _forget(self) -> None:
        self._results: list[Result] = []
        self._place = 0
        self._result: Result | None = None
        self._rows: list[tuple[Any, ...]] | None = None
        self._at = 0
        self._made: RowMaker[Row] | None = None
        self._handle: Handle | None = None

    # -- what is asked ----------------------------------------------------------------------

    def _open(self) -> None:
        if self._closed:
            raise InterfaceError("the cursor is closed")

    def _bound(self, query: object, parameters: Parameters | None) -> tuple[str, Sequence[Any]]:
        """Return the text to send and its parameters. Raises ProgrammingError."""
        if not isinstance(query, str):
            query = self._text(query, pyformat=parameters is not None)
        if parameters is None:
            return query, ()
        return bound(query, parameters)

    def _text(self, query: object, *, pyformat: bool) -> str:
        if isinstance(query, str):
            return query
        session = self._talk.session
        compose = getattr(query, "compose", None)
        if compose is not None:
            composed: str = compose(session.encoding, session.encoding_errors, pyformat=pyformat)
            return composed
        if isinstance(query, (bytes, bytearray)):
            try:
                return bytes(query).decode(session.encoding, session.encoding_errors)
            except UnicodeDecodeError:
                raise InterfaceError("the query is no text in the session's encoding") from None
        raise ProgrammingError(
            f"a query must be str, bytes, or made by purelink.sql, not {type(query).__name__}"
        )

    def asked(
        self, query: object, parameters: Parameters | None
    ) -> tuple[str, Sequence[Any]] | None:
        """Return what to `ask` the connection, the short way; None: it must be `executing`.

        Raises: as `executing`, but for the server's.
        """
        self._open()
        self._result = self._rows = self._handle = None
        talk = self._talk
        text, values = found = self._bound(query, parameters)
        if talk.pipelining is not None or (
            not values and ";" in text and text not in talk.statements
        ):
            return None
        return found

    def answered(self, result: Result) -> None:
        """Take the one result of what was `asked`."""
        self._results = [result]
        self._place = self._at = 0
        self._made = None
        self._result, self._rows = result, result.rows

    def executing(
        self, query: object, parameters: Parameters | None, prepare: bool | None = None
    ) -> Dialogue[None]:
        """Run a statement, or queue it in an open pipeline.

        Args:
            prepare: as `querying.query` takes it; a pipeline goes by its own rule.

        Raises: as `Talk.query`. ProgrammingError: the parameters are not what the text asks for.
        """
        self._open()
        self._forget()
        talk = self._talk
        text, values = self._bound(query, parameters)
        if talk.pipelining is not None:
            self._handle = talk.pipelining.query(text, values)
        elif not values and text not in talk.statements and querying.several(text):
            self._take((yield from talk.script(text)))
        else:
            self.answered((yield from querying.query(talk, text, values, prepare=prepare)))

    def executing_many(self, query: object, rows: Any, *, returning: bool) -> Dialogue[None]:
        """Run a statement once for each of `rows`, pipelined. Raises: as `executing`."""
        self._open()
        self._forget()
        yield from self._sync_pipeline()
        text, count, names = placed(self._text(query, pyformat=True))
        pull = _in_order(lists_of(rows, "rows of parameters"), count, names)
        result = yield from execute_many(self._talk, text, pull, returning=returning)
        if result.command_tag is None:
            result.command_tag = "SELECT 0"  # for no rows nothing was done to none
        self._take([result])

    def _sync_pipeline(self) -> Dialogue[None]:
        if self._talk.pipelining is not None:
            yield from self._talk.pipelining.sync()

    def executing_call(self, name: str, parameters: Parameters) -> Dialogue[None]:
        """Call a function (`callproc`). Raises: as `executing`."""
        self._open()
        self._forget()
        yield from self._sync_pipeline()
        self._take([(yield from self._talk.query(*_calling(name, parameters)))])

    def awaited(self, count: int | None, *, ahead: bool = False) -> Dialogue[None] | None:  # noqa: ARG002
        """Return what must be said before so many rows (None: all) can be given; None: nothing.

        Args:
            ahead: more are welcome: an iteration goes on.
        """
        return None if self._handle is None else self._settling()

    def _settling(self) -> Dialogue[None]:
        """Have the answer to a statement that was queued in a pipeline. Raises: as it would."""
        handle = self._handle
        if handle is not None and not handle.done and self._talk.pipelining is not None:
            try:
                yield from self._talk.pipelining.sync()
            except Error:
                if not handle.done:
                    raise
        self._arrive()

    def _arrive(self) -> None:
        """Take the result of a statement of a pipeline, once it is known."""
        handle = self._handle
        if handle is not None and handle.done:
            self._handle = None
            self._take([handle.result()])

    def _take(self, results: list[Result]) -> None:
        self._results = results
        self._show(0)

    def _show(self, place: int) -> None:
        self._place, self._at, self._made = place, 0, None
        result = self._result = self._results[place]
        self._rows = result.rows

    def streaming(self, query: object, parameters: Parameters | None, size: int) -> Streaming:
        """Return a stream of a statement's rows, which become this cursor's result.

        Raises:
            ProgrammingError: the parameters are not what the text asks for. InterfaceError: `size`.
        """
        self._open()
        self._forget()
        return Streaming(self._talk, *self._bound(query, parameters), size)

    def streamed(self, told: Streaming, rows: list[tuple[Any, ...]]) -> list[Row]:
        """Return rows of a stream as the row factory makes them."""
        if self._result is None:
            self._take([Result([], told.columns, None)])
        make = self._maker()
        return rows if make is None else [make(row) for row in rows]  # type: ignore[return-value]

    # -- what is told -----------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """It was closed: nothing can be asked of it any more."""
        return self._closed

    @property
    def result(self) -> Result | None:
        """The present result itself, as `Connection.query` returns it; None before there is one."""
        self._arrive()
        return self._result

    @property
    def description(self) -> tuple[Column, ...] | None:
        """Of the columns, each a sequence of PEP 249's seven; None where there are no rows."""
        self._arrive()
        return None if self._result is None else self._result.description

    @property
    def rowcount(self) -> int:
        """Rows returned or affected; -1 before anything ran, or where nothing is counted."""
        self._arrive()
        return -1 if self._result is None else row_count_of(self._result.command_tag)

    @property
    def statusmessage(self) -> str | None:
        """The command tag ("INSERT 0 1"); None before anything was run."""
        self._arrive()
        return None if self._result is None else self._result.command_tag

    @property
    def rownumber(self) -> int | None:
        """The next row's place, from 0; None where there are no rows."""
        return None if self.description is None else self._at

    @property
    def row_factory(self) -> RowFactory[Row]:
        """What makes rows of tuples; it can be set at any time."""
        return self._row_factory

    @row_factory.setter
    def row_factory(self, factory: RowFactory[Row]) -> None:
        self._row_factory = factory
        self._made = None

    # -- rows that are here -----------------------------------------------------------------

    def _maker(self) -> RowMaker[Row] | None:
        """Return what makes rows; None: they are tuples as they are."""
        if self._rows is None or self._result is None or self._result.description is None:
            self._refuse()
        if self._row_factory is tuple_row:
            return None
        if self._made is None:
            self._made = self._row_factory(self)
        return self._made

    def _refuse(self) -> NoReturn:
        self._open()
        if self._result is None:
            raise ProgrammingError("there are no rows to fetch: nothing was executed")
        raise ProgrammingError(
            f"there are no rows to fetch: the statement returned none ({self._result.command_tag})"
        )

    def _one(self) -> Row | None:
        make = self._maker()
        at = self._at
        try:
            row = self._rows[at]  # type: ignore[index]  # _maker has refused None
        except IndexError:
            return None
        self._at = at + 1
        return row if make is None else make(row)  # type: ignore[return-value]

    def _next(self) -> Row:
        """Return the next row; at the end raise StopIteration."""
        make = self._maker()
        at = self._at
        try:
            row = self._rows[at]  # type: ignore[index]  # _maker has refused None
        except IndexError:
            raise StopIteration from None
        self._at = at + 1
        return row if make is None else make(row)  # type: ignore[return-value]

    def _many(self, size: int | None) -> list[Row]:
        make = self._maker()
        size = self.arraysize if size is None else size
        if size < 0:
            raise ProgrammingError("the number of rows to fetch must not be negative")
        rows: Any = self._rows
        found = rows[self._at : self._at + size]
        self._at += len(found)
        return found if make is None else [make(row) for row in found]

    def _all(self) -> list[Row]:
        make = self._maker()
        rows: Any = self._rows
        found = rows[self._at :] if self._at else rows
        self._at = len(rows)
        if make is None:
            # The result's own list stays as it came: `scroll` may go back.
            return list(found) if found is rows else found
        return [make(row) for row in found]

    def _scrolled(self, value: int, mode: str) -> None:
        self._maker()
        if mode not in ("relative", "absolute"):
            raise ProgrammingError(f"mode must be 'relative' or 'absolute', not {mode!r}")
        at = self._at + value if mode == "relative" else value
        if not 0 <= at <= len(self._rows or ()):
            raise IndexError("there is no row at that place")
        self._at = at

    def nextset(self) -> bool | None:
        """Go to the next statement's result; None if there is none."""
        self._arrive()
        self._open()
        # Without a present one those that are left are of what ran before what failed.
        if self._result is None or self._place + 1 >= len(self._results):
            return None
        self._show(self._place + 1)
        return True

    def _shut(self) -> None:
        self._closed = True
        self._forget()

    # -- PEP 249's leave to do nothing ------------------------------------------------------

    def setinputsizes(self, sizes: Sequence[Any]) -> None:  # noqa: ARG002 - PEP 249's
        """Do nothing: the server infers what it needs to know."""
        self._open()

    def setoutputsize(self, size: int, column: int | None = None) -> None:  # noqa: ARG002
        """Do nothing: a value is of any size."""
        self._open()


def _in_order(
    pull: Callable[[int], Any], count: int, names: tuple[str, ...] | None
) -> Callable[[int], Any]:
    """Return a pull of rows whose parameters stand in the order of their numbers."""

    def ordered(rows: list[Any]) -> list[Any]:
        return [
            row
            if names is None and (type(row) is tuple or type(row) is list) and len(row) == count
            else in_order(row, count, names)
            for row in rows
        ]

    async def awaited(rows: Any) -> list[Any]:
        return ordered(await rows)

    def pulled(number: int) -> Any:
        rows = pull(number)
        return awaited(rows) if hasattr(rows, "__await__") else ordered(rows)

    return pulled


def _calling(name: str, parameters: Parameters) -> tuple[str, Sequence[Any]]:
    """Return the statement that calls a function, and its parameters.

    Args:
        name: as SQL has it, perhaps qualified. parameters: a mapping names them.

    Raises:
        ProgrammingError: it is no name.
    """
    if not _NAME.fullmatch(name):
        raise ProgrammingError(f"{name!r} is no name of a function")
    if isinstance(parameters, Mapping):
        from ..values.quoting import quote_ident

        values: list[Any] = list(parameters.values())
        places = [f"{quote_ident(key)} => ${n}" for n, key in enumerate(parameters, 1)]
    else:
        values = list(parameters)
        places = [f"${n}" for n in range(1, len(values) + 1)]
    return f"SELECT * FROM {name}({', '.join(places)})", values  # noqa: S608 - checked above
