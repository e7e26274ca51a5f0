"""Changing a password without showing it to the server: it gets the verifier alone.

Floor 3, pure. What is sent is what the server would have made of the password itself, by its
`password_encryption`; so the password stands in no log and in no `pg_stat_activity`.
Source: libpq's PQchangePassword, PQencryptPasswordConn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from ..errors import InterfaceError, NotSupportedError
from ..values.quoting import identifier, literal
from ..wire.scram import ITERATIONS, verifier
from ..wire.wants import Compute
from .transacting import undisturbed

if TYPE_CHECKING:
    from ..wire.wants import Dialogue
    from .talk import Talk

__all__ = ["change_password"]

SALT = 16
#: What a server may ask us to count: a minute of work, not a day.
ITERATIONS_AT_MOST = 10_000_000


def change_password(
    talk: Talk, user: str, password: str, entropy: Callable[[int], bytes]
) -> Dialogue[None]:
    """Set a role's password.

    Raises: as `Talk.query`; InterfaceError: it cannot be a password. NotSupportedError: the server
        hashes passwords in a way that we don't know.
    """
    if not user:
        raise InterfaceError("a user must be named")
    if not password or "\0" in password:
        raise InterfaceError("a password must not be empty, nor contain a NUL (0x00)")
    try:
        secret = password.encode()
    except UnicodeError:
        raise InterfaceError("the password is no sound text") from None
    session = talk.session
    told = yield from undisturbed(
        talk,
        "SELECT pg_catalog.current_setting('password_encryption'),"
        " pg_catalog.current_setting('scram_iterations', true)",
    )
    kind, counted = told[0]
    if kind == "scram-sha-256":
        iterations = int(counted or ITERATIONS)
        if not 1 <= iterations <= ITERATIONS_AT_MOST:
            raise NotSupportedError(f"the server asks for {iterations} iterations of SCRAM")
        made = yield Compute(verifier, secret, entropy(SALT), iterations)
    elif kind in ("md5", "on"):
        from hashlib import md5

        made = "md5" + md5(secret + user.encode()).hexdigest()  # noqa: S324 - the server's choice
    else:
        raise NotSupportedError(f"the server's password_encryption is {kind!r}, unknown here")
    name = identifier(user, encoding=session.encoding, errors=session.encoding_errors)
    # As a command: the text is kept in no cache of statements.
    yield from talk.command(f"ALTER USER {name} PASSWORD {literal(made)}")
