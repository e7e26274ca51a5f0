"""Every exception that can leave purelink: one class for a cause, one action for the caller.

Floor 0: imports the standard library and `_sqlstate` only. The tree is PEP 249's, with the
classes that a connection needs below it::

    Warning
    Error
    ├─ InterfaceError               the caller's mistake; nothing was sent
    │  ├─ ConninfoError             a connection string or setting (also a ValueError)
    │  └─ LocalProtocolError        cannot be said in this state
    └─ DatabaseError                .diagnostics (None: not from the server), .sqlstate
       ├─ OperationalError          the world's fault: try again, elsewhere or later
       │  ├─ ConnectError           no connection was made; .attempts tells the whole story
       │  │  └─ AuthenticationError missing password, refused method, bad server signature
       │  ├─ ConnectionLost         the connection is gone
       │  ├─ Timeout                the caller's time ran out (also a TimeoutError)
       │  ├─ StaleStatement         a prepared statement is no longer good: retry the transaction
       │  ├─ PipelineAborted        not run: an earlier statement of its pipeline failed
       │  ├─ PoolTimeout            no connection of a pool came free in time (also a Timeout)
       │  ├─ PoolClosed             the pool is not open (any more)
       │  ├─ TooManyRequests        too many wait for a connection of the pool already
       │  └─ RemoteProtocolError    the server broke the protocol; the connection is closed
       ├─ DataError                 SQLSTATE class 22
       ├─ IntegrityError            23
       ├─ InternalError             XX and the transaction-state classes
       ├─ ProgrammingError          syntax, names, rights
       │  └─ PolicyError            a ConnectPolicy does not allow this connection
       └─ NotSupportedError         0A
    LinkError                       mixin: a refusal of dblink's own, beside the class
                                    that its SQLSTATE decides

A server's error is raised as its SQLSTATE's own class, `UniqueViolation` say, below the branch that
its first two characters decide (`lookup`, `class_for_sqlstate`). There are 240 of them, named as in
the manual's appendix A and made when first asked for; an unknown SQLSTATE is raised as its branch.
`str(error)` is the server's message first, then DETAIL and HINT. No exception of ours holds a
password, key or token. All of them can be pickled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._conditions import *  # noqa: F403 - the classes that `__getattr__` makes

__all__ = [
    "AuthenticationError",
    "ConnectError",
    "ConnectionLost",
    "ConninfoError",
    "DataError",
    "DatabaseError",
    "Diagnostics",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "LinkError",
    "LocalProtocolError",
    "NotSupportedError",
    "OperationalError",
    "PipelineAborted",
    "PolicyError",
    "PoolClosed",
    "PoolTimeout",
    "ProgrammingError",
    "RemoteProtocolError",
    "StaleStatement",
    "Timeout",
    "TooManyRequests",
    "Warning",
    "class_for_sqlstate",
    "lookup",
    "server_error",
]


class Diagnostics:
    """The fields of an ErrorResponse or NoticeResponse.

    Args:
        fields: one-letter field codes of the manual (section "Error and Notice Message
            Fields") to their text. Unknown letters are kept.

    Every attribute is a `str`, or None where the server did not send the field;
    `statement_position` and `internal_position` are `int`, 1-based, in characters.
    """

    __slots__ = ("fields",)

    #: attribute name for each field letter
    NAMES: ClassVar[dict[str, str]] = {
        "S": "severity",
        "V": "severity_nonlocalized",
        "C": "sqlstate",
        "M": "message_primary",
        "D": "message_detail",
        "H": "message_hint",
        "P": "statement_position",
        "p": "internal_position",
        "q": "internal_query",
        "W": "context",
        "s": "schema_name",
        "t": "table_name",
        "c": "column_name",
        "d": "datatype_name",
        "n": "constraint_name",
        "F": "source_file",
        "L": "source_line",
        "R": "source_function",
    }

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields: dict[str, str] = dict(fields)

    @property
    def severity(self) -> str | None:
        """Severity in the server's language (`ERROR`, `FATAL`, `NOTICE` …)."""
        return self.fields.get("S")

    @property
    def severity_nonlocalized(self) -> str | None:
        """Severity, never translated (9.6 and later)."""
        return self.fields.get("V")

    @property
    def sqlstate(self) -> str | None:
        """Five characters, or None."""
        return self.fields.get("C")

    @property
    def message_primary(self) -> str | None:
        """The message itself, one line as a rule."""
        return self.fields.get("M")

    @property
    def message_detail(self) -> str | None:
        """DETAIL."""
        return self.fields.get("D")

    @property
    def message_hint(self) -> str | None:
        """HINT."""
        return self.fields.get("H")

    @property
    def statement_position(self) -> int | None:
        """Where in the statement, 1-based, in characters."""
        return _position(self.fields.get("P"))

    @property
    def internal_position(self) -> int | None:
        """Where in `internal_query`, 1-based, in characters."""
        return _position(self.fields.get("p"))

    @property
    def internal_query(self) -> str | None:
        """The text of a failed internally generated command."""
        return self.fields.get("q")

    @property
    def context(self) -> str | None:
        """CONTEXT: the call stack, innermost first."""
        return self.fields.get("W")

    @property
    def schema_name(self) -> str | None:
        """Schema the error is about."""
        return self.fields.get("s")

    @property
    def table_name(self) -> str | None:
        """Table the error is about."""
        return self.fields.get("t")

    @property
    def column_name(self) -> str | None:
        """Column the error is about."""
        return self.fields.get("c")

    @property
    def datatype_name(self) -> str | None:
        """Data type the error is about."""
        return self.fields.get("d")

    @property
    def constraint_name(self) -> str | None:
        """Constraint the error is about."""
        return self.fields.get("n")

    @property
    def source_file(self) -> str | None:
        """File of the server's source."""
        return self.fields.get("F")

    @property
    def source_line(self) -> str | None:
        """Line of that file."""
        return self.fields.get("L")

    @property
    def source_function(self) -> str | None:
        """Function of the server that reported it."""
        return self.fields.get("R")

    @property
    def condition_name(self) -> str | None:
        """The SQLSTATE's name in the manual's appendix A (`unique_violation` …), or None."""
        from ._sqlstate import CONDITIONS

        return CONDITIONS.get(self.fields.get("C", ""))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Diagnostics):
            return self.fields == other.fields
        return NotImplemented

    def __hash__(self) -> int:
        return hash(frozenset(self.fields.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        return (Diagnostics, (self.fields,))

    def __repr__(self) -> str:
        named = (
            f"{self.NAMES.get(letter, letter)}={text!r}" for letter, text in self.fields.items()
        )
        return f"Diagnostics({', '.join(named)})"


def _position(text: str | None) -> int | None:
    # The server may send anything: nine digits hold every real position, and a longer
    # run of digits would meet CPython's guard against quadratic int().
    if text is not None and len(text) <= 9 and text.isascii() and text.isdigit():
        return int(text)
    return None


class Warning(Exception):  # noqa: A001 - the name is PEP 249's
    """PEP 249: an important warning. purelink delivers notices through a callback instead."""


class Error(Exception):
    """The base of all errors of purelink.

    Attributes:
        diagnostics: the server's fields, or None when the error is not from a server.
        sqlstate: five characters, or None where neither the server nor libpq or dblink
            would give one.
    """

    diagnostics: Diagnostics | None = None
    sqlstate: str | None = None

    def __init__(
        self,
        message: str = "",
        *,
        sqlstate: str | None = None,
        diagnostics: Diagnostics | None = None,
    ) -> None:
        super().__init__(message)
        if diagnostics is not None:
            self.diagnostics = diagnostics
            self.sqlstate = diagnostics.sqlstate
        if sqlstate is not None:
            self.sqlstate = sqlstate

    @property
    def message(self) -> str:
        """The primary message alone, without DETAIL and HINT."""
        if self.diagnostics is not None and self.diagnostics.message_primary is not None:
            return self.diagnostics.message_primary
        return str(self.args[0]) if self.args else ""

    @property
    def diag(self) -> Diagnostics:
        """`diagnostics` by psycopg's name; empty where the error is not from a server."""
        return Diagnostics({}) if self.diagnostics is None else self.diagnostics

    @property
    def detail(self) -> str | None:
        """DETAIL, where there is one."""
        return self.diagnostics.message_detail if self.diagnostics is not None else None

    @property
    def hint(self) -> str | None:
        """HINT, where there is one."""
        return self.diagnostics.message_hint if self.diagnostics is not None else None

    @property
    def context(self) -> str | None:
        """CONTEXT, where there is one."""
        return self.diagnostics.context if self.diagnostics is not None else None

    @property
    def safe_to_retry(self) -> bool:
        """True where the same call can be made again: nothing of it took effect.

        That is so for a failed connect, and for the server's own "again, please":
        serialization failure (40001), deadlock (40P01), lock not available (55P03).
        """
        return self.sqlstate in {"40001", "40P01", "55P03"}

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.args, self.__dict__))


