"""What a server says to conversations that look into its rows themselves.

Catalog questions (a type that is fetched; dblink's own: the role, a relation, its key and columns,
a foreign server), large objects, server-side cursors, two-phase transactions, a pipeline of
prepared statements, a function call.

Input: which conversation, a seed for cutting, then the bytes that the server sends.
Invariant: as of `backend_stream`; what is made of a server's rows is made of values of the types
that were asked for, or an error says that they are none.
Allowed exceptions: `purelink.errors.Error`, and IndexError from moving a cursor.

    python -m fuzz.catalog_rows --runs 100000
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Callable

from fuzz import runner
from fuzz.backend_stream import check
from fuzz.messages import BOUND, CLOSED, NO_DATA, PARAMETERS_TEXT, PARSED, conversation_bytes
from purelink.conversation.catalog import fetch_type
from purelink.conversation.declared import Declaring
from purelink.conversation.large_objects import LargeObjecting
from purelink.conversation.outcomes import first_error
from purelink.conversation.pipelining import Pipelining
from purelink.conversation.transacting import tpc_recover
from purelink.dblink.local import Local, Role
from purelink.dblink.lookups import LocalCatalog
from purelink.rows import tuple_row
from purelink.testing.bytes import READY, READY_IN_TRANSACTION, complete, row, rows
from purelink.wire import backend, dialogues
from purelink.wire.wants import Call, Dialogue

if TYPE_CHECKING:
    from random import Random

    from purelink.conversation.talk import Talk

__all__ = ["CONVERSATIONS", "example", "one"]

SQL = "SELECT a FROM t WHERE b = $1"


class _Link:
    """A face's connection, as `Local` has it: its conversations run in the one that asks."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk

    def run(self, *_args: object) -> None:
        """Never called: see `_here`."""


def _here(dialogue: Dialogue[Any]) -> Dialogue[Any]:
    """Run what a `Call` of `_Link.run` would have run, in this dialogue."""
    given: Any = None
    error: Any = None
    while True:
        try:
            want = dialogue.send(given) if error is None else dialogue.throw(error)
        except StopIteration as stop:
            return stop.value
        assert isinstance(want, Call)
        given = error = None
        try:
            given = yield from want.args[0]
        except Exception as caught:
            error = caught


def _fetch(talk: Talk) -> Dialogue[Any]:
    info = yield from fetch_type(talk, "mood")
    assert isinstance(info.oid, int)
    assert all(isinstance(each, str) for each in (info.name, info.schema, info.sort, *info.labels))
    for oid in (info.oid, info.array_oid):
        # What was fetched can be asked for, whatever was said of it.
        talk.registry.text_decoder(oid, talk.styles())
        talk.registry.own_binary(oid, "utf-8", "strict", talk.styles())
    return info


def _local(talk: Talk) -> Local:
    return Local(_Link(talk))  # type: ignore[arg-type]  # all that it takes of a link


def _role(talk: Talk) -> Dialogue[Any]:
    return _here(_local(talk).role())


def _type_of(talk: Talk) -> Dialogue[Any]:
    return _here(_local(talk).type_of("mood"))


def _pkey(talk: Talk) -> Dialogue[Any]:
    return _here(_local(talk).get_pkey("t"))


def _build_insert(talk: Talk) -> Dialogue[Any]:
    local = _local(talk)
    return _here(local.build_insert("t", "1", 1, ["7"], ["8"]))


def _foreign_server(talk: Talk) -> Dialogue[Any]:
    catalog = LocalCatalog(_local(talk))
    return _here(catalog.conninfo("s", Role("me", superuser=False), None))


def _connect_u(talk: Talk) -> Dialogue[Any]:
    catalog = LocalCatalog(_local(talk))
    return _here(catalog.connect_u("dblink_connect_u(text)", Role("me", superuser=False)))


def _large_object(talk: Talk) -> Dialogue[Any]:
    large = LargeObjecting(talk, 77, "a+")
    yield from large.opening()
    assert isinstance(large.place, int)
    large.place = 0
    data = yield from large.reading(10)
    assert type(data) is bytes
    end = yield from large.seeking(-1, 2)
    assert isinstance(end, int)
    return data, end, (yield from large.writing(b"abc"))


