"""dblink's rules: what is told of a remote error, and who may connect with what.

Floor 2, pure: imports `refusals`. Facts come in as arguments; an error (returned, not raised) or
None comes out. Nothing here knows a socket, a parser or a clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import Diagnostics, InterfaceError, server_error
from .refusals import (
    Notice,
    Refusal,
    clipped,
    fields_of,
    link_error,
    notice,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..errors import DatabaseError

#: the versions whose texts and option tables we know; None stands for "18, but the two password
#: refusals in the words of 15" (they are the seed's, and true of us: we delegate no GSSAPI)
VERSIONS = (15, 16, 17, 18)

_PASSWORD_OLD = "password is required"  # noqa: S105 - a message
_PASSWORD_NEW = "password or GSSAPI delegated credentials required"  # noqa: S105 - a message
_BEFORE = Refusal(
    "2F003",
    _PASSWORD_OLD,
    "Non-superusers must provide a password in the connection string.",
)
_BEFORE_16 = Refusal(
    "2F003",
    _PASSWORD_NEW,
    "Non-superusers must provide a password in the connection string"
    " or send delegated GSSAPI credentials.",
)
_AFTER = Refusal(
    "2F003",
    _PASSWORD_OLD,
    "Non-superuser cannot connect if the server does not request a password.",
    "Target server's authentication method must be changed.",
)
_AFTER_16 = Refusal(
    "2F003",
    _PASSWORD_NEW,
    "Non-superusers may only connect using credentials they provide,"
    " eg: password in connection string or delegated GSSAPI credentials",
    "Ensure provided credentials match target server's authentication method.",
)
_MAPPING = Refusal("42704", 'user mapping not found for user "%s", server "%s"')
_MAPPING_16 = Refusal("42704", 'user mapping not found for "%s"')


def checked_version(version: int | None) -> int | None:
    """Return `version`: 15, 16, 17, 18, or None. Anything else: `InterfaceError`."""
    if version is not None and version not in VERSIONS:
        raise InterfaceError(f"dblink_version must be 15, 16, 17 or 18, not {version!r}")
    return version


def mapping_missing(user: str, server: str, version: int | None = None) -> DatabaseError:
    """Return 42704 for a user without mapping. Source: GetUserMapping."""
    if version in (15, 16):
        return _MAPPING_16(user)
    return _MAPPING(user, server)


# --- what the remote server said ------------------------------------------------------------

EXECUTING_QUERY = "while executing query"  # dblink, dblink_get_result
EXECUTING_COMMAND = "while executing command"  # dblink_exec


def opening(cursor: str) -> str:
    """The action of dblink_open, for `relay`."""
    return f'while opening cursor "{cursor}"'


def fetching(cursor: str) -> str:
    """The action of dblink_fetch, for `relay`."""
    return f'while fetching from cursor "{cursor}"'


def closing(cursor: str) -> str:
    """The action of dblink_close, for `relay`."""
    return f'while closing cursor "{cursor}"'


def _relayed(
    severity: str,
    remote: Diagnostics | None,
    action: str,
    connname: str | None,
    error_message: str,
) -> dict[str, str]:
    said = remote.fields if remote is not None else {}
    fields = fields_of(
        severity,
        said.get("C") or "08006",
        said.get("M")
        or error_message.rstrip("\n")
        or "could not obtain message string for remote error",
        said.get("D"),
        said.get("H"),
    )
    # dblink.c formats the action into 512 bytes; the name comes after that.
    link = "unnamed dblink connection"
    if connname is not None:
        link = f'dblink connection named "{shown(connname)}"'
    own = f"{clipped(action, 511)} on {link}"
    fields["W"] = f"{said['W']}\n{own}" if said.get("W") is not None else own
    return fields


def relay(
    remote: Diagnostics | None,
    action: str,
    connname: str | None,
    *,
    error_message: str = "",
) -> DatabaseError:
    """Return what dblink raises for a remote error.

    Args:
        remote: the result's fields; None where there is no error result (an empty query, a
            broken or busy link, COPY, an unexpected kind of result).
        action: `EXECUTING_QUERY`, `EXECUTING_COMMAND`, `opening(cursor)` …
        connname: as the caller gave it; None for the unnamed and for temporary connections.
        error_message: the link's last error, used where the result tells nothing.

    Taken over: SQLSTATE, message, DETAIL, HINT, CONTEXT (then ours, on a new line). Not the
    position, not the object names, not the severity word. Without SQLSTATE it is 08006, and a
    `LinkError`, since no server said it.

    Source: dblink_res_error.
    """
    diagnostics = Diagnostics(_relayed("ERROR", remote, action, connname, error_message))
    if remote is not None and remote.sqlstate:
        return server_error(diagnostics)
    return link_error(diagnostics)


def soften(
    remote: Diagnostics | None,
    action: str,
    connname: str | None,
    *,
    error_message: str = "",
) -> Notice:
    """Return the notice that stands for `relay`'s error where the caller said fail=False."""
    return Notice(_relayed("NOTICE", remote, action, connname, error_message))


def could_not_send(reason: str) -> Notice:
    """The notice of a refused dblink_send_query (which then returns 0)."""
    return notice("00000", f"could not send query: {reason}")


# --- who may connect with what --------------------------------------------------------------


def pass_through_intact(
    settings: Mapping[str, str], session_has_keys: bool, version: int | None = None
) -> bool:
    """Tell whether SCRAM pass-through stands in the final string as it was composed.

    Args:
        settings: the final string parsed, nothing from the environment laid under it.
        session_has_keys: the session was itself authenticated by SCRAM, or was given keys.
        version: below 18 there is no pass-through.

    Source: dblink_connstr_has_required_scram_options (18).
    """
    return (
        version in (None, 18)
        and session_has_keys
        and bool(settings.get("scram_client_key"))
        and bool(settings.get("scram_server_key"))
        and settings.get("require_auth") == "scram-sha-256"
    )


def check_before(
    *,
    superuser: bool,
    password_in_string: bool,
    pass_through: bool = False,
    version: int | None = None,
) -> DatabaseError | None:
    """Check A, before connecting: a non-superuser's string must bring its own password.

    Args:
        superuser: the effective user is one (always so in dblink_connect_u).
        password_in_string: the final string parses and has a non-empty `password`; what comes
            from the environment, a passfile or a service file does not count.
        pass_through: `pass_through_intact`.
        version: whose words; None is 15's (the seed's).

    Source: dblink_connstr_check.
    """
    if superuser or password_in_string or pass_through:
        return None
    return _BEFORE() if version in (None, 15) else _BEFORE_16()


def check_after(
    *,
    superuser: bool,
    password_in_string: bool,
    password_used: bool,
    pass_through: bool = False,
    version: int | None = None,
) -> DatabaseError | None:
    """Check B, after connecting: the server must really have asked for that password.

    The arguments are those of `check_before`, and `password_used`: the server sent a cleartext,
    MD5 or SASL request and got the password; that one was at hand is not enough.

    An error means: close the new connection first, leave every other as it is.

    Source: dblink_security_check.
    """
    # 15 does not look at the string again; there check A has seen to it.
    own = password_in_string or version == 15
    if superuser or (password_used and own) or pass_through:
        return None
    return _AFTER() if version in (None, 15) else _AFTER_16()
