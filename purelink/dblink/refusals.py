"""dblink's refusals and notices: every error that is raised on our side, with its words.

Floor 2, pure: imports floor 0 only. A table by SQLSTATE; each entry, called, returns an exception
that is a `LinkError` *and* the class of its SQLSTATE (`errors.class_for_sqlstate`), with
`diagnostics` as a server would send them.

A name that a caller gives may by mistake be a whole connection string; in our texts its password
reads `***` (dblink prints it: a named difference).
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from ..errors import (
    ConnectError,
    DatabaseError,
    DataError,
    Diagnostics,
    Error,
    InternalError,
    LinkError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    class_for_sqlstate,
    server_error,
)

# --- classes ------------------------------------------------------------------------------


class LinkDatabaseError(LinkError, DatabaseError):
    """A refusal whose SQLSTATE has no branch of its own (0LP01)."""


class LinkOperationalError(LinkError, OperationalError):
    """A refusal of SQLSTATE class 08, 2F or HV."""


class LinkConnectError(LinkError, ConnectError):
    """08001: could not establish connection. DETAIL is libpq's story, `attempts` its chapters."""

    _again = True

    @property
    def message(self) -> str:
        """The primary message alone."""
        return super(ConnectError, self).message

    @property
    def safe_to_retry(self) -> bool:
        """As its cause says: a refused host may come back, a wrong password stays wrong."""
        return self._again


class LinkProgrammingError(LinkError, ProgrammingError):
    """A refusal of SQLSTATE class 21, 34 or 42."""


class LinkDataError(LinkError, DataError):
    """A refusal of SQLSTATE class 22."""


class LinkInternalError(LinkError, InternalError):
    """A refusal of SQLSTATE class 2B or XX."""


class LinkNotSupportedError(LinkError, NotSupportedError):
    """A refusal of SQLSTATE class 0A."""


_LINKED: dict[type[DatabaseError], type[DatabaseError]] = {
    DatabaseError: LinkDatabaseError,
    OperationalError: LinkOperationalError,
    ProgrammingError: LinkProgrammingError,
    DataError: LinkDataError,
    InternalError: LinkInternalError,
    NotSupportedError: LinkNotSupportedError,
}


class Notice(Diagnostics):
    """A notice of dblink's own: the fields of an error, severity NOTICE (WARNING at times)."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return (Notice, (self.fields,))


def fields_of(
    severity: str, sqlstate: str, message: str, detail: str | None, hint: str | None
) -> dict[str, str]:
    """Return the fields that a server would send; None: left out."""
    fields = {"S": severity, "V": severity, "C": sqlstate, "M": message}
    if detail is not None:
        fields["D"] = detail
    if hint is not None:
        fields["H"] = hint
    return fields


def notice(
    sqlstate: str, message: str, detail: str | None = None, *, severity: str = "NOTICE"
) -> Notice:
    """Return a notice of dblink's own."""
    return Notice(fields_of(severity, sqlstate, message, detail, None))


def link_error(diagnostics: Diagnostics) -> DatabaseError:
    """Return the `LinkError` of the class that the SQLSTATE decides."""
    plain = server_error(diagnostics)
    return _LINKED[class_for_sqlstate(diagnostics.sqlstate)](str(plain), diagnostics=diagnostics)


# --- names as they may be shown -------------------------------------------------------------

# These rather mask too much than too little: what fits them is no sensible name. Each takes linear
# time, for a name may come from a stranger.
_URI_USER = re.compile(r"://[^/@:]*:")
_URI_VALUE = re.compile(r"([?&][^=&?]*=)[^&]*")
# A blank in a password that should have been quoted: all up to the next `word=` goes.
_KEYWORD_SECRET = re.compile(
    r"((?:pass(?:word|wd)?|_key|_secret)\s*=\s*)(?:'(?:[^'\\]|\\.)*'?)?.*?(?=\s\w+\s*=|\Z)",
    re.DOTALL | re.IGNORECASE,
)


