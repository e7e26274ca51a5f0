"""Authentication: what is answered to each `R` message, and whether Ok may be believed.

Floor 1, pure: a dialogue that wants nothing but `Call` (what the user gave) and `Compute` (a long
PBKDF2). One exchange a connection: the first request selects the method, then only that method's
own continuation may come, and AuthenticationOk only at its end. libpq answers a cleartext request
after SCRAM, and believes an Ok in the middle of it; here a table says what may come when
(`course.COURSE`), and what is not in it is refused. A refusal is final: nothing is sent after it.

Source: the manual's "Message Flow", "SASL Authentication"; libpq 18's fe-auth.c, whose texts these
are, without the `connection to server at …` that the connect conversation puts before them.
"""

from __future__ import annotations

import binascii
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Callable

from ..errors import AuthenticationError, InterfaceError, LocalProtocolError
from . import auth_course as course
from . import scram
from .codec import cstring, frame, int32, uint32
from .codes import AUTH_CLEARTEXT, AUTH_MD5, AUTH_OK, AUTH_SASL
from .keyring import derive
from .password import md5, prepare
from .policy import AUTH_GSS, AUTH_GSS_CONTINUE, AUTH_SSPI, OAUTHBEARER, SCRAM, SCRAM_PLUS, Policy
from .wants import Call

if TYPE_CHECKING:
    from .keyring import KeyRing
    from .wants import Dialogue, Limit

__all__ = ["MAX_ITERATIONS", "Authentication", "Provider"]

#: What the user may give instead of a secret: called without arguments (the faces bind target
#: and user), once an attempt, and only when the server asks. Gives str, bytes or None.
Provider = Callable[[], Any]

#: The default of `max_iterations`: what a hostile server can make us count (3 to 8 seconds).
MAX_ITERATIONS = 10_000_000
_NONCE_LENGTH = 18

_NO_PASSWORD = "fe_sendauth: no password supplied"  # noqa: S105 - libpq's text
_INVALID = "received invalid authentication request"

_GSS_CODES = (AUTH_GSS, AUTH_GSS_CONTINUE, AUTH_SSPI)
#: What a first request chooses, in require_auth's words; SASL chooses later.
_METHODS = {
    AUTH_OK: "none",
    AUTH_CLEARTEXT: "password",
    AUTH_MD5: "md5",
    AUTH_GSS: "gss",
    AUTH_SSPI: "sspi",
}