def _new_large_object(talk: Talk) -> Dialogue[Any]:
    large = LargeObjecting(talk, None, "w")
    yield from large.opening()
    assert isinstance(large.oid, int)
    return large.oid


def _cursor(talk: Talk) -> Dialogue[Any]:
    cursor: Declaring[Any] = Declaring(talk, tuple_row, "c", scrollable=True, withhold=False)
    yield from cursor.executing("SELECT a FROM t", None)
    got: list[Any] = []
    for step in range(3):
        want = cursor.awaited(2)
        if want is not None:
            yield from want
        got += cursor._many(2)
        if step == 1:
            try:
                yield from cursor.moving(-1, "relative")
            except IndexError:
                got.append("IndexError")
    place = cursor.rownumber
    yield from cursor.closing()
    return got, place


def _two_phase(talk: Talk) -> Dialogue[Any]:
    return (yield from tpc_recover(talk))


def _run(talk: Talk) -> Dialogue[Any]:
    for _ in range(2):
        yield from talk.query(SQL, ["x"])
    results = []
    for _ in range(2):
        pipeline = Pipelining(talk)
        handles = [pipeline.query(SQL, [str(n)]) for n in range(4)]
        yield from pipeline.sync()
        results += [(handle.result().rows, handle.result().command_tag) for handle in handles]
    return results


def _function(talk: Talk) -> Dialogue[Any]:
    yield from talk.finish(dialogues.function_call(talk.session, 870, (b"x", None)))
    answers = talk.taken()
    error = first_error(answers)
    if error is not None:
        raise error
    return [each.value for each in answers]


CONVERSATIONS: tuple[Callable[[Talk], Dialogue[Any]], ...] = (
    _fetch,
    _role,
    _type_of,
    _pkey,
    _build_insert,
    _foreign_server,
    _connect_u,
    _large_object,
    _new_large_object,
    _cursor,
    _two_phase,
    _run,
    _function,
)


def one(data: bytes) -> None:
    """Try one stream."""
    if len(data) >= 3:
        check(CONVERSATIONS[data[0] % len(CONVERSATIONS)], data[1], data[2:], b"Z")


# -- examples --------------------------------------------------------------------------------


def _column(oid: int, form: int = 0) -> backend.Column:
    return backend.Column("c", oid, format=form)


def _extended(columns: list[int], *values: tuple[bytes | None, ...]) -> list[bytes]:
    described = rows(*[_column(oid) for oid in columns])
    said = [row(*each) for each in values]
    return [PARSED, BOUND, described, *said, complete(f"SELECT {len(values)}"), READY]


_TYPE = [16, 20, 25, 25, 20, 25, 25, 20, 1009, 1016, 1009, 25, 20]
_ENUM = (b"t", b"16400", b"mood", b"public", b"16399", b"e", b",", None, b"{}", b"{}")
_ENUM_ROW = (*_ENUM, b"{sad,ok}", b"enum_in", b"0")
_COMPOSITE_ROW = (
    *(b"t", b"16400", b"addr", b"public", b"16399", b"c", b",", None, b"{street,number}"),
    *(b"{25,16500}", b"{}", b"record_in", b"0"),
)
_ITSELF_ROW = (
    *(b"f", b"16500", b"me", b"public", b"16399", b"d", b",", b"16500", b"{}", b"{}", b"{}"),
    *(b"domain_in", b"0"),
)


def _fetched(random: Random) -> list[bytes]:
    given = random.choice(
        ([_ENUM_ROW], [_COMPOSITE_ROW, _ITSELF_ROW], [_ITSELF_ROW], [], [_ENUM_ROW[:5]])
    )
    return _extended(_TYPE[: len(given[0]) if given else 13], *given)


def _texts(*values: bytes | None) -> list[bytes]:
    return _extended([25] * len(values), values)