def shown(name: str) -> str:
    """Return `name` as texts may show it: secrets of a connection string as `***`."""
    if "://" in name:
        user, last = _URI_USER.search(name), name.rfind("@")
        if user is not None and user.end() <= last:
            name = f"{name[: user.end()]}***{name[last:]}"
        name = _URI_VALUE.sub(r"\1***", name)
    return _KEYWORD_SECRET.sub(r"\1***", name)


def clipped(text: str, limit: int) -> str:
    """Return `text` cut to at most `limit` bytes of UTF-8, never within a character.

    Source: pg_mbcliplen.
    """
    data = text.encode("utf-8", "surrogatepass")
    if len(data) <= limit:
        return text
    while data[limit] & 0xC0 == 0x80:
        limit -= 1
    return data[:limit].decode("utf-8", "surrogatepass")


# --- the refusals ---------------------------------------------------------------------------


class Refusal(NamedTuple):
    """One locally raised error; called with the words for its `%s` it returns the exception."""

    sqlstate: str
    message: str
    detail: str | None = None
    hint: str | None = None

    def __call__(
        self, *words: object, detail: str | None = None, hint: str | None = None
    ) -> DatabaseError:
        """Return, not raise, the error. Words that are names go through `shown`."""
        message = self.message % tuple(shown(str(word)) for word in words)
        fields = fields_of(
            "ERROR", self.sqlstate, message, detail or self.detail, hint or self.hint
        )
        return link_error(Diagnostics(fields))


# dblink.c, in the order of SQLSTATEs
no_such_connection = Refusal("08003", 'connection "%s" not available')
no_connection = Refusal("08003", "connection not available")
record_refused = Refusal(
    "0A000", "function returning record called in context that cannot accept type record"
)
set_refused = Refusal("0A000", "set-valued function called in context that cannot accept a set")
materialize_refused = Refusal(
    "0A000", "materialize mode required, but it is not allowed in this context"
)
source_row_missing = Refusal("21000", "source row not found")
source_row_ambiguous = Refusal("21000", "source criteria matched more than one record")
key_array_length = Refusal(
    "2202E", "%s key array length must match number of key attributes"
)  # "source" or "target"
key_count_refused = Refusal("22023", "number of key attributes must be > 0")
attribute_refused = Refusal("22023", "invalid attribute number %s")
rows_refused = Refusal("2F003", "statement returning results not allowed")
no_such_cursor = Refusal("34000", 'cursor "%s" does not exist')
connect_u_refused = Refusal("42501", "permission denied for function dblink_connect_u")
server_refused = Refusal("42501", "permission denied for foreign server %s")
pass_through_not_boolean = Refusal("42601", "use_scram_passthrough requires a Boolean value")
undefined_name = Refusal("42704", "undefined connection name")
duplicate_name = Refusal("42710", "duplicate connection name")
rowtype_mismatch = Refusal(
    "42804", "remote query result rowtype does not match the specified FROM clause rowtype"
)
status_mismatch = Refusal(
    "42804", "function return row and query-specified return row do not match"
)
out_of_memory = Refusal(
    "HV001", "out of memory", "Could not get libpq's default connection options."
)
invalid_option = Refusal("HV00J", 'invalid option "%s"')
send_failed = Refusal("XX000", "could not send query: %s")
single_row_refused = Refusal("XX000", "failed to set single-row mode for dblink query")
begin_failed = Refusal("XX000", "begin error: %s")
commit_failed = Refusal("XX000", "commit error: %s")
not_a_row_type = Refusal("XX000", "return type must be a row type")
argument_count = Refusal("XX000", "wrong number of arguments")
key_not_encoded = Refusal("XX000", "could not encode SCRAM %s key")  # "client" or "server"

# what the local server says of a relation (dblink_get_pkey, dblink_build_sql_*)
no_such_relation = Refusal("42P01", 'relation "%s" does not exist')
relation_denied = Refusal("42501", "permission denied for %s %s")
relation_refused = Refusal("42809", 'cannot open relation "%s"')
relation_refused_15 = Refusal("42809", '"%s" is %s')

