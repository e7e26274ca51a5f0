"""What both faces of a connection share: making a plan, being asked about the state, the repr.

Floor 5. Nothing here waits: what waits differs between the faces, and is one line a method there.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, NoReturn

from .conninfo import resolve
from .conversation.connect import Plan, bare
from .conversation.fitness import server_version
from .conversation.statements import CACHE_SIZE
from .conversation.talk import Talk
from .errors import Error, InterfaceError, Timeout
from .journal import log, report, tracing
from .rows import tuple_row
from .surroundings import gather, keyring, shuffle
from .values.styles import odd_policy
from .wire.auth import MAX_ITERATIONS
from .wire.wants import Limit

if TYPE_CHECKING:
    from collections import deque

    from .conninfo import Settings, Surroundings, Target
    from .conversation.connect import Connected
    from .errors import Diagnostics
    from .policy import ConnectPolicy
    from .rows import RowFactory
    from .values.styles import OddValues
    from .wire.session import Notification

__all__ = ["Face", "log", "plan_for", "tracing"]


def plan_for(
    conninfo: str,
    keywords: dict[str, Any],
    *,
    surroundings: Surroundings | None = None,
    lend: bool = True,
    sock: Any = None,
    dial: Callable[[Target], Any] | None = None,
    oauth_token: Any = None,
    gss: Callable[[Target, str], Any] | None = None,
    scram_max_iterations: int = MAX_ITERATIONS,
    keep_scram_keys: bool = True,
    policy: ConnectPolicy | None = None,
) -> Plan:
    """Return what `connect` needs, from a connection string, keywords and the surroundings.

    Args:
        keywords: libpq's; `password` may be a callable `(target, user) -> str`, sync or async
            where the face is, called once an attempt when the server asks.
        lend: False: no credentials of the process's own are read or used.
        sock, dial, oauth_token, gss, scram_max_iterations, keep_scram_keys, policy: of `connect`.

    Raises:
        ConninfoError: libpq's text for what is wrong.
        InterfaceError: both `sock` and `dial`.
        PolicyError: the policy does not allow what stands in the string.
    """
    if sock is not None and dial is not None:
        raise InterfaceError("sock and dial exclude each other")
    around = gather() if surroundings is None else surroundings
    if policy is not None:
        lend = lend and policy.lend
        scram_max_iterations = min(scram_max_iterations, policy.max_iterations)
    refusal = None
    try:
        settings, provider = _settle(conninfo, keywords, around, policy, lend=lend)
    except Error as error:
        refusal = error
    finally:
        # Whoever prints a traceback with its locals must not print a password with it.
        conninfo, keywords = "", {}
    if refusal is not None:
        oauth_token = None
        raise bare(refusal)
    for warning in settings.warnings:
        report(warning, None)
    return Plan(
        settings,
        entropy=os.urandom,
        shuffle=shuffle,
        tls_settings=partial(_tls_settings, settings, around.home, lend) if around.tls else None,
        end_point_hash=_end_point_hash,
        password=provider,
        token=oauth_token,
        max_iterations=scram_max_iterations,
        # under a policy passwords are strangers'
        keyring=keyring() if keep_scram_keys and policy is None else None,
        gss=gss,
        dial=dial if sock is None else _Given(sock),
        once=sock is not None,
        log=log,
        policy=policy,
    )


def _settle(
    conninfo: str,
    keywords: dict[str, Any],
    around: Surroundings,
    policy: ConnectPolicy | None,
    *,
    lend: bool,
) -> tuple[Settings, Callable[..., Any] | None]:
    """Return the settings, and the caller's own provider of the password."""
    if policy is not None:
        keywords = policy.laid_over(conninfo, keywords)
    password = keywords.get("password")
    provider: Callable[..., Any] | None = None
    if callable(password):
        provider = password
        keywords = {name: value for name, value in keywords.items() if name != "password"}
    settings = resolve(
        conninfo,
        keywords or None,
        surroundings=around,
        lend=lend,
        shuffle=shuffle,
        # under a policy a string is given as one, or not at all
        expand_dbname=policy is None,
    )
    return settings, provider


