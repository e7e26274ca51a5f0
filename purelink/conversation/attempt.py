"""One attempt at one address: open, TLS, startup, authentication; and where its failure leads.

Floor 3, pure. `connect` makes attempts until one succeeds. The texts of failures are libpq's,
without the prefix that names the server.

Source: `fe-connect.c` (PQconnectPoll), `fe-auth.c`, `fe-secure.c`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Callable, TypeVar, Union

from ..conninfo import integer
from ..errors import (
    AuthenticationError,
    ConnectionLost,
    ConninfoError,
    Diagnostics,
    RemoteProtocolError,
)
from ..values.encodings import codec_of
from ..wire import codes, frontend
from ..wire.auth import Authentication
from ..wire.session import CLOSED_UNEXPECTEDLY, Session
from ..wire.startup import Refused, ask_tls, startup
from ..wire.wants import Address, Dialogue, Open, Opened, Secured, StartTLS
from .spelling import spell_error

if TYPE_CHECKING:
    from ..conninfo import Settings, Target
    from ..wire.keyring import KeyRing

Raised = TypeVar("Raised", bound=Union[BaseException, None])

__all__ = [
    "ADDRESS",
    "AGAIN",
    "ENCRYPTION",
    "HOST",
    "STOP",
    "Attempt",
    "Connected",
    "Failed",
    "Plan",
    "bare",
]

_ADVICE = {
    "tcp": "\n\tIs the server running on that host and accepting TCP/IP connections?",
    "unix": "\n\tIs the server running locally and accepting connections on that socket?",
    "own": "",
}

# Where a failure leads.
ENCRYPTION, ADDRESS, HOST, STOP, AGAIN = "encryption", "address", "host", "stop", "again"


class Plan:
    """All that `connect` needs besides the settings.

    Args:
        settings: what `conninfo.resolve` made.
        entropy: gives so many random bytes (`os.urandom`).
        shuffle: puts a list in random order, for load_balance_hosts.
        tls_settings: makes the TLSSettings for a target (`tls.TLSSettings.from_settings` with
            the home folder), or None where there is no `ssl`.
        end_point_hash: hash of a certificate in DER for channel binding.
        password: the user's own provider: called with `(target, user)` once an attempt, when the
            server asks; it beats every other password.
        token: the same for OAUTHBEARER.
        max_iterations: of SCRAM, at most.
        keyring: the keys of earlier SCRAM logins, or None.
        gss: the user's own provider for GSSAPI and SSPI, called with `(target, method)`.
        dial: gives the transport to a target, instead of a socket that the pump opens.
        once: `dial` can be called only once.
        log: told what happens, as a level of `logging` in small letters and a sentence.
        policy: a `ConnectPolicy`, asked before anything is opened and after it was reached.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        entropy: Callable[[int], bytes],
        shuffle: Callable[[list[Any]], None] | None = None,
        tls_settings: Callable[[Target], Any] | None = None,
        end_point_hash: Callable[[bytes], bytes] | None = None,
        password: Callable[[Target, str], Any] | None = None,
        token: Callable[[Target, str], Any] | str | None = None,
        max_iterations: int = 10_000_000,
        keyring: KeyRing | None = None,
        gss: Callable[[Target, str], Any] | None = None,
        dial: Callable[[Target], Any] | None = None,
        once: bool = False,
        log: Callable[[str, str], None] | None = None,
        policy: Any = None,
    ) -> None:
        self.settings = settings
        self.policy = policy
        self.entropy = entropy
        self.shuffle = shuffle
        self.tls_settings = tls_settings
        self.end_point_hash = end_point_hash
        self.password = password
        self.token = token
        self.max_iterations = max_iterations
        self.keyring = keyring
        self.gss = gss
        self.dial = dial
        self.once = once
        self.log = log or _unheard

    def within(self, timeout: float | None) -> float | None:
        """Return how many seconds making the connection may take: the caller's, or the policy's."""
        least: float | None = None if self.policy is None else self.policy.connect_timeout
        if timeout is None or least is None:
            return least if timeout is None else timeout
        return min(timeout, least)


def _unheard(_level: str, _text: str) -> None:
    """Nobody listens."""


class Connected:
    """What `connect` reached.

    Attributes:
        session: idle.
        target, address: of the settings, and where it really is.
        secured: what TLS gave, or None for plaintext.
        tls: the TLSSettings in force, or None.
        password_used: the server asked for a password on this connection, and we answered
            (PQconnectionUsedPassword).
        opened: peer and own address.
        attempts: the attempts before this one, as `ConnectError.attempts`.
        scram_keys: with which SCRAM was done, or None; never shown.
        seat: its place among the connections that a policy allows, or None.
    """

    def __init__(self, session: Session, target: Target, address: Address) -> None:
        self.session = session
        self.target = target
        self.address = address
        self.secured: Secured | None = None
        self.tls: Any = None
        self.opened: Opened | None = None
        self.password_used = False
        self.attempts: tuple[tuple[str, str], ...] = ()
        self.scram_keys: tuple[bytes, bytes] | None = None
        self.seat: Any = None


