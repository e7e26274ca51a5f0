"""`Cursor`: PEP 249's, with psycopg's extensions; all rows of a result are on this side.

Floor 5. Made by `Connection.cursor` and `Connection.execute`. The asyncio twin stands in `aclient`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable, Iterator

from ..conversation.cursoring import Cursoring
from ..conversation.sources import CHUNK
from ..rows import Row

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from ..connection import Connection
    from ..conversation.cursoring import Parameters
    from ..rows import RowFactory
    from ..wire.wants import Dialogue
    from .copying import Copy

__all__ = ["Cursor"]


class Cursor(Cursoring[Row]):
    """A statement's results, and the place among their rows. Made by `Connection.cursor`."""

    def __init__(
        self, connection: Connection[Any], *, row_factory: RowFactory[Row] | None = None
    ) -> None:
        super().__init__(connection.talk, row_factory or connection.row_factory)
        self._connection = connection

    @property
    def connection(self) -> Connection[Any]:
        """The connection it belongs to."""
        return self._connection

    def execute(
        self,
        query: Any,
        params: Parameters | None = None,
        *,
        prepare: bool | None = None,
        timeout: float | None = None,
    ) -> Self:
        """Run a statement with `%s` or `%(name)s` parameters; return the cursor itself.

        They are bound on the server. Without any (None) the text goes out as it is, and may hold
        several statements: `nextset` goes from one result to the next.

        Args:
            query: str, bytes, or made by `purelink.sql`.
            prepare: True: prepare the statement at once; False: don't; None: at its second use.
            timeout: seconds; when it runs out the statement is cancelled.

        Raises:
            ProgrammingError: the parameters are not what the text asks for.
            InterfaceError: it cannot be sent; nothing was. The cursor is closed.
            DatabaseError: the server's error, of its SQLSTATE's own class (`purelink.errors`).
            ConnectionLost, RemoteProtocolError, Timeout: as `Connection.query`.
        """
        quick = prepare is None and timeout is None
        asked = self.asked(query, params) if quick else None
        if asked is not None:
            self.answered(self._connection.ask(*asked))
        else:
            self._run(self.executing(query, params, prepare), timeout)
        return self

    def executemany(
        self,
        query: Any,
        params_seq: Iterable[Parameters],
        *,
        returning: bool = False,
        timeout: float | None = None,
    ) -> Self:
        """Run a statement once for each of many parameters, pipelined; all or nothing.

        `rowcount` is the sum. See `Connection.executemany`.

        Args:
            params_seq: any iterable of sequences or mappings.
            returning: keep the rows that the statement returns, as one result.

        Raises: as `execute`; whatever `params_seq` raises.
        """
        self._run(self.executing_many(query, params_seq, returning=returning), timeout)
        return self

    def callproc(self, name: str, params: Parameters = (), /) -> Parameters:
        """Run `SELECT * FROM name(params)`; the rows are what it returned. Return `params`.

        Args:
            name: as SQL has it: `schema.name`, folded to lower case unless in double quotes.
            params: a mapping gives them by name.

        Raises: as `execute`. For a procedure `execute("CALL …")` is the way.
        """
        self._run(self.executing_call(name, params))
        return params

    def stream(
        self,
        query: Any,
        params: Parameters | None = None,
        *,
        size: int = CHUNK,
        timeout: float | None = None,
    ) -> Iterator[Row]:
        """Iterate over a statement's rows, `size` of them fetched at a time, in bounded memory.

        Until its end the connection is the stream's own. Left early (by `break`), it is closed
        when the iterator is.

        Args:
            timeout: seconds for each fetch.

        Raises: as `execute`.
        """
        told = self.streaming(query, params, size)
        run = self._connection.run
        try:
            while rows := run(told.fetch(), timeout, told):
                yield from self.streamed(told, rows)
        finally:
            if told.open:
                run(told.close(), None, told)

    def copy(self, statement: Any) -> Copy:
        """Return a block for COPY … FROM STDIN or COPY … TO STDOUT: `write`, `read` and their kin.

        Raises:
            InterfaceError: it is neither.
        """
        self._open()
        from .copying import Copy

        return Copy(self._connection, self._text(statement, pyformat=False))

    def fetchone(self) -> Row | None:
        """Return the next row; None at the end.

        Raises:
            ProgrammingError: nothing was executed, or it returns no rows.
        """
        self._ready(1)
        return self._one()

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """Return the next rows, `size` (or `arraysize`) at most. Raises: as `fetchone`."""
        self._ready(self.arraysize if size is None else size)
        return self._many(size)

    def fetchall(self) -> list[Row]:
        """Return all rows that are left. Raises: as `fetchone`."""
        self._ready(None)
        return self._all()

    def scroll(self, value: int, mode: str = "relative") -> None:
        """Move the place among the rows, by `value` or (`mode="absolute"`) to it.

        Raises:
            IndexError: there is no such place; nothing has moved.
        """
        self._ready(0)
        self._scrolled(value, mode)

    def close(self) -> None:
        """Forget the results; nothing can be asked of the cursor any more."""
        self._shut()

    def _ready(self, count: int | None, *, ahead: bool = False) -> None:
        told = self.awaited(count, ahead=ahead)
        if told is not None:
            self._run(told)

    def _run(self, told: Dialogue[Any], timeout: float | None = None) -> None:
        self._connection.run(told, timeout, self._talk.pipelining)

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        self._ready(1, ahead=True)
        return self._next()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
