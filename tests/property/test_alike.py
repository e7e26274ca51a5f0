"""Answers of one statement taken all at once: what one after the other would give, however cut."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purelink.errors import RemoteProtocolError
from purelink.testing.bytes import ERROR, NOTICE, READY, complete, row
from purelink.values.bulk import BulkRowDecoder, row_decoder
from purelink.values.rows import text_row_decoder
from purelink.wire import backend, legality
from purelink.wire.runs import BOUND, Run
from purelink.wire.session import Answer, Session

COLUMNS = {
    "fixed": (backend.Column("a", 23, format=1), backend.Column("b", 16, format=1)),
    "date": (backend.Column("a", 1082, format=1),),
    "text": (backend.Column("a", 25),),
    "none": None,
}


class Known:
    """A statement that was run before, with columns of some shape."""

    def __init__(self, shape: str) -> None:
        self.columns: Any = COLUMNS[shape]
        decoder = row_decoder(self.columns) if self.columns else None
        self.decoder: Any = decoder
        bulk = decoder if isinstance(decoder, BulkRowDecoder) else None
        self.few: Any = bulk and bulk.row_loop
        self.between: Any = bulk and bulk.between
        self.alike: Any = (b"", None)
        self.closing = complete("SELECT 1" if self.columns else "INSERT 0 1")
        self.closing_tag = self.closing[5:-1].decode()


def answers(shape: str, chance: random.Random, count: int) -> list[bytes]:
    odd = chance.choice((0.0, 0.0, 0.02, 0.3))
    found = []
    for _ in range(count):
        if shape == "fixed":
            value = chance.randrange(-(2**31), 2**31).to_bytes(4, "big", signed=True)
            one = row(value, chance.choice((b"\0", b"\1")))
        elif shape == "date":
            one = row(chance.randrange(9999).to_bytes(4, "big"))
        else:
            one = row(b"x" * chance.choice((3, 3, 3, 4))) if shape == "text" else b""
        tag = complete("SELECT 1" if one else "INSERT 0 1")
        if chance.random() < odd:
            kind = chance.randrange(5)
            if kind == 0:
                one, tag = (one * 2, complete("SELECT 2")) if one else (b"", complete("INSERT 0 2"))
            elif kind == 1:
                one, tag = b"", complete("SELECT 0")
            elif kind == 2 and one:
                one = row(*([None] * (2 if shape == "fixed" else 1)))
            elif kind == 3:
                one = NOTICE + one
            elif shape == "date":
                one = row(b"\x7f\xff\xff\xff")  # infinity: no Python date
        found.append(BOUND + one + tag)
    return found


def taken(shape: str, count: int, data: bytes, cuts: list[int], *, alike: bool) -> Any:
    session, run = Session(), Run()
    session.state = legality.IDLE
    # One statement of the cache many times, or one of as many.
    run.units += [Known(shape)] * count if alike else [Known(shape) for _ in range(count)]
    session.ask([(legality.BIND, run), (legality.SYNC, None)], text_row_decoder)
    try:
        for start, end in zip([0, *cuts], [*cuts, len(data)]):
            if end > start:
                session.receive(data[start:end])
    except RemoteProtocolError as error:
        return str(error)
    told = [
        (each.rows, each.command_tag, repr(each.error), repr(each.value_error))
        if isinstance(each, Answer)
        else each
        for each in run.taken
    ]
    return told, session.state, run.complete, len(session.notices), session.unparsed


@settings(max_examples=200)
@given(st.integers(0, 2**32), st.sampled_from(sorted(COLUMNS)), st.integers(0, 3))
def test_answers_at_once_and_one_by_one_agree(seed: int, shape: str, harm: int) -> None:
    chance = random.Random(seed)
    count = chance.choice((16, 40, 200))
    found = answers(shape, chance, count + (harm == 1))
    if harm == 2:
        at = chance.randrange(count)
        one = bytearray(found[at])
        one[chance.randrange(len(one))] = chance.randrange(256)
        found[at] = bytes(one)
    elif harm == 3:
        del found[chance.randrange(count) :]
        found.append(ERROR)
    data = b"".join(found) + READY
    cuts = sorted(chance.sample(range(len(data)), chance.randrange(5)))
    plainly = taken(shape, count, data, cuts, alike=False)
    assert taken(shape, count, data, cuts, alike=True) == plainly


@pytest.mark.parametrize("shape", sorted(COLUMNS))
def test_many_answers_are_taken(shape: str) -> None:
    found = answers(shape, random.Random(1), 100)
    told, state, finished, _, _ = taken(shape, 100, b"".join(found) + READY, [], alike=True)
    assert (len(told), state, finished) == (100, legality.IDLE, True)
