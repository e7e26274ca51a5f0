"""The client's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS: three messages out of two.

Floor 1, pure: no randomness (the nonce is handed in), no clock; the one long computation,
`salted_password`, is a function of its own so that a dialogue can have it run elsewhere. It knows
nothing of PostgreSQL's messages: `auth.py` frames what it says.

The course of an exchange::

    client-first     gs2-header n=,r=<client nonce>
    server-first     r=<both nonces>,s=<salt>,i=<iterations>
    client-final     c=<gs2-header and binding>,r=<both nonces>,p=<proof>
    server-final     v=<signature>   or   e=<error>

Both sides are proved only when `verify` has returned. Stricter than libpq where a server has no
honest reason (each marked "stricter").

Source: RFC 5802, RFC 7677; libpq's fe-auth-scram.c, whose texts these are.
"""

from __future__ import annotations

import binascii
from typing import NamedTuple, NoReturn

from ..errors import AuthenticationError, ConninfoError
from .password import prepare

__all__ = [
    "ITERATIONS",
    "LONGEST",
    "Challenge",
    "Exchange",
    "Keys",
    "Secret",
    "keys",
    "printable",
    "read_key",
    "salted_password",
    "verifier",
]

#: What a server stores by default (its scram_iterations).
ITERATIONS = 4096
#: No count past this can be honest: PostgreSQL's own is an int, as is PBKDF2's in OpenSSL.
LONGEST = 2**31 - 1
#: How much of a server's `e=` text is shown, in characters.
_SHOWN = 200
#: The longest nonce taken from a server, in bytes, ours included. Stricter.
_LONGEST_NONCE = 1024
_KEY_LENGTH = 32


