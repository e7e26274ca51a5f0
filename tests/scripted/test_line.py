"""The blocking pump on a pair of sockets: which way a question goes, and who closes meanwhile."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from purelink.pumps.blocking import BlockingPump
from purelink.wire.wants import Deliver

if TYPE_CHECKING:
    from collections.abc import Iterator

READY = b"Z\0\0\0\5I"


@pytest.fixture
def ends() -> Iterator[tuple[BlockingPump, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    pump = BlockingPump()
    pump._socket = ours  # as `Open` leaves it
    pump._watched(ours)
    theirs.settimeout(10)
    with theirs:
        yield pump, theirs
        pump.close()


def test_a_long_question_does_not_keep_short_ones_off_the_quick_way(
    ends: tuple[BlockingPump, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    pump, theirs = ends

    def answer(size: int) -> None:
        while size > 0:
            size -= len(theirs.recv(65536))
        theirs.sendall(READY)

    def asked(question: bytes) -> bytes | None:
        thread = threading.Thread(target=answer, args=(len(question),))
        thread.start()
        try:
            return pump.ask(question)
        finally:
            thread.join()

    assert asked(b"x" * 20_000) == READY
    assert pump.unsay()
    monkeypatch.setattr(BlockingPump, "_exchange", None)
    assert asked(b"x" * 20) == READY


def test_closed_by_another_thread_while_we_write(
    ends: tuple[BlockingPump, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    pump, _ = ends

    def closed(self: BlockingPump, _want: Any, **_options: bool) -> bool:
        self.close()
        return False

    monkeypatch.setattr(BlockingPump, "_wait", closed)

    def dialogue() -> Any:
        return (yield Deliver(b"x" * 50_000_000))

    # The end is there to be read; nothing else is raised.
    assert pump.run(dialogue()) is True