class Failed(Exception):
    """One attempt's failure: its text, and where it leads."""

    def __init__(
        self,
        text: str,
        then: str,
        *,
        diagnostics: Diagnostics | None = None,
        cause: BaseException | None = None,
        prefixed: bool = True,
    ) -> None:
        super().__init__(text)
        self.text = text
        self.then = then
        self.diagnostics = diagnostics
        self.cause = bare(cause)
        self.prefixed = prefixed


def bare(error: Raised) -> Raised:
    """Cut the tracebacks of an error and of what led to it; return the error.

    The frames of an authentication hold passwords, and there are programs that print the locals of
    every frame.
    """
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and each not in seen:
            seen.append(each)
            each.__traceback__ = None
            waiting += (each.__cause__, each.__context__)
    return error


class Attempt:
    """One socket: open, TLS, startup, authentication."""

    def __init__(
        self, plan: Plan, target: Target, address: Address, methods: list[str], *, named: bool
    ) -> None:
        self.plan = plan
        self.settings = plan.settings
        self.target = target
        self.address = address
        #: still to be tried; shared with the caller, who tries the rest
        self.methods = methods
        self.method = methods.pop(0)
        self.named = named
        self.secured: Secured | None = None
        self.opened: Opened | None = None
        self.tls: Any = None
        self.authentication: Authentication | None = None

    def run(self) -> Dialogue[Connected]:
        """Make the attempt. Raises `Failed`, which says where to go next."""
        # Made first: what cannot be sent is told before a byte goes out.
        message = self._message()
        message.encode()
        opened = self.opened = yield from self._open()
        if self.method == "tls":
            yield from self._secure()
        session = Session(codec_of)
        session.replication = bool(self.settings["replication"])
        authentication = self.authentication = self._authentication()
        try:
            minimum = _VERSIONS[self.settings["min_protocol_version"] or "3.0"]
            yield from startup(session, message, authentication, minimum=minimum)
            if self.settings["sslcertmode"] == "require":
                from ..tls.checks import check_certificate_mode

                check_certificate_mode("require", self.secured)
        except Refused as refused:
            raise self._refused(refused, authentication) from None
        except (AuthenticationError, RemoteProtocolError) as error:
            raise Failed(str(error), STOP, cause=error) from error
        except ConnectionLost as error:
            raise Failed(str(error), STOP, cause=error, diagnostics=error.diagnostics) from error
        except OSError as error:
            text = getattr(error, "text", None) or _network(error)
            raise Failed(text, STOP, cause=error) from error
        connected = Connected(session, self.target, self.address)
        connected.secured, connected.tls, connected.opened = self.secured, self.tls, opened
        connected.password_used = authentication.password_used
        connected.scram_keys = authentication.scram_keys
        return connected

    def _open(self) -> Dialogue[Opened]:
        family = self.address.family
        try:
            options = self._socket_options() if family == "tcp" else ()
        except ConninfoError as error:
            raise Failed(str(error), ADDRESS, cause=error) from error
        wanted = self.settings["requirepeer"] if self.target.kind == "socket" else None
        try:
            opened: Opened = yield Open(self.address, options, peer_user=bool(wanted))
        except OSError as error:
            reason = error.strerror or str(error)
            if error.filename in _OPTION_NAMES:
                text = f"setsockopt({error.filename}) failed: {reason}"
                raise Failed(text, ADDRESS, cause=error) from error
            raise Failed(reason + _ADVICE[family], ADDRESS, cause=error) from error
        if wanted and opened.peer_user != wanted:
            raise Failed(
                f'requirepeer specifies "{wanted}", but actual peer user name is'
                f' "{opened.peer_user}"',
                STOP,
            )
        return opened

    def _socket_options(self) -> tuple[tuple[str, str, int], ...]:
        """Return what libpq sets on a TCP socket. Source: useKeepalives, setKeepalivesIdle."""
        settings = self.settings
        options: list[tuple[str, str, int]] = []
        keepalives = settings["keepalives"]
        if keepalives is not None and integer(keepalives, "keepalives") == 0:
            return ()
        options.append(("SOL_SOCKET", "SO_KEEPALIVE", 1))
        for keyword, option in _KEEPALIVES:
            text = settings[keyword]
            if text is not None:
                # libpq raises a negative number to 0 and hands 0 to the system, which may refuse
                options.append(("IPPROTO_TCP", option, max(0, integer(text, keyword))))
        text = settings["tcp_user_timeout"]
        if text is not None:
            milliseconds = max(0, integer(text, "tcp_user_timeout"))
            options.append(("IPPROTO_TCP", "TCP_USER_TIMEOUT", milliseconds))
        return tuple(options)

    def _secure(self) -> Dialogue[None]:
        assert self.plan.tls_settings is not None
        settings = self.plan.tls_settings(self.target)
        direct = self.settings["sslnegotiation"] == "direct"
        if not direct:
            try:
                willing = yield from ask_tls()
            except (ConnectionLost, RemoteProtocolError) as error:
                raise Failed(str(error), STOP, cause=error) from error
            except OSError as error:
                raise Failed(_network(error), STOP, cause=error) from error
            if not willing:
                if "plain" in self.methods:
                    # The same socket serves, in plaintext.
                    self.methods.remove("plain")
                    self.method = "plain"
                    self.plan.log("debug", "the server does not support TLS: going on in plaintext")
                    return
                raise Failed("server does not support SSL, but SSL was required", STOP)
        try:
            self.secured = yield StartTLS(settings)
        except OSError as error:
            text = getattr(error, "text", None) or _network(error)
            then = ENCRYPTION if getattr(error, "fallback_allowed", True) else STOP
            raise Failed(text, then, cause=error) from error
        self.tls = settings

    def _message(self) -> frontend.StartupMessage:
        parameters = [
            (name.encode(), value.encode("utf-8", "surrogateescape"))
            for name, value in self.settings.startup_parameters
            if self.named or name != "application_name"
        ]
        return frontend.StartupMessage(_requested(self.settings), parameters)

    def _authentication(self) -> Authentication:
        settings, target, plan = self.settings, self.target, self.plan
        user = settings["user"] or ""
        password: Any
        if plan.password is not None:
            password = partial(plan.password, target, user)
        elif target.password is not None:
            password = target.password.encode("utf-8", "surrogateescape")
        else:
            password = None
        token: Any = plan.token
        if callable(token):
            token = partial(token, target, user)
        secured, opened = self.secured, self.opened
        certificate = secured.certificate if secured is not None else None
        verified = secured is not None and settings["sslmode"] == "verify-full"
        if secured is None and opened is not None and opened.certificate is not None:
            # TLS that the caller began on a transport of his own binds as well as ours.
            certificate, verified = opened.certificate, opened.verified
        end_point_hash = None
        if certificate is not None and plan.end_point_hash is not None:
            end_point_hash = partial(plan.end_point_hash, certificate)
        return Authentication(
            user=user.encode("utf-8", "surrogateescape"),
            password=password,
            nonce=partial(plan.entropy, 18),
            # an empty one is not "none given": libpq then refuses whatever is asked for
            require_auth=settings["require_auth"],
            channel_binding=settings["channel_binding"] or "prefer",
            tls=secured is not None or certificate is not None,
            end_point_hash=end_point_hash,
            verified_tls=verified,
            scram_client_key=settings["scram_client_key"],
            scram_server_key=settings["scram_server_key"],
            max_iterations=plan.max_iterations,
            keyring=plan.keyring,
            oauth_token=token,
            oauth_issuer=settings["oauth_issuer"],
            oauth_client_id=settings["oauth_client_id"],
            oauth_scope=settings["oauth_scope"],
            gss=partial(plan.gss, target) if plan.gss is not None else None,
        )

    def _refused(self, refused: Refused, authentication: Authentication) -> Failed:
        diagnostics = refused.diagnostics
        state = diagnostics.sqlstate
        text = spell_error(diagnostics)
        if (
            state == "28P01"
            and self.target.passfile is not None
            and authentication.password_used
            and self.plan.password is None
        ):
            text += f'\npassword retrieved from file "{self.target.passfile}"'
        if refused.authenticated:
            application = dict(self.settings.startup_parameters).get("application_name")
            then = AGAIN if state == "42704" and application and self.named else STOP
        elif state == "57P03":
            then = HOST
        else:
            then = ENCRYPTION
        return Failed(text, then, diagnostics=diagnostics)


_KEEPALIVES = (
    ("keepalives_idle", "TCP_KEEPIDLE"),
    ("keepalives_interval", "TCP_KEEPINTVL"),
    ("keepalives_count", "TCP_KEEPCNT"),
)
_OPTION_NAMES = frozenset(
    {"TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT", "SO_KEEPALIVE"}
)
_VERSIONS = {"3.0": codes.PROTOCOL_3_0, "3.2": codes.PROTOCOL_3_2, "latest": codes.PROTOCOL_3_2}


def _requested(settings: Settings) -> int:
    """Return the protocol version to ask for: 3.0 unless the settings say otherwise."""
    highest = settings["max_protocol_version"]
    if highest is not None:
        return _VERSIONS[highest]
    lowest = settings["min_protocol_version"]
    return codes.PROTOCOL_3_2 if lowest in ("3.2", "latest") else codes.PROTOCOL_3_0


def _network(error: OSError) -> str:
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return CLOSED_UNEXPECTEDLY
    return f"could not receive data from server: {error.strerror or error}"
