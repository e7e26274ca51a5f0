"""Examples of what a server says, and ways to damage it: for the targets that stand for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from purelink.testing.bytes import (
    EMPTY,
    ERROR,
    FATAL,
    NOTICE,
    NOTIFICATION,
    READY,
    READY_FAILED,
    READY_IN_TRANSACTION,
    STATUS,
    column,
    complete,
    row,
    rows,
)
from purelink.wire import backend

if TYPE_CHECKING:
    from random import Random

__all__ = ["ANSWERS", "conversation_bytes"]

PARSED = backend.ParseComplete().encode()
BOUND = backend.BindComplete().encode()
CLOSED = backend.CloseComplete().encode()
SUSPENDED = backend.PortalSuspended().encode()
NO_DATA = backend.NoData().encode()
PARAMETERS = backend.ParameterDescription([23, 25, 25]).encode()
PARAMETERS_TEXT = backend.ParameterDescription([25]).encode()
COPY_IN = backend.CopyInResponse(0, (0, 0, 0)).encode()
COPY_OUT = backend.CopyOutResponse(0, (0,)).encode()
COPY_DONE = b"c\0\0\0\x04"
NUMBERS = rows(column("a", 23), column("b", 701), column("c", 1184), column("d", 3802))
ONE = row(b"1", b"0.5", b"2026-01-01 00:00:00+00", b'{"a": 1}')


def _rows(random: Random) -> bytes:
    count = random.choice((0, 1, 2, 30))
    if random.random() < 0.5:
        return rows() + b"".join(row(b"x" * (n % 9)) for n in range(count))
    nulls = row(None, None, None, None)
    return NUMBERS + b"".join(random.choice((ONE, ONE, nulls)) for _ in range(count))


def _result(random: Random) -> list[bytes]:
    return [_rows(random), complete("SELECT 2")]


def _simple(random: Random) -> list[bytes]:
    pieces: list[bytes] = []
    for _ in range(2):
        pieces += random.choice((_result(random), [complete("INSERT 0 1")], [EMPTY]))
    return [*pieces, READY]


def _extended(random: Random) -> list[bytes]:
    return [PARSED, BOUND, *random.choice((_result(random), [NO_DATA, complete("UPDATE 3")]))]


def _query(random: Random) -> list[bytes]:
    return [*_extended(random), READY]


def _prepared(random: Random) -> list[bytes]:
    described = [PARSED, PARAMETERS_TEXT, rows(), BOUND, rows(), row(b"2"), complete("SELECT 1")]
    return [*_query(random), *described, READY, BOUND, row(b"3"), complete("SELECT 1"), READY]


def _in_transaction(random: Random) -> list[bytes]:
    begun = [PARSED, BOUND, complete("BEGIN")]
    return [*begun, *_extended(random), READY_IN_TRANSACTION, complete("COMMIT"), READY]


def _pipeline(random: Random) -> list[bytes]:
    described = [PARSED, PARAMETERS_TEXT, rows(), BOUND, rows(), row(b"2"), complete("SELECT 1")]
    return [*_extended(random), *described, BOUND, row(b"3"), complete("SELECT 1"), READY]


def _many(_random: Random) -> list[bytes]:
    return [PARSED, PARAMETERS, NO_DATA, *[BOUND, complete("INSERT 0 1")] * 5, CLOSED, READY]


def _copy_in(_random: Random) -> list[bytes]:
    return [COPY_IN, complete("COPY 5"), READY]


def _copy_in_binary(random: Random) -> list[bytes]:
    asked = [PARSED, PARAMETERS, rows(column("a", 23), column("b"), column("c")), READY]
    return asked + _copy_in(random)


def _copy_out(random: Random) -> list[bytes]:
    data = [backend.CopyData(b"1\tx\n" * random.choice((1, 9))).encode() for _ in range(3)]
    return [PARSED, BOUND, COPY_OUT, *data, COPY_DONE, complete("COPY 3"), READY]


def _stream(_random: Random) -> list[bytes]:
    two = [row(b"1"), row(b"2"), SUSPENDED, READY_IN_TRANSACTION]
    begun = [PARSED, BOUND, complete("BEGIN"), PARSED, BOUND, rows()]
    ended = [complete("SELECT 0"), READY_IN_TRANSACTION, PARSED, BOUND, complete("COMMIT"), READY]
    return [*begun, *two, *two, *ended]


def _listening(_random: Random) -> list[bytes]:
    return [NOTICE, NOTIFICATION]


def _looking(_random: Random) -> list[bytes]:
    return [STATUS, NOTIFICATION]


#: what each conversation of `backend_stream` hopes for, by its name
ANSWERS: dict[str, Callable[[Random], list[bytes]]] = {
    "script": _simple,
    "query": _query,
    "prepared": _prepared,
    "in_transaction": _in_transaction,
    "pipeline": _pipeline,
    "many": _many,
    "copy_in": _copy_in,
    "copy_in_binary": _copy_in_binary,
    "copy_out": _copy_out,
    "stream": _stream,
    "listening": _listening,
    "looking": _looking,
}
ASIDE = (NOTICE, NOTIFICATION, STATUS)
STRAY = (
    *(ERROR, FATAL, READY, READY_FAILED, READY_IN_TRANSACTION, PARSED, BOUND, CLOSED, SUSPENDED),
    *(NO_DATA, PARAMETERS, COPY_IN, COPY_OUT, COPY_DONE, EMPTY, complete("SELECT 1"), rows()),
    *(row(b"x"), row(None), NUMBERS, ONE, backend.CopyData(b"1\n").encode()),
    backend.ParameterStatus(b"client_encoding", b"LATIN1").encode(),
    backend.ParameterStatus(b"DateStyle", b"German").encode(),
    backend.BackendKeyData(1, b"1234").encode(),
    backend.Authentication(0).encode(),
    backend.FunctionCallResponse(b"x").encode(),
)


def conversation_bytes(random: Random, answer: Callable[[Random], list[bytes]]) -> bytes:
    """Return an answer as bytes, perhaps with messages lost, added or swapped, or bytes changed."""
    pieces = answer(random)
    for _ in range(random.choice((0, 0, 1, 1, 2, 4))):
        place = random.randrange(len(pieces) + 1)
        way = random.randrange(6)
        if way == 0:
            pieces.insert(place, random.choice(ASIDE))
        elif way == 1:
            pieces.insert(place, random.choice(STRAY))
        elif way == 2 and pieces:
            del pieces[place % len(pieces)]
        elif way == 3 and pieces:
            pieces.insert(place, random.choice(pieces))
        elif way == 4:
            pieces[place:] = [ERROR, random.choice((READY, READY_FAILED, b""))]
        else:
            del pieces[place:]
    data = bytearray(b"".join(pieces))
    for _ in range(random.choice((0, 0, 0, 1, 3))):
        if data:
            data[random.randrange(len(data))] = random.choice((0, 1, 4, 0x7F, 0xFF, 0x44, 0x5A))
    return bytes(data)
