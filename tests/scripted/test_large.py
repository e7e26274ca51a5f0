"""Large answers, large messages, and pieces of every size: all that was sent arrives, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from purelink.testing.backend import Backend, Peer, answer, drip, expect, hello, until_closed
from purelink.testing.bytes import NOTICE, READY, complete, result, row, rows
from purelink.wire.frontend import Query

if TYPE_CHECKING:
    from tests.scripted.faces import Face


def test_one_message_of_50_mb(face: Face) -> None:
    text = b"x" * (50 << 20)
    with Backend([hello(), answer(result(text, b"y"), READY), until_closed()]) as server:
        connection = face.connect(server.dsn)
        found = connection.script("select")[0].rows
        assert [len(value) for (value,) in found] == [len(text), 1]


def test_a_query_of_50_mb(face: Face) -> None:
    with Backend([hello(), answer(result(b"x"), READY), until_closed()]) as server:
        connection = face.connect(server.dsn)
        assert connection.script("y" * (50 << 20))[0].scalar() == "x"
        message = server.seen[0][1]
        assert isinstance(message, Query)
        assert len(message.sql) == 50 << 20


def test_500_000_rows(face: Face) -> None:
    count = 500_000
    block = b"".join(row(b"%d" % number) for number in range(1000))

    def many(peer: Peer) -> None:
        expect(Query)(peer)
        peer.say(rows())
        for _ in range(count // 1000):
            peer.say(block)
        peer.say(complete(f"SELECT {count}"), READY)

    with Backend([hello(), many, until_closed()]) as server:
        connection = face.connect(server.dsn)
        found = connection.script("select")[0]
        assert len(found) == found.row_count == count
        assert found[-1] == ("999",)


@pytest.mark.parametrize("size", [1, 5, 6, 7, 1000, 65_535, 65_536, 65_537, 200_000])
def test_rows_of_every_size(face: Face, size: int) -> None:
    values = [bytes([65 + number % 26]) * size for number in range(20)]
    with Backend([hello(), answer(result(*values), READY), until_closed()]) as server:
        connection = face.connect(server.dsn)
        found = connection.script("select")[0].rows
        assert found == [(value.decode(),) for value in values]


def test_byte_by_byte(face: Face) -> None:
    said = NOTICE + result(b"x" * 300, None, b"y") + READY
    with Backend([hello(), expect(Query), drip(said), until_closed()]) as server:
        connection = face.connect(server.dsn)
        assert connection.script("select")[0].rows == [("x" * 300,), (None,), ("y",)]


def test_a_value_that_looks_like_the_end(face: Face) -> None:
    """What looks like ReadyForQuery at the end of a piece ends a gathering, not the answer."""
    evil = b"x" * 100 + READY

    def pieces(peer: Peer) -> None:
        import time

        expect(Query)(peer)
        peer.say(rows(), row(evil))
        time.sleep(0.05)
        peer.say(row(b"more"), complete("SELECT 2"), READY)

    with Backend([hello(), pieces, until_closed()]) as server:
        connection = face.connect(server.dsn)
        found = connection.script("select")[0].rows
        assert found == [(evil.decode(),), ("more",)]