def _rebuild(
    kind: type[Error], args: tuple[object, ...], attributes: Mapping[str, object]
) -> Error:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(attributes)
    return error


class InterfaceError(Error):
    """The caller's mistake: nothing was sent, and the connection is as it was."""


class ConninfoError(InterfaceError, ValueError):
    """A connection string, keyword, service file or setting is wrong.

    Attributes:
        keyword: the setting it is about, or None.
        position: where in the string the offending item begins, 1-based, in characters;
            None where there is no such place (an environment variable, a file).
        safe_to_retry: False; the same string fails the same way.

    The text is libpq's, with secrets shown as `***`.
    """

    keyword: str | None = None
    position: int | None = None

    def __init__(
        self,
        message: str = "",
        *,
        keyword: str | None = None,
        position: int | None = None,
        sqlstate: str | None = None,
    ) -> None:
        super().__init__(message, sqlstate=sqlstate)
        self.keyword = keyword
        self.position = position


class LocalProtocolError(InterfaceError):
    """What was asked for cannot be said in the connection's present state."""


class DatabaseError(Error):
    """An error of the database, or of the way to it."""


class OperationalError(DatabaseError):
    """Something outside the program: the network, the server, resources, an operator."""


class ConnectError(OperationalError):
    """No connection could be made.

    Attributes:
        attempts: one `(target, error)` for each attempt, in order: the target as text, and
            what went wrong there. The message is what libpq would say: every attempt's line.
        password_needed: the last server asked for a password and none was given: ask the user
            for one. Source: PQconnectionNeedsPassword.
    """

    attempts: tuple[tuple[str, str], ...] = ()
    password_needed: bool = False

    def __init__(
        self,
        message: str = "",
        *,
        attempts: Sequence[tuple[str, str]] = (),
        sqlstate: str | None = None,
        diagnostics: Diagnostics | None = None,
    ) -> None:
        super().__init__(message, sqlstate=sqlstate, diagnostics=diagnostics)
        self.attempts = tuple(attempts)

    @property
    def message(self) -> str:
        """The whole story of all attempts, as libpq tells it."""
        return str(self.args[0]) if self.args else ""

    @property
    def safe_to_retry(self) -> bool:
        """True: nothing was asked of any server yet."""
        return True