class Authentication(scram.Secret):
    """The authentication of one connection attempt: for another attempt make another.

    Args:
        user: the name sent in the StartupMessage.
        password: None or b"" where there is none; a provider is called only when the server
            asks for a password.
        nonce: 18 random bytes, or what gives them; called only for SCRAM.
        require_auth, channel_binding: the options, as `policy.Policy` takes them.
        tls: the connection uses TLS.
        end_point_hash: gives `tls-server-end-point` of the server's certificate, or raises
            AuthenticationError when it has none; called only for SCRAM-SHA-256-PLUS.
        verified_tls: the certificate was verified, its name too: an OAuth token goes nowhere
            else.
        scram_client_key, scram_server_key: 32 bytes each, or a str in base64; used in place of
            the password.
        max_iterations: the highest SCRAM count that is computed (at most 2**31 - 1).
        keyring: remembers the keys of a password that was given as such; a provider's is not
            kept. None: nothing is.
        oauth_token: the bearer token or its provider.
        oauth_issuer: where given, a server's discovery document must belong to it.
        oauth_client_id: only tells which error is due where there is no token.
        oauth_scope: not used: the token has been made.
        gss: called with "gss" or "sspi" when the server asks for it; gives a context with
            `step(token: bytes | None) -> bytes | None` and `complete: bool`, as python-gssapi's
            SecurityContext and pyspnego's client have them.
        limit: put on every want.

    Attributes:
        scram_keys: client key and server key with which SCRAM was done, for passing them through;
            None: it was not.
        channel_bound: the server has proved itself, and that nobody stands between.
        method: what the server chose, in require_auth's words ("scram-sha-256", "none" …);
            None before its first request.
        discovery: the JSON document with which a server refused the token; None otherwise.
        password_used: as PQconnectionUsedPassword counts it: a password was asked for and one
            would have been given; not whether one was there.

    Raises:
        ConninfoError: an option or a key that the conninfo floor would have refused.
        InterfaceError: a NUL in the password.
    """

    _exchange: scram.Exchange  # made with the client-first message

    __slots__ = (
        "_client_key",
        "_context",
        "_end_point_hash",
        "_exchange",
        "_gss",
        "_has_password",
        "_issuer",
        "_keyring",
        "_limit",
        "_max_iterations",
        "_nonce",
        "_oauth_ready",
        "_password",
        "_policy",
        "_prepared",
        "_server_key",
        "_state",
        "_tag",
        "_tls",
        "_token",
        "_user",
        "_verified_tls",
        "channel_bound",
        "discovery",
        "method",
        "password_used",
        "scram_keys",
    )

    def __init__(
        self,
        *,
        user: bytes,
        password: bytes | Provider | None,
        nonce: bytes | Callable[[], bytes],
        require_auth: str | None = None,
        channel_binding: str = "prefer",
        tls: bool = False,
        end_point_hash: Callable[[], bytes] | None = None,
        verified_tls: bool = False,
        scram_client_key: bytes | str | None = None,
        scram_server_key: bytes | str | None = None,
        max_iterations: int = MAX_ITERATIONS,
        keyring: KeyRing | None = None,
        oauth_token: bytes | str | Provider | None = None,
        oauth_issuer: str | None = None,
        oauth_client_id: str | None = None,
        oauth_scope: str | None = None,  # noqa: ARG002 - part of the contract
        gss: Callable[[str], Any] | None = None,
        limit: Limit | None = None,
    ) -> None:
        self._policy = Policy(require_auth, channel_binding)
        self._user = user
        self._password = password if callable(password) else _secret(password, "a password")
        self._has_password = bool(self._password)
        self._prepared = b""
        self._nonce = nonce
        self._tls = tls
        self._verified_tls = verified_tls
        self._end_point_hash = end_point_hash
        self._client_key = scram.read_key(scram_client_key, "client")
        self._server_key = scram.read_key(scram_server_key, "server")
        self._max_iterations = min(max_iterations, scram.LONGEST)
        self._keyring = None if callable(password) else keyring
        self._tag: tuple[bytes, scram.Keys] | None = None
        self._token = oauth_token if callable(oauth_token) else _secret(oauth_token, "a token")
        self._issuer = oauth_issuer
        self._oauth_ready = bool(oauth_issuer and oauth_client_id)
        self._gss: Any = gss
        self._limit = limit
        self._context: Any = None
        self._state = course.START
        self.method: str | None = None
        self.scram_keys: tuple[bytes, bytes] | None = None
        self.discovery: dict[str, Any] | None = None
        self.password_used = False
        self.channel_bound = False

    @property
    def complete(self) -> bool:
        """AuthenticationOk was legal and came."""
        return self._state is course.COMPLETE

    @property
    def needs_password(self) -> bool:
        """As PQconnectionNeedsPassword: a password was asked for and there is none."""
        return self.password_used and not self._has_password

    def answer(self, body: bytes) -> Dialogue[bytes]:
        """Answer one `R` message.

        Args:
            body: Int32 code, then what the code needs; without tag and length.

        Returns:
            the whole messages to send, or b"".

        Raises:
            AuthenticationError: refused; the connection must be closed, nothing more sent.
            LocalProtocolError: called again after a refusal.
            InterfaceError: a provider gave what cannot be a secret.
            Exception: whatever a provider raised.
        """
        state, self._state = self._state, course.FAILED  # until this message has been answered
        if state is course.FAILED:
            raise LocalProtocolError("authentication was refused: nothing more is answered")
        try:
            code = self._admit(state, body)
            data, self._state = yield from self._reply(state, code, body[4:])
        finally:
            if self._state in (course.FAILED, course.COMPLETE):
                self._forget()
        return data

    def _admit(self, state: str, body: bytes) -> int:
        """Return the code of a message that may be answered in this state, or refuse it.

        The user's policy comes first: its words tell more than "out of turn" would.
        """
        if state is course.COMPLETE:
            raise AuthenticationError(
                'unexpected response from server; first received character was "R"'
            )
        if not 4 <= len(body) <= course.LONGEST_BODY:
            raise AuthenticationError(_INVALID)
        code: int = uint32.unpack_from(body)[0]
        if len(body) != course.LENGTHS.get(code, len(body)):
            raise AuthenticationError(_INVALID)
        if code == AUTH_OK:
            self._policy.check_ok(finished=state in course.FINISHED, bound=self.channel_bound)
        else:
            self._policy.check_request(code)
        if code in _GSS_CODES and self._gss is None:
            name = "SSPI" if code == AUTH_SSPI else "GSSAPI"
            raise AuthenticationError(f"{name} authentication not supported")
        if code not in course.COURSE[state]:
            raise AuthenticationError(course.out_of_turn(state, code))
        return code

    def _reply(self, state: str, code: int, data: bytes) -> Dialogue[tuple[bytes, str]]:
        """Return what to send and the state that follows."""
        if state is course.START:
            self.method = _METHODS.get(code)
        if code == AUTH_OK:
            return b"", course.COMPLETE
        if code in (AUTH_CLEARTEXT, AUTH_MD5):
            self.password_used = True
            password = yield from self._given_password()
            reply = md5(password, self._user, data) if code == AUTH_MD5 else password
            return frame(b"p", cstring(reply, "a password")), course.PASSWORD_SENT
        if code == AUTH_SASL:
            return (yield from self._begin_sasl(data))
        if state is course.FIRST_SENT:
            return frame(b"p", (yield from self._prove(data))), course.PROOF_SENT
        if state is course.PROOF_SENT:
            self._exchange.verify(data, self._server_key or b"")
            if self._keyring is not None and self._tag is not None:
                self._keyring.keep(*self._tag)
            self.channel_bound = self._exchange.bound
            return b"", course.VERIFIED
        if state is course.TOKEN_SENT:
            from . import oauth

            self.discovery = oauth.failure(data, self._issuer)
            oauth.check_status(self.discovery)
            return frame(b"p", oauth.ACKNOWLEDGEMENT), course.TOKEN_REFUSED
        return (yield from self._continue_gss(code, data))

    def _begin_sasl(self, data: bytes) -> Dialogue[tuple[bytes, str]]:
        """Choose a mechanism from the server's list and say its first words.

        Source: libpq's pg_SASL_init.
        """
        if self._policy.binding_required and not self._tls:
            raise AuthenticationError("channel binding required, but SSL not in use")
        mechanism = self._choose(_mechanisms(data))
        self.password_used = mechanism != OAUTHBEARER
        self.method = "scram-sha-256" if self.password_used else "oauth"
        self._policy.check_mechanism(mechanism)
        if mechanism == OAUTHBEARER:
            first, state = (yield from self._bearer()), course.TOKEN_SENT
        else:
            first, state = (yield from self._client_first(mechanism)), course.FIRST_SENT
        name = cstring(mechanism.encode("ascii"), "a mechanism")
        return frame(b"p", name, int32.pack(len(first)), first), state

    def _choose(self, offered: list[str]) -> str:
        chosen = ""
        for name in offered:
            if name == SCRAM_PLUS and not self._tls:
                # Not sane: somebody between has taken the TLS away.
                raise AuthenticationError(
                    "server offered SCRAM-SHA-256-PLUS authentication over a non-SSL connection"
                )
            if name == SCRAM_PLUS and self._policy.binding_allowed:
                chosen = name
            elif name in (SCRAM, OAUTHBEARER):
                chosen = chosen or name
        if not chosen:
            raise AuthenticationError(
                "none of the server's SASL authentication mechanisms are supported"
            )
        return chosen

    def _client_first(self, mechanism: str) -> Dialogue[bytes]:
        if self._client_key is None:
            self._prepared = prepare((yield from self._given_password()))
        header, binding = b"n,,", b""
        if mechanism == SCRAM_PLUS:
            header, binding = b"p=tls-server-end-point,,", self._binding()
        elif self._tls and self._policy.binding_allowed:
            # "We could, you did not offer it": shows the server that an offer was taken away.
            header = b"y,,"
        nonce = self._nonce() if callable(self._nonce) else self._nonce
        if len(nonce) != _NONCE_LENGTH:
            raise InterfaceError(f"a SCRAM nonce takes {_NONCE_LENGTH} random bytes")
        text = binascii.b2a_base64(nonce, newline=False)
        self._exchange = scram.Exchange(text, header=header, binding=binding)
        return self._exchange.first()

    def _binding(self) -> bytes:
        if self._end_point_hash is None:
            raise AuthenticationError(
                "server offered channel binding, but this transport does not show the server's"
                " certificate (set channel_binding=disable to do without)"
            )
        return self._end_point_hash()

    def _prove(self, message: bytes) -> Dialogue[bytes]:
        """Return the client-final message, with the key given or the one computed."""
        salt, iterations = self._exchange.challenge(message)
        if self._client_key is not None:
            if self._server_key is not None:
                self.scram_keys = (self._client_key, self._server_key)
            return self._exchange.final(self._client_key)
        if iterations > self._max_iterations:
            raise AuthenticationError(
                f"server asked for {iterations} SCRAM iterations, which is more than"
                f" scram_max_iterations allows ({self._max_iterations})"
            )
        work = (self._prepared, salt, iterations)
        self._tag = yield from derive(self._keyring, *work, limit=self._limit)
        keys = self._tag[1]
        self._server_key = self._server_key or keys.server
        self.scram_keys = (keys.client, keys.server)
        return self._exchange.final(keys.client)

    def _bearer(self) -> Dialogue[bytes]:
        """Return OAUTHBEARER's only message, if this connection may carry a token."""
        from . import oauth

        if not self._token:
            raise self._no_token()
        if not self._verified_tls:
            raise AuthenticationError(
                "the OAuth token was not sent: the server has not proved by a verified"
                " certificate who it is (set sslmode=verify-full)"
            )
        token = yield from self._given(self._token, "a token")
        if not token:
            raise self._no_token()
        return oauth.initial_response(token)

    def _no_token(self) -> AuthenticationError:
        if not self._oauth_ready:
            return AuthenticationError(
                "server requires OAuth authentication, but oauth_issuer and oauth_client_id are"
                " not both set"
            )
        return AuthenticationError(
            "no OAuth flows are available (try installing the libpq-oauth package)"
        )

    def _continue_gss(self, code: int, data: bytes) -> Dialogue[tuple[bytes, str]]:
        """Let the provider's context take a step. Source: libpq's pg_GSS_continue."""
        if self._context is None:
            self._context = yield Call(self._gss, self.method, limit=self._limit)
        received = data if code == AUTH_GSS_CONTINUE else None
        token = yield Call(self._context.step, received, limit=self._limit)
        state = course.GSS_DONE if self._context.complete else course.GSS_OPEN
        return frame(b"p", token) if token else b"", state

    def _given_password(self) -> Dialogue[bytes]:
        password = yield from self._given(self._password, "a password")
        self._has_password = bool(password)
        if not password:
            raise AuthenticationError(_NO_PASSWORD)
        return password

    def _given(self, source: bytes | Provider, what: str) -> Dialogue[bytes]:
        value = (yield Call(source, limit=self._limit)) if callable(source) else source
        return _secret(value, what)

    def _forget(self) -> None:
        """Let go of every secret: the attempt is over."""
        self._password = self._prepared = self._token = b""
        self._client_key = self._server_key = self._context = self._tag = None


def _mechanisms(data: bytes) -> list[str]:
    """Return the names of an AuthenticationSASL body: Strings, closed by an empty one."""
    *names, after = data.split(b"\0")
    if after or not names or names.pop() or not all(names):
        raise AuthenticationError(
            "fe_sendauth: invalid authentication request from server: invalid list of"
            " authentication mechanisms"
        )
    return [name.decode("latin-1") for name in names]


def _secret(value: Any, what: str) -> bytes:
    """Return what a caller or his provider gave as bytes; b"" for None.

    Raises:
        InterfaceError: not str or bytes, not encodable, or a NUL inside; the value is not shown.
    """
    if value is None:
        return b""
    data = None
    if isinstance(value, str):
        # The refusal is raised below: in an except clause it would carry the secret along, as
        # its context's `object`.
        with suppress(UnicodeEncodeError):
            data = value.encode("utf-8", "surrogateescape")
    elif isinstance(value, (bytes, bytearray)):
        data = bytes(value)
    if data is None:
        raise InterfaceError(f"{what} must be bytes or a str that UTF-8 can hold")
    if 0 in data:
        raise InterfaceError(f"{what} must not contain a NUL (0x00) character")
    return data