# purelink's own: docs/differences.md
mapping_hidden = Refusal(
    "42501",
    'permission denied to read the options of user mapping "%s" for server "%s"',
    "pg_user_mappings shows them to a superuser, to their own user with USAGE, and those of"
    " PUBLIC to the server's owner.",
    "Make a user mapping for the role itself, or use a catalog of the program's own.",
)
file_refused = Refusal(
    "42501",
    'permission denied to name a local file: connection option "%s"',
    "A session that is not a superuser may not make this program read or write its files.",
    "Leave the option out, or allow it: Session(allow_files=True).",
)

# the server's own words around dblink: DDL of foreign servers, roles, options
role_loop = Refusal("0LP01", 'role "%s" is a member of role "%s"')
bad_text = Refusal("22021", 'invalid byte sequence for encoding "UTF8": %s')
option_name_refused = Refusal("22023", 'invalid option name "%s": must not contain "="')
has_dependents = Refusal(
    "2BP01",
    "cannot drop %s %s because other objects depend on it",
    hint="Use DROP ... CASCADE to drop the dependent objects too.",
)
syntax_error = Refusal("42601", 'syntax error at or near "%s"')
syntax_error_at_end = Refusal("42601", "syntax error at end of input")
unterminated = Refusal("42601", 'unterminated %s at or near "%s"')
empty_name = Refusal("42601", 'zero-length delimited identifier at or near """"')
no_such_server = Refusal("42704", 'server "%s" does not exist')
no_such_wrapper = Refusal("42704", 'foreign-data wrapper "%s" does not exist')
no_such_mapping = Refusal("42704", 'user mapping for "%s" does not exist for server "%s"')
no_such_option = Refusal("42704", 'option "%s" not found')
no_such_role = Refusal("42704", 'role "%s" does not exist')
server_exists = Refusal("42710", 'server "%s" already exists')
wrapper_exists = Refusal("42710", 'foreign-data wrapper "%s" already exists')
mapping_exists = Refusal("42710", 'user mapping for "%s" already exists for server "%s"')
option_twice = Refusal("42710", 'option "%s" provided more than once')
column_twice = Refusal("42701", 'column name "%s" specified more than once')
not_collatable = Refusal("42804", "collations are not supported by type %s")
no_such_function = Refusal("42883", "function %s does not exist")
reserved_role = Refusal("42939", 'role name "%s" is reserved')
column_pseudo = Refusal("42P16", 'column "%s" has pseudo-type %s')
column_setof = Refusal("42P16", 'column "%s" cannot be declared SETOF')


def not_available(name: str | None) -> DatabaseError:
    """Return 08003 for a name as the caller gave it, or None for the unnamed connection."""
    return no_connection() if name is None else no_such_connection(name)


def checked_text(text: str) -> str:
    """Return `text`; raise 22021 if it holds a NUL or a lone surrogate: no text of PostgreSQL's."""
    try:
        text.encode("utf-8")
        bad = "\0" if "\0" in text else ""
    except UnicodeEncodeError as error:
        bad = text[error.start]
    if bad:
        # raised outside the except: no foreign exception hangs on ours
        raise bad_text(" ".join(f"0x{byte:02x}" for byte in bad.encode("utf-8", "surrogatepass")))
    return text


def not_established(cause: Error | str) -> LinkConnectError:
    """Return 08001 `could not establish connection`; DETAIL is what libpq says of the cause.

    Args:
        cause: the failed connect (or the wrong connection string), already without secrets.

    Source: connection failures in dblink.c (`PQerrorMessage`, its newline chomped).
    """
    told = cause if isinstance(cause, str) else cause.message
    fields = fields_of("ERROR", "08001", "could not establish connection", told.rstrip("\n"), None)
    diagnostics = Diagnostics(fields)
    error = LinkConnectError(
        str(server_error(diagnostics)),
        attempts=cause.attempts if isinstance(cause, ConnectError) else (),
        diagnostics=diagnostics,
    )
    if isinstance(cause, Error):
        error._again = cause.safe_to_retry  # noqa: SLF001 - our own class
    return error
