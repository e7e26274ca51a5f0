"""Transactions: how they begin, commit and rollback, blocks with savepoints, two phases.

Floor 3, pure. A connection out of autocommit begins a transaction with its first statement, in the
same write. A block (`Transacting`) begins one of its own where none is open, else a savepoint, so
that blocks nest. While a block is open, or a two-phase transaction, plain commit and rollback are
refused.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

from ..errors import Error, InterfaceError, OperationalError, ProgrammingError
from ..values.quoting import identifier, literal
from ..xid import Xid
from .outcomes import shaped

if TYPE_CHECKING:
    from ..wire.wants import Dialogue
    from .talk import Talk

__all__ = ["IsolationLevel", "Rollback", "Transacting", "TwoPhase", "begin_text", "level_of"]


class IsolationLevel(IntEnum):
    """How far a transaction is kept apart from others; the numbers are psycopg's."""

    READ_UNCOMMITTED = 1
    READ_COMMITTED = 2
    REPEATABLE_READ = 3
    SERIALIZABLE = 4


def level_of(value: Any) -> IsolationLevel | None:
    """Return an isolation level given as such, as its number, or in SQL's words; None for None.

    Raises:
        InterfaceError: it is none.
    """
    if value is None:
        return None
    try:
        if isinstance(value, str):
            return IsolationLevel["_".join(value.upper().split())]
        return IsolationLevel(value)
    except (KeyError, ValueError):
        known = ", ".join(level.name for level in IsolationLevel)
        raise InterfaceError(f"isolation_level must be one of {known}, or None") from None


def begin_text(
    level: IsolationLevel | None, read_only: bool | None, deferrable: bool | None
) -> bytes:
    """Return the BEGIN of a transaction of these characteristics; None: the server's default."""
    text = "BEGIN"
    if level is not None:
        text += f" ISOLATION LEVEL {level.name.replace('_', ' ')}"
    if read_only is not None:
        text += " READ ONLY" if read_only else " READ WRITE"
    if deferrable is not None:
        text += " DEFERRABLE" if deferrable else " NOT DEFERRABLE"
    return text.encode()


def commit(talk: Talk) -> Dialogue[None]:
    """As `Talk.commit`."""
    if talk.session.closed:
        raise talk.session.gone()
    _check_plain(talk, "commit")
    if talk.pipelining is not None:
        yield from talk.pipelining.sync()
    if talk.session.transaction_status != "I":
        yield from _commit(talk)


def rollback(talk: Talk) -> Dialogue[None]:
    """As `Talk.rollback`."""
    if talk.session.closed:
        raise talk.session.gone()
    _check_plain(talk, "rollback")
    if talk.pipelining is not None:
        # What is queued would be undone with the rest.
        talk.pipelining.drop()
    if talk.session.transaction_status != "I":
        yield from talk.command("ROLLBACK")


def _check_plain(talk: Talk, what: str) -> None:
    if talk.blocks:
        raise ProgrammingError(
            f"{what}() is not for a transaction() block: leave the block"
            + ("" if what == "commit" else ", or raise purelink.Rollback in it")
        )
    if talk.two_phase is not None:
        raise ProgrammingError(f"{what}() is not for a two-phase transaction: use tpc_{what}()")


def _commit(talk: Talk) -> Dialogue[None]:
    failed = talk.session.transaction_status == "E"
    yield from talk.command("COMMIT")
    if failed:
        raise OperationalError(
            "the transaction had failed before, so COMMIT rolled it back", sqlstate="25P02"
        )


class Rollback(Exception):
    """Raised in a `transaction()` block, rolls it back and is swallowed where the block ends.

    Args:
        transaction: the block that is rolled back, and all those inside it; None: the innermost.
    """

    def __init__(self, transaction: Any = None) -> None:
        super().__init__()
        self.transaction = transaction


class Transacting:
    """One block: a transaction, or a savepoint in one.

    Attributes:
        savepoint_name: of its savepoint; None: it is a transaction without one.
    """

    def __init__(self, talk: Talk, savepoint_name: str | None, *, force_rollback: bool) -> None:
        self._talk = talk
        self._forced = force_rollback
        self._outer = False
        self._entered = False
        self.savepoint_name = savepoint_name

    def enter(self) -> Dialogue[None]:
        """Begin. Raises: as `Talk.query`; ProgrammingError: it was entered before."""
        talk = self._talk
        if self._entered:
            raise ProgrammingError("a transaction() block can be entered once")
        if talk.two_phase is not None:
            raise ProgrammingError(
                "a transaction() block cannot be part of a two-phase transaction"
            )
        if talk.session.closed:
            raise talk.session.gone()
        if talk.pipelining is not None:
            yield from talk.pipelining.sync()
        self._outer = talk.session.transaction_status == "I"
        texts = [talk.begin.decode()] if self._outer else []
        if not self._outer and self.savepoint_name is None:
            self.savepoint_name = f"_purelink_{len(talk.blocks) + 1}"
        if self.savepoint_name is not None:
            texts.append(f"SAVEPOINT {self._name()}")
        yield from talk.command("; ".join(texts))
        self._entered = True
        talk.blocks.append(self)

    def leave(self, error: BaseException | None, block: Any = None) -> Dialogue[bool]:
        """End: commit, or roll back on an exception; return whether that is swallowed.

        Args:
            block: what a `Rollback` may name: the face's side of it.

        Raises:
            As `Talk.query`. ProgrammingError: another block was entered later and is still open.
            OperationalError: the transaction had failed, and the block was left as if it had not.
        """
        talk = self._talk
        if not talk.blocks or talk.blocks[-1] is not self:
            raise ProgrammingError(
                "transaction() blocks must be left in the order of their nesting"
            )
        talk.blocks.pop()
        swallowed = isinstance(error, Rollback) and error.transaction in (None, block)
        if talk.session.closed:
            if error is None:
                raise talk.session.gone()
            return swallowed
        if error is None and not self._forced:
            if talk.pipelining is not None:
                yield from talk.pipelining.sync()
            if self._outer:
                yield from _commit(talk)
            else:
                yield from talk.command(f"RELEASE {self._name()}")
            return False
        if talk.pipelining is not None:
            talk.pipelining.drop()
        try:
            yield from talk.command(
                "ROLLBACK" if self._outer else f"ROLLBACK TO {self._name()}; RELEASE {self._name()}"
            )
        except Error:
            if error is None:
                raise
            # The first error is the one to be told.
        return swallowed

    def _name(self) -> str:
        session = self._talk.session
        return identifier(
            self.savepoint_name or "",
            encoding=session.encoding,
            errors=session.encoding_errors,
        )


