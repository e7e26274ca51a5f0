"""Tracing: a dialogue is run with an ear at the wire, and every message becomes a line of `trace`.

Floor 1, pure. A `Trace` is laid over a dialogue (`over`): it sees every want go out and every
answer come in, and frames both streams by itself. Nothing else of the package knows of it, so it
costs nothing while nobody traces. The paper that is written on, and the clock, are handed in.

Source: PQtrace, PQsetTraceFlags, PQuntrace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Protocol, TypeVar

from . import codes, trace
from .codec import int32
from .wants import Deliver, Exchange, Open

if TYPE_CHECKING:
    from .wants import Dialogue

__all__ = ["Paper", "Trace"]

T = TypeVar("T")


class Paper(Protocol):
    """What a trace is written on."""

    def write(self, data: bytes, /) -> object:
        """Take a whole line, or two."""

    def flush(self) -> object:
        """Let go of what is held back."""


class Trace:
    """Writes what a connection says and hears.

    Args:
        paper: takes the lines. An error of its own ends the trace, never the conversation.
        stamp: gives the time at the beginning of a line; None: no time.
            Source: PQTRACE_SUPPRESS_TIMESTAMPS.
        regress: leave out what differs from run to run. Source: PQTRACE_REGRESS_MODE.
        pending: for a session that runs already: gives the beginning of a message of which
            the rest is still to come. None: the trace begins with the connection.
        report: told once, with the error, when `paper` fails.
    """

    def __init__(
        self,
        paper: Paper,
        *,
        stamp: Callable[[], str] | None = None,
        regress: bool = False,
        pending: Callable[[], bytes] | None = None,
        report: Callable[[BaseException], object] | None = None,
    ) -> None:
        self._paper: Paper | None = paper
        self._stamp = stamp
        self._regress = regress
        self._pending = pending
        self._report = report
        self._begin(tagged=pending is not None)

    def _begin(self, *, tagged: bool) -> None:
        self._tagged = tagged
        self._out = self._in = b""
        #: the request whose answer is one byte
        self._awaited: str | None = None
        #: code of the last authentication request
        self._asked: int | None = None

    def over(self, dialogue: Dialogue[T]) -> Dialogue[T]:
        """Run a dialogue, writing what it says and hears."""
        if self._pending is not None:
            self._in, self._pending = self._pending(), None
        try:
            want = next(dialogue)
            while True:
                if isinstance(want, (Exchange, Deliver)):
                    self.said(want.data)
                elif isinstance(want, Open):
                    self._begin(tagged=False)
                try:
                    given = yield want
                except GeneratorExit:
                    raise
                except BaseException as error:
                    want = dialogue.throw(error)
                    continue
                heard = given if isinstance(want, Exchange) else None
                try:
                    # The session first: an interrupt while we write must not lose it a byte.
                    want = dialogue.send(given)
                finally:
                    if heard:
                        self.heard(heard)
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            dialogue.close()

    def said(self, data: bytes) -> None:
        """Write what goes out; a message may come in pieces."""
        if self._paper is None:
            return
        buffer, position = self._out + data, 0
        while True:
            stop = _end(buffer, position + self._tagged)
            if stop is None:
                break
            if self._tagged:
                body = buffer[position + 5 : stop]
                self._put(self._line(buffer[position], body, frontend=True))
            else:
                self._request(buffer[position + 4 : stop])
            position = stop
        self._out = buffer[position:]

    def _request(self, body: bytes) -> None:
        self._put(trace.request(body, regress=self._regress))
        code = int32.unpack_from(body)[0] if len(body) >= 4 else 0
        self._awaited = _ONE_BYTE.get(code)
        self._tagged = code not in trace.REQUESTS

    def heard(self, data: bytes) -> None:
        """Write what came in; a message may come in pieces."""
        if self._paper is None:
            return
        if self._awaited is not None:
            name, self._awaited = self._awaited, None
            self._put(trace.answer(name, data[0]))
            return
        buffer, position = self._in + data, 0
        while True:
            stop = _end(buffer, position + 1)
            if stop is None:
                break
            tag, body = buffer[position], buffer[position + 5 : stop]
            code = int32.unpack_from(body)[0] if len(body) >= 4 else None
            asked = self._asked
            if tag == codes.AUTHENTICATION:
                self._asked = code
            # libpq 18 does not write the AuthenticationOk that ends the authentication.
            if tag != codes.AUTHENTICATION or code != codes.AUTH_OK or asked == codes.AUTH_OK:
                self._put(self._line(tag, body, frontend=False))
            position = stop
        self._in = buffer[position:]

    def _line(self, tag: int, body: bytes, *, frontend: bool) -> bytes:
        return trace.line(tag, body, frontend=frontend, regress=self._regress, asked=self._asked)

    def _put(self, text: bytes) -> None:
        if self._paper is None:
            return
        if self._stamp is not None:
            text = self._stamp().encode() + b"\t" + text
        self._try(self._paper.write, text)

    def stop(self) -> None:
        """Write no more, and flush. Never raises."""
        if self._paper is not None:
            self._try(self._paper.flush)
            self._paper = None

    def _try(self, function: Callable[..., object], *args: bytes) -> None:
        try:
            function(*args)
        except Exception as error:
            # The user's file; the conversation must not suffer for it.
            self._paper = None
            if self._report is not None:
                self._report(error)


_ONE_BYTE = {codes.SSL_REQUEST: "SSLResponse", codes.GSSENC_REQUEST: "GSSENCResponse"}


def _end(buffer: bytes, position: int) -> int | None:
    """Return where the message ends whose length word is at `position`, None until it is there.

    A length below 4 is never there: no message follows it that could be found. The session gives
    the connection up then, too.
    """
    if len(buffer) < position + 4:
        return None
    length: int = int32.unpack_from(buffer, position)[0]
    stop = position + length
    return stop if length >= 4 and stop <= len(buffer) else None
