"""The dialogues before a session runs: the TLS question, startup and authentication.

Floor 1, pure. Before AuthenticationOk only `R`, `v` and `E` are believed, with tight bounds
(`framing.initial`); afterwards `Session.receive` takes over. `Refused` tells the connect
conversation what the server said and whether the user was already authenticated, since that
decides who is tried next.

Source: `fe-connect.c` (PQconnectPoll), `fe-protocol3.c` (pqGetNegotiateProtocolVersion3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from ..errors import ConnectionLost, Diagnostics, RemoteProtocolError
from . import backend, codes, frontend, legality
from .codec import Body
from .dialogues import read
from .framing import ancient_error, initial
from .session import CLOSED_UNEXPECTEDLY
from .wants import Deliver, Dialogue, Exchange, Limit

if TYPE_CHECKING:
    from typing import Callable

    from .session import Session

__all__ = ["Refused", "ask_tls", "bounded", "startup"]

T = TypeVar("T")


class Refused(Exception):
    """The server answered the startup with an ErrorResponse. Never leaves the package.

    Attributes:
        diagnostics: its fields.
        authenticated: it came after AuthenticationOk.
    """

    def __init__(self, diagnostics: Diagnostics, *, authenticated: bool) -> None:
        super().__init__("refused by the server")
        self.diagnostics = diagnostics
        self.authenticated = authenticated


class Exam(Protocol):
    """What `startup` needs of `auth.Authentication`."""

    @property
    def complete(self) -> bool:
        """AuthenticationOk was legal, and came."""

    def answer(self, body: bytes, /) -> Dialogue[bytes]:
        """Take the body of an `R`; return what to send."""


def bounded(dialogue: Dialogue[T], limit: Limit | None) -> Dialogue[T]:
    """Run a dialogue with a limit on all its wants that bear none of their own."""
    try:
        want = next(dialogue)
        while True:
            if want.limit is None:
                want.limit = limit
            try:
                sent = yield want
            except GeneratorExit:
                dialogue.close()
                raise
            except BaseException as error:
                want = dialogue.throw(error)
            else:
                want = dialogue.send(sent)
    except StopIteration as stop:
        result: T = stop.value
        return result


def ask_tls() -> Dialogue[bool]:
    """Send SSLRequest; return True for `S`, False for `N`.

    Exactly one byte may come. Whatever came with it was sent in plaintext and is never
    believed (CVE-2021-23222); what an `E` says is not shown (CVE-2024-10977).

    Raises:
        ConnectionLost: closed instead. RemoteProtocolError: anything else.
    """
    reply: bytes = yield Exchange(frontend.SSLRequest().encode(), first=True)
    if not reply:
        raise ConnectionLost(CLOSED_UNEXPECTEDLY)
    if reply[:1] == b"E":
        raise RemoteProtocolError("server sent an error response during SSL exchange")
    if reply[:1] not in (b"S", b"N"):
        raise RemoteProtocolError(
            f"received invalid response to SSL negotiation: {codes.letter(reply[0])}"
        )
    if len(reply) > 1:
        raise RemoteProtocolError("received unencrypted data after SSL response")
    return reply == b"S"


def startup(
    session: Session,
    message: frontend.StartupMessage,
    authentication: Exam,
    *,
    minimum: int = codes.PROTOCOL_3_0,
    deliver: Callable[[], object] | None = None,
) -> Dialogue[None]:
    """Start a session on an open channel: version, authentication, up to ReadyForQuery.

    Args:
        session: a new one; it is idle on return.
        message: what to start with.
        authentication: judges and answers the server's requests.
        minimum: the lowest protocol version to accept.

    Raises:
        Refused: the server's error. AuthenticationError: we refuse. ConnectionLost: closed.
        RemoteProtocolError: the server speaks something else. InterfaceError: the message
            cannot be sent.
    """
    session.protocol = message.version
    rest = yield from _authenticate(session, message, authentication, minimum)
    session.state = legality.AUTHENTICATED
    if rest:
        session.receive(rest)
    while not session.idle:
        if session.closed:
            error = session.answers.pop().error
            assert error is not None
            raise Refused(error.diagnostics or Diagnostics({}), authenticated=True)
        yield from read(session, deliver)


def _authenticate(
    session: Session, message: frontend.StartupMessage, authentication: Exam, minimum: int
) -> Dialogue[bytes]:
    """Return what came behind AuthenticationOk."""
    data, buffer = message.encode(), b""
    while True:
        found = initial(buffer)
        if found is None or found.stop > len(buffer):
            received: bytes = yield Exchange(data, first=True)
            data = b""
            if not received:
                raise session.lost()
            buffer += received
            continue
        body, tag = buffer[found.start : found.stop], found.tag
        buffer = buffer[found.stop :]
        if tag == 0:
            raise Refused(Diagnostics(ancient_error(body)), authenticated=False)
        if tag == codes.ERROR_RESPONSE:
            fields, _ = backend.read_fields(Body(body, tag), "utf-8")
            raise Refused(Diagnostics(fields), authenticated=False)
        following = legality.HEARD[session.state].get(tag)
        if following is None:
            if session.state is legality.NEGOTIATED:
                raise RemoteProtocolError("received duplicate protocol negotiation message")
            raise RemoteProtocolError(
                f"expected authentication request from server, but received {codes.letter(tag)}"
            )
        session.state = following
        if tag == codes.NEGOTIATE_PROTOCOL_VERSION:
            session.protocol = _negotiated(body, message.version, minimum)
            continue
        reply = yield from authentication.answer(body)
        if authentication.complete:
            if session.protocol < minimum:
                raise _too_old(session.protocol, minimum)
            return buffer
        if reply and buffer:
            yield Deliver(reply)
        else:
            data = reply


def _too_old(version: int, minimum: int) -> RemoteProtocolError:
    return RemoteProtocolError(
        f"server only supports protocol version {codes.version_name(version)}, but"
        f' "min_protocol_version" was set to {codes.version_name(minimum)}'
    )


def _negotiated(data: bytes, requested: int, minimum: int) -> int:
    """Return the version that a NegotiateProtocolVersion settles on.

    Raises:
        RemoteProtocolError: libpq 18's refusals.
    """
    body = Body(data, codes.NEGOTIATE_PROTOCOL_VERSION)

    def invalid(text: str) -> RemoteProtocolError:
        return RemoteProtocolError(f"received invalid protocol negotiation message: {text}")

    try:
        version, count = body.uint32(), body.int32()
    except RemoteProtocolError:
        raise invalid("message too short") from None
    if version > requested:
        raise invalid("server requested downgrade to a higher-numbered version")
    if version < codes.PROTOCOL_3_0:
        raise invalid("server requested downgrade to pre-3.0 protocol version")
    if version == codes.PROTOCOL_3_1:
        raise invalid("server requested downgrade to non-existent 3.1 protocol version")
    if count < 0:
        raise invalid("server reported negative number of unsupported parameters")
    if version == requested and count == 0:
        raise invalid("server negotiated but asks for no changes")
    if version < minimum:
        raise _too_old(version, minimum)
    # We never send a _pq_ parameter, so the first name listed is refused: the loop needs
    # no bound.
    if count:
        try:
            name = body.string().decode("utf-8", "replace")
        except RemoteProtocolError:
            raise invalid("message too short") from None
        if not name.startswith("_pq_."):
            raise invalid(
                f'server reported unsupported parameter name without a "_pq_." prefix ("{name}")'
            )
        raise invalid(f'server reported an unsupported parameter that was not requested ("{name}")')
    try:
        body.end()
    except RemoteProtocolError:
        raise invalid("message too long") from None
    return version