class TwoPhase:
    """A two-phase transaction of this connection. Once prepared, nothing else may be said."""

    refusal = "a two-phase transaction is prepared: tpc_commit() or tpc_rollback() must come first"

    def __init__(self, xid: Xid) -> None:
        self.xid = xid
        self.prepared = False


def tpc_begin(talk: Talk, xid: Xid | str) -> Dialogue[None]:
    """Begin a two-phase transaction.

    Raises: as `Talk.query`; ProgrammingError: a transaction is open, or it is autocommit.
    """
    if talk.session.closed:
        raise talk.session.gone()
    if talk.autocommit:
        raise ProgrammingError("a two-phase transaction cannot be begun in autocommit")
    if talk.two_phase is not None or talk.session.transaction_status != "I":
        raise ProgrammingError(
            "a two-phase transaction cannot be begun inside a transaction: end that first"
        )
    xid = Xid.of(xid)
    yield from talk.command(talk.begin.decode())
    talk.two_phase = TwoPhase(xid)


def tpc_prepare(talk: Talk) -> Dialogue[None]:
    """Do the first phase. Raises: as `Talk.query`; ProgrammingError: nothing to prepare."""
    if talk.session.closed:
        raise talk.session.gone()
    phase = talk.two_phase
    if phase is None or phase.prepared:
        raise ProgrammingError("tpc_prepare() needs a tpc_begin() before it")
    if talk.session.transaction_status == "E":
        raise OperationalError(
            "the transaction has failed: it cannot be prepared, only rolled back", sqlstate="25P02"
        )
    try:
        yield from talk.command(f"PREPARE TRANSACTION {_gid(talk, phase.xid)}")
    except Error:
        if talk.session.transaction_status == "I":
            talk.two_phase = None  # the server has rolled it back
        raise
    phase.prepared = True
    talk.holder = phase


def tpc_end(talk: Talk, verb: str, xid: Xid | str | None) -> Dialogue[None]:
    """Do the second phase, or give up: `verb` COMMIT or ROLLBACK.

    Args:
        xid: None: this connection's own transaction; prepared or not; else one that `tpc_recover`
            told of.

    Raises: as `Talk.query`; ProgrammingError: there is no such thing, or a transaction is open.
    """
    if talk.session.closed:
        raise talk.session.gone()
    phase = talk.two_phase
    name = f"tpc_{verb.lower()}"
    if xid is None:
        if phase is None:
            raise ProgrammingError(f"{name}() needs a tpc_begin() before it, or an xid")
        if phase.prepared:
            yield from talk.command(f"{verb} PREPARED {_gid(talk, phase.xid)}")
        elif verb == "COMMIT":
            yield from _commit(talk)
        elif talk.session.transaction_status != "I":
            yield from talk.command("ROLLBACK")
        talk.two_phase = None
        if talk.holder is phase:
            talk.holder = None
        return
    if phase is not None or talk.session.transaction_status != "I":
        raise ProgrammingError(f"{name}(xid) must be called outside a transaction")
    yield from talk.command(f"{verb} PREPARED {_gid(talk, Xid.of(xid))}")


def tpc_recover(talk: Talk) -> Dialogue[list[Xid]]:
    """Return the server's transactions that are prepared. Raises: as `Talk.query`."""
    result = yield from undisturbed(
        talk, "SELECT gid, prepared, owner, database FROM pg_catalog.pg_prepared_xacts"
    )
    rows = shaped(result.rows, str, object, (str, type(None)), (str, type(None)))
    return [Xid.recovered(*row) for row in rows]


def undisturbed(talk: Talk, sql: str, parameters: tuple[object, ...] = ()) -> Dialogue[Any]:
    """Run a query of our own that begins no transaction. Raises: as `Talk.query`."""
    autocommit, talk.autocommit = talk.autocommit, True
    try:
        return (yield from talk.query(sql, parameters))
    finally:
        talk.autocommit = autocommit


def _gid(talk: Talk, xid: Xid) -> str:
    session = talk.session
    return literal(str(xid), encoding=session.encoding, errors=session.encoding_errors)