class _Given:
    """The caller's one transport, as what `dial` would give, once."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def __call__(self, target: Target) -> Any:
        transport, self._transport = self._transport, None
        if transport is None:
            raise OSError(
                f"no second connection to {target.host or target.hostaddr or 'the server'} can be"
                " made over the transport that was given: use dial"
            )
        return transport


def _tls_settings(settings: Settings, home: str | None, lend: bool, target: Target) -> Any:
    from .tls import TLSSettings

    return TLSSettings.from_settings(settings, target, home, lend=lend)


def _end_point_hash(certificate: bytes) -> bytes:
    from .tls import end_point_hash

    return end_point_hash(certificate)


def limit_of(timeout: float | None) -> Limit | None:
    """Return a timeout in seconds as a limit; None, or infinity: there is none.

    Raises:
        InterfaceError: it is no number of seconds.
    """
    if timeout is None:
        return None
    number = isinstance(timeout, (int, float)) and not isinstance(timeout, bool)
    if not number or timeout != timeout:  # noqa: PLR0124 - NaN alone differs from itself
        raise InterfaceError("a timeout must be a number of seconds, or None")
    return None if timeout == float("inf") else Limit(timeout)


#: how often this process is the child of a fork
_forks = 0


def forks() -> int:
    """Return a number that differs in a forked child: cheaper than asking the system who we are."""
    return _forks


def _forked() -> None:
    global _forks  # noqa: PLW0603 - one process, one number
    _forks += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


class Face:
    """The part of a connection that does not wait.

    Attributes:
        notice_handlers, notification_handlers: lists of callables, called between reads with a
            `Diagnostics` or a `Notification`. They must not use the connection itself.
        notifications: those that no handler took.
    """

    row_factory: RowFactory[Any]

    _talk: Talk
    _pump: Any
    _settings: Settings
    _pid: int
    _forks: int
    _before: int
    _told_end = False
    #: seconds for a call that names none itself; None: no limit
    _patience: float | None = None

    def _begin(
        self,
        plan: Plan,
        connected: Connected,
        pump: Any,
        *,
        autocommit: bool,
        statement_cache_size: int = CACHE_SIZE,
    ) -> None:
        self._talk = Talk(
            connected,
            autocommit=autocommit,
            report=report,
            statement_cache_size=statement_cache_size,
            token=f"{os.urandom(4).hex()}_",
        )
        self._pump = pump
        self.row_factory = tuple_row
        self._settings = plan.settings
        if plan.policy is not None:
            self._patience = plan.policy.statement_timeout
        self._pid = os.getpid()
        self._forks = forks()
        # What the pump handed out before the session began to listen.
        self._before = pump.handed - connected.session.received

    def _log_end(self) -> None:
        """Log that the connection is over, if it is, and why; once."""
        if self.closed and not self._told_end:
            self._told_end, failure = True, self._talk.session.failure
            text = f"{self!r}" if failure is None else f"{self!r}: {failure}"
            log("debug" if failure is None else "info", text)

    def _check_count(self) -> None:
        """See to what an interrupt lost between pump and session: it is put back, or all ends."""
        session = self._talk.session
        lost = self._pump.handed - session.received - self._before
        if not session.closed and (session.torn or (lost and not self._pump.put_back(lost))):
            session.end()

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise InterfaceError(
                "this connection was opened by another process (before a fork): open a new one"
                " here; not a byte was sent on the parent's"
            )

    @property
    def talk(self) -> Talk:
        """The conversations of this connection, for `run`."""
        return self._talk

    # -- state ------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """The connection is over: closed by us, by the server, or lost."""
        return self._talk.session.closed

    @property
    def broken(self) -> bool:
        """It ended otherwise than by `close`."""
        return self.closed and self._talk.session.failure is not None

    @property
    def autocommit(self) -> bool:
        """True: no transaction is begun for a statement."""
        return self._talk.autocommit

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        if self._talk.session.transaction_status not in (None, "I"):
            raise InterfaceError(
                "autocommit cannot be changed inside a transaction: commit or roll back first"
            )
        self._talk.autocommit = value

    @property
    def odd_values(self) -> OddValues:
        """What becomes of values that Python's class for their type cannot hold; may be set.

        Infinite dates, BC, years after 9999, 24:00, months in intervals: "error" raises `DataError`
        and leaves the connection in step; "text" gives PostgreSQL's text as `str`; "exact" gives
        what `purelink.types` has for them, which is sent back unchanged.
        """
        return self._talk.odd_values

    @odd_values.setter
    def odd_values(self, value: OddValues) -> None:
        self._talk.odd_values = odd_policy(value)
        self._talk.session.changes += 1  # decoders at hand were made for the policy before

    @property
    def transaction_status(self) -> str:
        """What the transaction is, in words.

        "idle", "in transaction", "in failed transaction"; "active" while something is under way;
        "unknown" when the connection is over. Source: PQtransactionStatus.
        """
        session = self._talk.session
        if session.closed:
            return "unknown"
        if not session.idle or self._talk.holder is not None:
            return "active"
        return _STATUS[session.transaction_status or "I"]

    @property
    def in_transaction(self) -> bool:
        """A transaction block is open, failed or not."""
        return self._talk.session.transaction_status in ("T", "E") and not self.closed

    @property
    def parameters(self) -> dict[str, str]:
        """What the server reported (ParameterStatus): a copy."""
        return dict(self._talk.session.parameters)

    @property
    def server_version(self) -> int:
        """180006 for 18.6; 0 if the server reported none. Source: PQserverVersion."""
        return server_version(self._talk.session)

    @property
    def protocol_version(self) -> tuple[int, int]:
        """(3, 0) or (3, 2)."""
        version = self._talk.session.protocol
        return version >> 16, version & 0xFFFF

    @property
    def backend_pid(self) -> int | None:
        """Process ID of the server's backend, as it told us; None if it did not."""
        return self._talk.session.pid

    @property
    def settings(self) -> Settings:
        """What the connection was made with, and where each setting came from."""
        return self._settings

    @property
    def target(self) -> Target:
        """The one of the settings' targets that was reached."""
        return self._talk.connected.target

    @property
    def password_used(self) -> bool:
        """The server really asked for a password. Source: PQconnectionUsedPassword."""
        return self._talk.connected.password_used

    @property
    def tls(self) -> tuple[str, str] | None:
        """TLS version and cipher, or None for plaintext."""
        secured = self._talk.connected.secured
        return None if secured is None else (secured.version, secured.cipher)

    @property
    def notice_handlers(self) -> list[Callable[[Diagnostics], object]]:
        """Called with each notice; change the list to listen."""
        return self._talk.notice_handlers

    @property
    def notification_handlers(self) -> list[Callable[[Notification], object]]:
        """Called with each notification; change the list to listen."""
        return self._talk.notification_handlers

    @property
    def notifications(self) -> deque[Notification]:
        """Notifications that no handler took, oldest first; take them out as you read them."""
        return self._talk.notifications

    def fileno(self) -> int:
        """Return the socket's file descriptor, -1 without one."""
        return int(self._pump.fileno())

    # -- tracing ----------------------------------------------------------------------------

    def trace(self, file: Any, *, timestamps: bool = True, regress: bool = False) -> None:
        """Write every message that is sent or received to a file, from the next call on.

        Secrets (passwords, SASL, the cancel key) are masked; statements and values are not.

        Args:
            file: a binary or text file; flushed, not closed, by `untrace` and `close`. If it fails,
                the trace ends and the connection goes on.
            timestamps: each line begins with the local time.
            regress: leave out what differs from run to run: OIDs, process IDs, places in the
                server's source.

        Source: PQtrace, PQsetTraceFlags. For the start as well: `connect(trace=file)`.
        """
        self.untrace()
        self._pump.trace = tracing(
            file,
            timestamps=timestamps,
            regress=regress,
            pending=lambda: self._talk.session.unparsed,
        )

    def untrace(self) -> None:
        """End the trace, if there is one, and flush its file. Source: PQuntrace."""
        trace, self._pump.trace = self._pump.trace, None
        if trace is not None:
            trace.stop()

    def _timed_out(self, timeout: float | None) -> Timeout:
        outcome = "unknown" if self.closed else self._talk.outcome
        after = "" if timeout is None else f" after {timeout:g} s"
        error = Timeout(
            f"timeout expired{after}; {_OUTCOMES[outcome]}",
            sqlstate="57014" if outcome == "cancelled" else None,
        )
        error.outcome = outcome
        return error

    # -- Python's own -----------------------------------------------------------------------

    def __repr__(self) -> str:
        target = self.target
        settings = self._settings
        place = target.socket_directory or target.hostaddr or target.host
        return (
            f"<purelink.{type(self).__name__}"
            f" host={place!r} port={target.port} dbname={settings['dbname']!r}"
            f" user={settings['user']!r} {'closed' if self.closed else self.transaction_status}>"
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be pickled or copied: it holds a socket")


_OUTCOMES = {
    "cancelled": "the statement was cancelled, and the connection is usable",
    "completed": "the statement ran to its end before it could be cancelled, and the connection"
    " is usable",
    "unknown": "the connection is closed, and nobody can tell what became of the statement",
}
_STATUS = {"I": "idle", "T": "in transaction", "E": "in failed transaction"}