class Secret:
    """An object that shows nothing of what it holds and cannot be pickled."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} ***>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} holds secrets and is not pickled")


class Keys(Secret):
    """What is derived from a salted password; each 32 bytes, each as good as the password."""

    __slots__ = ("client", "server", "stored")

    def __init__(self, client: bytes, server: bytes) -> None:
        from hashlib import sha256

        self.client = client
        self.server = server
        self.stored = sha256(client).digest()


class Challenge(NamedTuple):
    """What a server-first message asks: `salt`, bytes, not empty; `iterations`, at least 1."""

    salt: bytes
    iterations: int


def salted_password(prepared: bytes, salt: bytes, iterations: int) -> bytes:
    """Return SaltedPassword, 32 bytes: PBKDF2 with HMAC-SHA-256.

    Takes about 0.4 to 0.8 seconds for a million iterations where OpenSSL is there, some 2 where
    Python has to count itself.

    Args:
        prepared: the password after `password.prepare`.
        salt: at least 1 byte.
        iterations: 1 to `LONGEST`.
    """
    try:
        from hashlib import pbkdf2_hmac
    except ImportError:  # a build without OpenSSL
        return _counted(prepared, salt, iterations)
    return pbkdf2_hmac("sha256", prepared, salt, iterations)


def _counted(prepared: bytes, salt: bytes, iterations: int) -> bytes:
    """PBKDF2's first block by hand (RFC 8018, section 5.2).

    The two keyed SHA-256 states are made once and copied: three times as fast as `hmac.digest`.
    """
    from hashlib import sha256

    key = (sha256(prepared).digest() if len(prepared) > 64 else prepared).ljust(64, b"\0")
    inner = sha256(bytes(byte ^ 0x36 for byte in key))
    outer = sha256(bytes(byte ^ 0x5C for byte in key))
    step = salt + b"\0\0\0\1"
    total = 0
    for _ in range(iterations):
        within = inner.copy()
        within.update(step)
        around = outer.copy()
        around.update(within.digest())
        step = around.digest()
        total ^= int.from_bytes(step, "big")
    return total.to_bytes(_KEY_LENGTH, "big")


def keys(salted: bytes) -> Keys:
    """Return the keys that a salted password gives (RFC 5802, section 3)."""
    return Keys(_hmac(salted, b"Client Key"), _hmac(salted, b"Server Key"))


def verifier(password: bytes, salt: bytes, iterations: int = ITERATIONS) -> str:
    """Return what `pg_authid.rolpassword` holds for a password.

    The form is `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, base64 within: to be
    sent with ALTER ROLE, so that the password itself appears in no statement, log or view.

    Args:
        password: not yet prepared.
        salt: random bytes; PostgreSQL takes 16.
        iterations: the more, the slower for an attacker and for every login.

    Source: libpq's scram_build_secret, as PQencryptPasswordConn uses it.
    """
    derived = keys(salted_password(prepare(password), salt, iterations))
    stored = b"$".join((_base64(salt), _base64(derived.stored) + b":" + _base64(derived.server)))
    return f"SCRAM-SHA-256${iterations}:{stored.decode()}"


def read_key(value: bytes | str | None, side: str) -> bytes | None:
    """Return the 32 bytes of `scram_client_key` or `scram_server_key`; None for None.

    Args:
        value: the key, or as a str the setting: its base64.
        side: "client" or "server".

    Raises:
        ConninfoError: not base64, or not 32 bytes; the text names the length, never the key.

    Source: libpq 18's pqConnectOptions2.
    """
    if value is None:
        return None
    keyword = f"scram_{side}_key"
    data = _unbase64(value.encode("utf-8", "replace")) if isinstance(value, str) else value
    if data is None:
        raise ConninfoError(f"invalid SCRAM {side} key", keyword=keyword)
    if len(data) != _KEY_LENGTH:
        raise ConninfoError(f"invalid SCRAM {side} key length: {len(data)}", keyword=keyword)
    return data


class Exchange(Secret):
    """One SCRAM exchange, from the client's side.

    Call `first`, `challenge`, `final`, `verify`, each once and in this order.

    Args:
        nonce: our part, printable ASCII without comma (base64 of 18 random bytes).
        header: the gs2-header: b"n,,", b"y,," or b"p=tls-server-end-point,,".
        binding: the channel binding data that follows the header in `c=`; b"" without.
        user: the name in `n=`; PostgreSQL ignores it, so libpq leaves it empty.

    Source: RFC 5802 sections 5 and 7.
    """

    __slots__ = ("_bare", "_binding", "_header", "_message", "_nonce", "_server_first", "_theirs")

    def __init__(
        self, nonce: bytes, *, header: bytes = b"n,,", binding: bytes = b"", user: bytes = b""
    ) -> None:
        self._nonce = nonce
        self._header = header
        self._binding = binding
        self._bare = b"n=" + user + b",r=" + nonce
        self._server_first = b""
        self._theirs = b""
        self._message = b""

    @property
    def bound(self) -> bool:
        """The exchange binds itself to the TLS channel."""
        return self._header.startswith(b"p")

    def first(self) -> bytes:
        """Return the client-first message."""
        return self._header + self._bare

    def challenge(self, message: bytes) -> Challenge:
        """Read the server-first message.

        Raises:
            AuthenticationError: malformed, or the nonce is not ours continued.
        """
        parts = _split(message)
        nonce = _attribute(parts, b"r")
        if not nonce.startswith(self._nonce) or nonce == self._nonce:
            # Stricter: a nonce equal to ours means that the server added nothing of its own,
            # so that our half alone would guard against a replay.
            raise AuthenticationError("invalid SCRAM response (nonce mismatch)")
        if len(nonce) > _LONGEST_NONCE or not all(0x21 <= byte <= 0x7E for byte in nonce):
            raise AuthenticationError("malformed SCRAM message (invalid nonce)")  # stricter
        salt = _unbase64(_attribute(parts, b"s"))
        if not salt:  # stricter: an empty salt is base64 too
            raise AuthenticationError("malformed SCRAM message (invalid salt)")
        count = _attribute(parts, b"i")
        # Stricter: libpq's strtol takes blanks and a sign, and wraps. Ten digits hold them all.
        iterations = int(count) if count.isdigit() and len(count) <= 10 else 0
        if not 1 <= iterations <= LONGEST:
            raise AuthenticationError("malformed SCRAM message (invalid iteration count)")
        _check_extensions(parts, "server-first-message")
        self._theirs = nonce
        self._server_first = message
        return Challenge(salt, iterations)

    def final(self, client: bytes) -> bytes:
        """Return the client-final message.

        Args:
            client: ClientKey, 32 bytes.
        """
        from hashlib import sha256

        bare = b"c=" + _base64(self._header + self._binding) + b",r=" + self._theirs
        self._message = b",".join((self._bare, self._server_first, bare))
        signature = _hmac(sha256(client).digest(), self._message)
        proof = bytes(ours ^ mask for ours, mask in zip(client, signature))
        return bare + b",p=" + _base64(proof)

    def verify(self, message: bytes, server: bytes) -> None:
        """Read the server-final message and let the server prove that it knows the password.

        Args:
            message: the server-final message.
            server: ServerKey, 32 bytes; b"" where it is not known (nothing is right then).

        Raises:
            AuthenticationError: the server reports an error, the message is malformed, or the
                signature is wrong: an impostor.
        """
        from hmac import compare_digest

        parts = _split(message)
        if message.startswith(b"e"):
            raise AuthenticationError(
                "error received from server in SCRAM exchange: "
                + printable(_attribute(parts, b"e"))
            )
        signature = _unbase64(_attribute(parts, b"v"))
        if signature is None or len(signature) != _KEY_LENGTH:
            raise AuthenticationError("malformed SCRAM message (invalid server signature)")
        _check_extensions(parts, "server-final-message")
        right = compare_digest(_hmac(server, self._message), signature)
        if not right or not server:
            raise AuthenticationError("incorrect server signature")


def printable(text: bytes) -> str:
    """Return a server's unproved words for an error: one line, at most 200 characters."""
    shown = text.decode("utf-8", "replace")
    shown = "".join(letter if letter.isprintable() else "?" for letter in shown[: _SHOWN + 1])
    return shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "..."


def _split(message: bytes) -> list[bytes]:
    """Return a message's attributes, the last one first: to be taken off the end."""
    if not message:
        raise AuthenticationError("malformed SCRAM message (empty message)")
    if 0 in message:
        raise AuthenticationError("malformed SCRAM message (length mismatch)")
    return message.split(b",")[::-1]


def _attribute(parts: list[bytes], letter: bytes) -> bytes:
    """Take the next attribute off `parts` and return its value.

    Raises:
        AuthenticationError: another attribute, or none, stands there.

    Source: libpq's read_attr_value.
    """
    part = parts.pop() if parts else b""
    name = letter.decode()
    if part[:1] != letter:
        raise AuthenticationError(f'malformed SCRAM message (attribute "{name}" expected)')
    if part[1:2] != b"=":
        raise AuthenticationError(
            f'malformed SCRAM message (expected character "=" for attribute "{name}")'
        )
    return part[2:]


def _check_extensions(parts: list[bytes], where: str) -> None:
    """Ignore `letter=value` extensions; refuse a mandatory one (`m=`) and anything else.

    Stricter: libpq ignores whatever comes. Source: RFC 5802 section 7, attr-val.
    """
    for part in parts:
        if not part[:1].isalpha() or part[1:2] != b"=" or not part[2:]:
            raise AuthenticationError(f"malformed SCRAM message (garbage at end of {where})")
        if part.startswith(b"m"):
            raise AuthenticationError(
                "malformed SCRAM message (mandatory extension is not supported)"
            )


def _hmac(key: bytes, message: bytes) -> bytes:
    from hmac import digest

    return digest(key, message, "sha256")


def _base64(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False)


def _unbase64(text: bytes) -> bytes | None:
    """Return what strict base64 stands for (no blanks, whole groups), or None.

    `binascii` skips what it does not know, and its strict mode is not in every Python.
    """
    body = text.rstrip(b"=")
    if len(text) % 4 or len(text) - len(body) > 2:
        return None
    if not all(byte in _ALPHABET for byte in body):
        return None
    return binascii.a2b_base64(text)


_ALPHABET = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