def _relation() -> list[bytes]:
    return _texts(b"16400", b"t", b"r", b"t", b"t", b"public", b"t")


def _columns() -> list[bytes]:
    return _extended([25] * 4, (b"1", b"id", b"id", None), (b"3", b"v", b'"v x"', b"public"))


def _pkey_said(random: Random) -> list[bytes]:
    key = _texts(random.choice((b"1", b"2", b"x")), random.choice((b"1 3", b"2", b"")))
    return [*_relation(), *key, *_columns()]


def _type_said(random: Random) -> list[bytes]:
    kind = random.choice((b"b", b"d", b"e", b"p"))
    head = _texts(b"16400", kind, b"23", b"-1", b"mood")
    return head + _texts(b"23", random.choice((b"b", b"d")), b"23", b"7") * random.choice((0, 1, 3))


def _server_said(random: Random) -> list[bytes]:
    options = random.choice((b"{host=h,dbname=d}", b"{host}", b"{", None))
    return _texts(b"s", None, options, b"10", options, b"t", random.choice((b"t", b"f")))


def _large_said(random: Random) -> list[bytes]:
    size = random.choice((b"10", b"-1", b"9223372036854775807"))
    measured = _extended([20, 23], (size, b"0"))
    data = _extended([17], (random.choice((b"\\x3132", b"\\x", None)),))
    return [*measured, *data, *measured, *_extended([2278], (b"",))]


def _cursor_said(_random: Random) -> list[bytes]:
    def fetched(*values: bytes, command: str = "FETCH") -> list[bytes]:
        said = [row(value) for value in values]
        end = [complete(f"{command} {len(values)}"), READY_IN_TRANSACTION]
        return [PARSED, BOUND, rows(), *said, *end]

    declared = [PARSED, BOUND, complete("DECLARE CURSOR"), rows(), READY_IN_TRANSACTION]
    moved = [PARSED, BOUND, NO_DATA, complete("MOVE 3"), READY_IN_TRANSACTION]
    ended = [CLOSED, READY_IN_TRANSACTION]
    return [*declared, *fetched(b"1", b"2"), *fetched(b"3", b"4"), *moved, *fetched(b"4"), *ended]


def _run_said(random: Random) -> list[bytes]:
    one_row = row(b"2")
    answer = [BOUND, one_row, complete("SELECT 1")]
    first = [PARSED, BOUND, rows(), one_row, complete("SELECT 1"), READY]
    second = [PARSED, PARAMETERS_TEXT, rows(), BOUND, rows(), one_row, complete("SELECT 1"), READY]
    return [*first, *second, *answer * 4, READY, *answer * random.choice((3, 4, 4, 5)), READY]


def _roles(_random: Random) -> list[bytes]:
    return _texts(b"me", b"f")


def _built(_random: Random) -> list[bytes]:
    return [*_relation(), *_columns(), *_texts(b"7", b"x")]


def _owner(_random: Random) -> list[bytes]:
    return _texts(b"t", b"postgres", b"t")


def _made(_random: Random) -> list[bytes]:
    return _extended([26], (b"16400",))


def _prepared_ones(_random: Random) -> list[bytes]:
    return _extended([25, 1184, 25, 25], (b"1_Zg==_Yg==", b"2026-01-01 00:00:00+00", b"me", b"d"))


def _value(_random: Random) -> list[bytes]:
    return [backend.FunctionCallResponse(b"x").encode(), READY]


ANSWERS: tuple[Callable[[Random], list[bytes]], ...] = (
    _fetched,
    _roles,
    _type_said,
    _pkey_said,
    _built,
    _server_said,
    _owner,
    _large_said,
    _made,
    _cursor_said,
    _prepared_ones,
    _run_said,
    _value,
)


def example(random: Random) -> bytes:
    """Return a conversation with a fitting answer, damaged or not."""
    number = random.randrange(len(CONVERSATIONS))
    return bytes([number, random.randrange(256)]) + conversation_bytes(random, ANSWERS[number])


if __name__ == "__main__":
    sys.exit(runner.run("catalog_rows", sys.argv[1:]))