class AuthenticationError(ConnectError):
    """Client and server did not agree who is who: no retry will help unless a setting changes.

    Attributes:
        discovery: the JSON document with which a server refused an OAuth token (`status`, `scope`,
            `openid-configuration`), or None.
    """

    discovery: dict[str, Any] | None = None

    @property
    def safe_to_retry(self) -> bool:
        """False: the same credentials meet the same answer."""
        return False


class ConnectionLost(OperationalError):
    """The connection is gone. What the statement under way did is not known.

    Attributes:
        outcome_unknown: True when a command had been sent whose end was never seen; if
            that command was a COMMIT, the transaction may or may not have been committed.
    """

    outcome_unknown: bool = False


class Timeout(OperationalError, TimeoutError):
    """The time the caller gave ran out. `connection.closed` tells whether it survived.

    Attributes:
        outcome: "cancelled": the server gave the statement up; "completed": it ran to its end
            all the same, the cancel came too late; "unknown": the connection was closed, and
            nobody can tell.
    """

    outcome: str = "unknown"


class StaleStatement(OperationalError):
    """A statement that we had prepared is no longer good, and a transaction was at stake.

    The schema changed below it, or it was deallocated, or a pooler switched the server. Roll back
    and run the transaction again: the statement is prepared anew. `sqlstate` and `diagnostics` are
    the server's own, its error the cause. Outside a transaction we do that ourselves.
    """

    @property
    def safe_to_retry(self) -> bool:
        """True: of the transaction, after ROLLBACK."""
        return True


