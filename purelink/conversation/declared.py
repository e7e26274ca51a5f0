"""Server-side cursors, but for the waiting: DECLARE, FETCH, MOVE, and the rows taken at a time.

Floor 3, pure. The statement's parameters are bound in DECLARE itself. FETCH goes out unnamed each
time: prepared, it would keep the columns of a cursor of the same name that was declared before.
Closing is the protocol's Close, which is no error where the cursor went with its transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import InterfaceError, NotSupportedError, ProgrammingError
from ..result import Result
from ..rows import Row
from ..values.parameters import encode_parameters
from ..values.quoting import identifier
from ..wire import dialogues
from ..wire.dialogues import Batch
from ..wire.session import Answer
from .cursoring import Cursoring
from .outcomes import first_error, result_of

if TYPE_CHECKING:
    from ..rows import RowFactory
    from ..wire.backend import Column
    from ..wire.wants import Dialogue
    from .cursoring import Parameters
    from .talk import Talk

__all__ = ["Declaring"]

#: Rows that an iteration takes at a time, unless told otherwise.
ITERSIZE = 100
#: FETCH and MOVE count in 64 bits.
COUNT_AT_MOST = (1 << 63) - 1


class Declaring(Cursoring[Row]):
    """A named cursor on the server.

    Attributes:
        name: its name. scrollable: True: SCROLL, False: NO SCROLL, None: as the plan has it.
        withhold: it outlives its transaction. itersize: rows an iteration takes at a time.
    """

    def __init__(
        self,
        talk: Talk,
        row_factory: RowFactory[Row],
        name: str,
        *,
        scrollable: bool | None,
        withhold: bool,
    ) -> None:
        Cursoring.__init__(self, talk, row_factory)  # a face's own class stands between
        self.name = name
        self.scrollable = scrollable
        self.withhold = withhold
        self.itersize = ITERSIZE
        self._declared = False
        #: rows before the first of `_rows`, and whether the server has no more
        self._before = 0
        self._exhausted = False

    def asked(self, query: object, parameters: Parameters | None) -> None:  # noqa: ARG002
        """Return None: there is no short way."""
        return

    def executing(
        self, query: object, parameters: Parameters | None, prepare: bool | None = None
    ) -> Dialogue[None]:
        """Declare the cursor for a query, in place of one that it had. Raises: as `Talk.query`."""
        self._open()
        if prepare:
            raise NotSupportedError("a server-side cursor's statement cannot be prepared")
        yield from self._sync_pipeline()
        text, values = self._bound(query, parameters)
        talk, session = self._talk, self._talk.session
        scroll = {None: "", True: " SCROLL", False: " NO SCROLL"}[self.scrollable]
        hold = " WITH HOLD" if self.withhold else ""
        sql = f"DECLARE {self._quoted()}{scroll} CURSOR{hold} FOR {text}"
        encoded = encode_parameters(
            values,
            encoding=session.encoding,
            errors=session.encoding_errors,
            own=talk.registry.writers,
        )
        begun = talk.batch()
        answer, described = Answer(), Answer()
        name = session.text(self.name, "the cursor's name")
        if self._declared:
            begun.close(None, b"P", name)
        self._forget()
        begun.parse(answer, b"", session.text(sql, "the query"), tuple([p[0] for p in encoded]))
        begun.bind(
            answer, b"", tuple([p[1] for p in encoded]), tuple([p[2] for p in encoded])
        ).execute(answer)
        begun.describe_portal(described, name).sync()
        yield from talk.finish(dialogues.ask(session, begun, talk.decoder_for))
        result = result_of(answer, talk.taken())
        self._declared = True
        self._before, self._exhausted = 0, False
        # Of no rows yet; -1 of them, as the tag counts none.
        self._take([Result([], described.columns, result.command_tag)])

    def executing_many(self, query: object, rows: Any, *, returning: bool) -> NoReturn:  # noqa: ARG002
        """Refuse."""
        raise NotSupportedError("executemany() is not for a server-side cursor")

    def executing_call(self, name: str, parameters: Parameters) -> NoReturn:  # noqa: ARG002
        """Refuse."""
        raise NotSupportedError("callproc() is not for a server-side cursor")

    def awaited(self, count: int | None, *, ahead: bool = False) -> Dialogue[None] | None:
        """Return what must be said before so many rows (None: all) can be given; None: nothing.

        Args:
            ahead: more are welcome: an iteration goes on.
        """
        here = len(self._rows or ()) - self._at
        if self._exhausted or (count is not None and here >= count):
            return None
        if count is not None:
            count = max(count - here, self.itersize if ahead else 0)
        return self._filling(count)

    def _filling(self, count: int | None) -> Dialogue[None]:
        self._maker()
        many = "ALL" if count is None else str(count)
        answer = yield from self._said(f"FETCH FORWARD {many} FROM {self._quoted()}")
        found = answer.rows
        self._exhausted = count is None or len(found) < count
        rows: list[tuple[Any, ...]] = self._rows or []
        self._before += self._at
        self._rows = [*rows[self._at :], *found] if self._at < len(rows) else found
        self._at = 0

    def _said(self, sql: str) -> Dialogue[Answer]:
        """Run a statement about the cursor, unnamed, its rows in the best form for the columns."""
        talk, session = self._talk, self._talk.session
        yield from self._sync_pipeline()
        columns: tuple[Column, ...] = (self._result and self._result.description) or ()
        batch, answer = talk.batch(), Answer()
        batch.parse(answer, b"", session.text(sql, "the query"))
        batch.bind(answer, result_formats=talk.formats_for(columns))
        batch.describe_portal(answer).execute(answer).sync()
        yield from talk.finish(dialogues.ask(session, batch, talk.decoder_for))
        error = first_error(talk.taken())
        if error is not None:
            raise error
        return answer

    def moving(self, value: int, mode: str) -> Dialogue[None]:
        """Move on the server; what was fetched ahead is dropped.

        Raises: as `Talk.query`; IndexError: before the first row.
        """
        self._maker()
        if mode not in ("relative", "absolute"):
            raise ProgrammingError(f"mode must be 'relative' or 'absolute', not {mode!r}")
        at = self._before + self._at + value if mode == "relative" else value
        if not 0 <= at <= COUNT_AT_MOST:
            raise IndexError("there is no row at that place")
        # Absolute: the server stands behind what was fetched ahead, or behind the end.
        yield from self._said(f"MOVE ABSOLUTE {at} FROM {self._quoted()}")
        self._before, self._at, self._rows, self._exhausted = at, 0, [], False

    def closing(self) -> Dialogue[None]:
        """Close it on the server, if it is there; never an error but for a lost connection."""
        talk, session = self._talk, self._talk.session
        declared, self._declared = self._declared, False
        self._shut()
        if declared and not session.closed and talk.holder is None:
            batch = Batch().close(None, b"P", session.text(self.name, "the cursor's name")).sync()
            yield from talk.finish(dialogues.ask(session, batch, talk.decoder_for))
            talk.taken()

    @property
    def rownumber(self) -> int | None:
        """The next row's place, from 0; None where there are no rows."""
        return None if self.description is None else self._before + self._at

    def _quoted(self) -> str:
        session = self._talk.session
        if not self.name:
            raise InterfaceError("a server-side cursor needs a name")
        return identifier(self.name, encoding=session.encoding, errors=session.encoding_errors)
