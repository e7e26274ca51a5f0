"""What one connection knows, and the one place every byte of its session goes through.

Floor 1, pure. A `Session` keeps the parameter statuses, the key data and the transaction status,
and the queue of what was asked. `receive` takes bytes in any pieces and checks each message
against the table of `legality` and the head of that queue: the queue, not the last user call,
decides what an answer belongs to. Rows are decoded where they stand, a chunk at a time, by the
decoder made for their shape; no object is made for a row's message.

What is asked is answered by `Answer` objects, in order, in `Session.answers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from ..errors import (
    ConnectionLost,
    DatabaseError,
    InterfaceError,
    LocalProtocolError,
    OperationalError,
    RemoteProtocolError,
)
from . import codes, legality
from .answers import Answer, Discard, Notification, RowDecoder, ValueFailure
from .codec import Body
from .framing import head
from .hearing import ASYNCHRONOUS, BEFORE_IDLE, HEARD, SIMPLE
from .runs import LANES, short_run
from .taking import CLOSED_UNEXPECTEDLY, Taking

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .backend import Column

__all__ = ["CLOSED_UNEXPECTEDLY", "Answer", "Notification", "RowDecoder", "Session", "ValueFailure"]


class Session(Taking):
    """One connection's session, from the StartupMessage to the end: what is asked, what is heard.

    Arguments and attributes: see `Hearing`. How bytes are taken in: see `Taking`.
    """

    # -- what is asked ----------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Nothing asked is unanswered, and the session stands."""
        return self.state is legality.IDLE

    @property
    def answered(self) -> bool:
        """Nothing said so far will bring an answer: idle, or a Sync is still to be said."""
        return self.state in (legality.IDLE, legality.OPEN, legality.OPEN_FAILED)

    @property
    def unparsed(self) -> bytes:
        """What came of a message that is not all there yet."""
        return self._buffer if self._large is None else self._large.getvalue()

    def text(self, value: str, what: str) -> bytes:
        """Return text as bytes in the session's encoding.

        Raises:
            InterfaceError: a character that the encoding does not have, or half of one.
        """
        try:
            return value.encode(self.encoding, self.encoding_errors)
        except UnicodeError as error:
            where = getattr(error, "start", 0)
            raise InterfaceError(
                f"{what} holds a character, at index {where}, that cannot be sent in the"
                f" session's encoding ({self.encoding})"
            ) from None

    @property
    def extended(self) -> bool:
        """What is under way was asked in the extended protocol: a Sync ends it."""
        return self.state not in SIMPLE and self._after_copy is legality.NEXT

    @property
    def closed(self) -> bool:
        """The session is over: ended, lost, or broken."""
        return self.state is legality.CLOSED

    def may_say(self, tag: int) -> None:
        """Refuse what cannot be said now.

        Raises:
            LocalProtocolError: libpq's texts, `no connection to the server` or `another command
                is already in progress`.
        """
        if tag in legality.SAID.get(self.state, ()):
            return
        if self.closed:
            raise self.gone()
        raise LocalProtocolError("another command is already in progress")

    def gone(self) -> OperationalError:
        """Return the error for whoever uses a session that is over.

        It is a `ConnectionLost` that carries the server's last words, where there were any.
        """
        return ConnectionLost(
            "no connection to the server", diagnostics=self.fatal, sqlstate="08003"
        )

    def ask_simple(self, decoder_for: Callable[[tuple[Column, ...]], RowDecoder]) -> None:
        """Expect the answers to one Query; `decoder_for` makes the decoder for each result."""
        self.may_say(ord("Q"))
        self._decoder_for = decoder_for
        # First: interrupted behind this, it is taken back.
        self.unsettled = True
        self.state = legality.SIMPLE

    def ask(
        self,
        steps: Sequence[tuple[str, Answer | None]],
        decoder_for: Callable[[tuple[Column, ...]], RowDecoder],
    ) -> None:
        """Expect the answers to an extended batch, one step a message sent.

        Each answer that occurs is put into `answers`, once, in order.
        """
        self.may_say(ord("P"))
        self._decoder_for = decoder_for
        if self.state is legality.IDLE:
            # First: interrupted behind this, it is taken back.
            self.unsettled = True
        last: Answer | None = None
        for _, answer in steps:
            if answer is not None and answer is not last:
                self.answers.append(answer)
                last = answer
        self._queue.extend(steps)
        if self.state is legality.OPEN_FAILED:
            self._skip()
        elif self.state in (legality.IDLE, legality.OPEN) and self._queue:
            self._advance()

    def ask_function(self) -> None:
        """Expect the answer to one FunctionCall."""
        self.may_say(ord("F"))
        answer = Answer()
        self.answers.append(answer)
        self._answer = answer
        self.unsettled = True
        self.state = legality.FUNCTION

    def withdraw(self) -> None:
        """Take back what was asked of an idle session: it was not said after all."""
        self.unsettled = False
        self.state, self._answer, self._decoder = legality.IDLE, None, None
        self._queue.clear()
        while self.answers and not self.answers[-1].complete:
            self.answers.pop()

    def end_copy(self) -> None:
        """Note that we said CopyDone or CopyFail, and a Sync in the extended protocol."""
        self.may_say(ord("c"))
        if self.extended and not self._queue:
            self._queue.append((legality.SYNC, None))
        both = self.state is legality.COPY_BOTH
        self.state = legality.COPY_BOTH_ENDED if both else legality.COPY_IN_ENDED

    def resynchronise(self) -> None:
        """Note that we said Sync, Close and Sync after a COPY FROM failed."""
        self.state = legality.RESYNC

    def _advance(self) -> None:
        self._position = None
        before = self._answer
        if self._queue:
            self.state, self._answer = self._queue.popleft()
        else:
            open_ = self.state not in BEFORE_IDLE
            self.state, self._answer = legality.OPEN if open_ else legality.IDLE, None
        answer = self._answer
        self._decoder = None
        if before is not None and before is not answer and not before.complete:
            # Its last step gave nothing to tell: a Parse, Bind or Close alone.
            before.complete = True
            before.outcome = before.outcome or "command"
        if answer is None or self.state is legality.SYNC:
            return
        answer.complete = False
        if self.state is legality.EXECUTE:
            answer.suspended = False
            self._decoder = answer.decoder

    def _skip(self) -> None:
        # The server discards all up to the Sync: what it discards was not run.
        queue, failed = self._queue, self._answer
        while queue and queue[0][0] is not legality.SYNC:
            answer = queue.popleft()[1]
            if answer is not None and answer is not failed:
                answer.outcome = "aborted"
                answer.complete = True
        if queue:
            self._advance()
        else:
            self.state, self._answer = legality.OPEN_FAILED, None

    # -- what is heard ----------------------------------------------------------------------

    def _parse(self, buffer: bytes) -> None:
        # Where an interrupt finds `_position` a number, the session stands before the message that
        # begins there. What is in the answers may then come twice, but nobody reads them any more.
        position, end = 0, len(buffer)
        self.missing = 0
        while position < end:
            self._position = position
            if buffer[position] == codes.DATA_ROW and self._decoder is not None:
                after = self._rows(buffer, position, end)
                if after != position:
                    position = after
                    continue
            lane = LANES.get(self.state)
            if lane is not None:
                after = lane(self, buffer, position, end)
                if after != position:
                    position = after
                    continue
            found = head(buffer, position, self.ceiling)
            if found is None or found.stop > end:
                # Refused as soon as it shows its letter, however long the rest would take.
                self._admit(buffer[position])
                self.missing = 0 if found is None else found.stop - end
                break
            self._message(found.tag, buffer[found.start : found.stop])
            position = found.stop
            if self.state is legality.CLOSED:
                # The server's last words; nothing behind them counts.
                position = end
        self._position = position

    def _admit(self, tag: int) -> None:
        if self.state is legality.CLOSED:
            raise self._unexpected(tag)
        heard = tag in legality.HEARD[self.state] or tag in codes.ASYNCHRONOUS
        if not heard and tag != codes.ERROR_RESPONSE:
            raise self._unexpected(tag)

    def _rows(self, buffer: bytes, position: int, end: int) -> int:
        answer, decoder = self._answer, self._decoder
        assert answer is not None
        assert decoder is not None
        try:
            stop = short_run(buffer, position, end)
            after = decoder.decode(buffer, position, stop, answer.rows)
        except RemoteProtocolError:
            raise
        except Exception as failure:
            # A ValueFailure: the row was in order, a value was not. The rest is read and
            # dropped, so that the error meets a connection in step.
            error: DatabaseError | None = getattr(failure, "error", None)
            after = getattr(failure, "position", -1)
            if error is None or after <= position:
                raise
            answer.value_error = error
            answer.rows.clear()
            self._decoder = Discard(None if answer.columns is None else len(answer.columns))
        if after != position and self.state is legality.EXECUTE:
            self.state = legality.EXECUTE_ROWS
            answer.outcome = "rows"
        return after

    def _message(self, tag: int, data: bytes) -> None:
        body = Body(data, tag)
        if tag in codes.ASYNCHRONOUS and self.state not in _BEFORE_SESSION:
            if tag == codes.NOTIFICATION_RESPONSE and self.state in _STARTING:
                raise self._unexpected(tag)
            ASYNCHRONOUS[tag](self, body)
            return
        following = legality.HEARD[self.state].get(tag)
        if following is None:
            if tag == codes.ERROR_RESPONSE and self.state not in _BEFORE_SESSION:
                self._last_words(body)
                return
            raise self._unexpected(tag)
        if tag == codes.DATA_ROW or (tag == codes.COPY_BOTH_RESPONSE and not self.replication):
            # With a row description the rows were decoded where they stand (`_rows`).
            raise self._unexpected(tag)
        HEARD[tag](self, body)
        # From the first step of state to where the next message begins.
        self._position = None
        self._follow(following)

    def _follow(self, following: str) -> None:
        if self.state in _COPYING and self._after_copy is legality.SIMPLE_MORE:
            # A COPY inside a simple query leads back into it.
            if following is legality.NEXT:
                self._after_copy, following = legality.NEXT, legality.SIMPLE_MORE
            elif following is legality.SKIP:
                self._after_copy, following = legality.NEXT, legality.SIMPLE_FAILED
        if following is legality.NEXT:
            self._advance()
        elif following is legality.SKIP:
            doubtful = self.state in (legality.COPY_IN, legality.COPY_IN_ENDED)
            self._skip()
            if doubtful and self.state is legality.SYNC:
                self.state = legality.COPY_IN_FAILED
        else:
            self.state = following


_BEFORE_SESSION = frozenset({legality.STARTUP, legality.NEGOTIATED, legality.AUTH, legality.CLOSED})

_STARTING = frozenset({legality.AUTHENTICATED, legality.KEYED})
_COPYING = frozenset(
    {
        legality.COPY_IN,
        legality.COPY_IN_ENDED,
        legality.COPY_OUT,
        legality.COPY_OUT_ENDED,
        legality.COPY_BOTH,
        legality.COPY_BOTH_ENDED,
    }
)