class PipelineAborted(OperationalError):
    """A statement of a pipeline was not run, since an earlier one up to its Sync failed.

    That one's error is the cause. Source: libpq's PGRES_PIPELINE_ABORTED.
    """


class PoolTimeout(Timeout):
    """No connection of a pool came free in time; if it could not make one, that is the cause."""


class PoolClosed(OperationalError):
    """The pool is closed, or was not opened yet."""


class TooManyRequests(OperationalError):
    """As many as the pool allows (`max_waiting`) wait for a connection already: shed load."""


class RemoteProtocolError(OperationalError):
    """The server said what the protocol does not allow here. The connection is closed."""


class DataError(DatabaseError):
    """A value is wrong for its type (SQLSTATE class 22), or cannot be held in Python."""


class IntegrityError(DatabaseError):
    """A constraint was violated (SQLSTATE class 23)."""


class InternalError(DatabaseError):
    """The database's own trouble: cursors, transaction state, internal errors."""


class ProgrammingError(DatabaseError):
    """The statement is wrong: syntax, missing objects, missing rights."""


class PolicyError(ProgrammingError):
    """A `ConnectPolicy` does not allow this connection (SQLSTATE 42501).

    Attributes:
        rule: which of its rules: "keyword", "required", "file", "host", "port", "address",
            "socket", "tls", "authentication", "credentials", "hosts" or "connections" (too many).

    No retry helps; the connection string, or the policy, must change. What it says may be shown to
    whoever gave the string: neither a secret nor the address behind a name is in it.
    """

    rule: str = ""


class NotSupportedError(DatabaseError):
    """Not supported (SQLSTATE class 0A)."""


class LinkError(Exception):
    """Mixin: a refusal made by dblink itself, on our side (`purelink.Session`).

    The exception is also of the class that its SQLSTATE decides, so that both
    `except LinkError` and `except OperationalError` find it.
    """


# The branch of the tree for each SQLSTATE class, as psycopg and the manual's appendix A
# group them. A five-character key wins over its two-character class.
_BRANCH: dict[str, type[DatabaseError]] = {
    "02": DatabaseError,
    "08": OperationalError,
    "0A": NotSupportedError,
    "10": ProgrammingError,
    "20": ProgrammingError,
    "21": ProgrammingError,
    "22": DataError,
    "23": IntegrityError,
    "24": InternalError,
    "25": InternalError,
    "26": ProgrammingError,
    "27": OperationalError,
    "28": OperationalError,
    "2B": InternalError,
    "2D": InternalError,
    "2F": OperationalError,
    "34": ProgrammingError,
    "38": OperationalError,
    "39": OperationalError,
    "3B": OperationalError,
    "3D": ProgrammingError,
    "3F": ProgrammingError,
    "40": OperationalError,
    "42": ProgrammingError,
    "44": ProgrammingError,
    "53": OperationalError,
    "54": OperationalError,
    "55": OperationalError,
    "57": OperationalError,
    "58": OperationalError,
    "72": OperationalError,
    "F0": OperationalError,
    "HV": OperationalError,
    "P0": ProgrammingError,
    "XX": InternalError,
}


def class_for_sqlstate(sqlstate: str | None) -> type[DatabaseError]:
    """Return the class of PEP 249's tree that a SQLSTATE belongs to.

    Args:
        sqlstate: five characters, or None (then `DatabaseError`).
    """
    if not sqlstate:
        return DatabaseError
    return _BRANCH.get(sqlstate[:2], DatabaseError)


#: names of classes -> SQLSTATE, once somebody asked; the classes made so far, by SQLSTATE
_named: dict[str, str] = {}
_made: dict[str, type[DatabaseError]] = {}


def _names() -> dict[str, str]:
    """Return the name of each SQLSTATE's class: the condition's, in capitals, as psycopg has it.

    Conditions of success and warnings have none. A name that is there twice, for SQL's own routines
    (class 2F) and foreign ones (38, 39), gets `Ext` in the latter; `InternalError_` is XX000.
    """
    if not _named:
        from ._sqlstate import CONDITIONS

        names = {}
        for sqlstate, condition in CONDITIONS.items():
            if sqlstate[:2] in ("00", "01"):
                continue
            name = "".join([word.capitalize() for word in condition.split("_")])
            if name in names:
                name += "Ext"
            names[f"{name}_" if name in __all__ else name] = sqlstate
        _named.update(names)
    return _named


def _make(name: str, sqlstate: str) -> type[DatabaseError]:
    """Return the class of a SQLSTATE, made when it is first asked for: there are 240 of them."""
    made = _made.get(sqlstate)
    if made is None:
        from ._sqlstate import CONDITIONS

        about = f"SQLSTATE {sqlstate}: {CONDITIONS[sqlstate]}."
        told = {"__module__": __name__, "__doc__": about, "sqlstate": sqlstate}
        # Two threads may come at once; there must be one class.
        made = _made.setdefault(sqlstate, type(name, (class_for_sqlstate(sqlstate),), told))
        globals()[name] = made
    return made


def lookup(sqlstate: str) -> type[DatabaseError]:
    """Return a SQLSTATE's own class: `lookup("23505") is UniqueViolation`.

    Raises:
        KeyError: PostgreSQL 18 has no such SQLSTATE, or it is none of an error.
    """
    made = _made.get(sqlstate)
    if made is not None:
        return made
    for name, known in _names().items():
        if known == sqlstate:
            return _make(name, sqlstate)
    raise KeyError(sqlstate)


if not TYPE_CHECKING:  # a type checker would take every name for one that is there

    def __getattr__(name: str) -> type[DatabaseError]:
        # Names that begin otherwise are asked for by Python and its tools all the time.
        sqlstate = _names().get(name) if name[:1].isupper() else None
        if sqlstate is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return _make(name, sqlstate)


def __dir__() -> list[str]:
    return sorted({*globals(), *_names()})


def server_error(diagnostics: Diagnostics) -> DatabaseError:
    """Return, not raise, the exception for an ErrorResponse.

    Its text is the primary message, then `DETAIL:  …` and `HINT:  …` on lines of their own
    (two blanks, as libpq prints them).
    """
    text = diagnostics.message_primary or "no error message available"
    if diagnostics.message_detail:
        text += f"\nDETAIL:  {diagnostics.message_detail}"
    if diagnostics.message_hint:
        text += f"\nHINT:  {diagnostics.message_hint}"
    try:
        kind = lookup(diagnostics.sqlstate or "")
    except KeyError:
        kind = class_for_sqlstate(diagnostics.sqlstate)
    return kind(text, diagnostics=diagnostics)
