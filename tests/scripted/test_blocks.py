"""The block that asyncio receives into: small, larger for bulk, roomy for a large value."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from purelink.pumps.channel import CHUNK
from purelink.pumps.transport import Wire
from purelink.wire.wants import Exchange


class Mute:
    """A transport of which nothing is asked."""

    def get_extra_info(self, name: str) -> Any:
        return None


def received(wire: Wire, data: bytes) -> int:
    """Hand data over as a loop does; return how large the block was."""
    block = wire.get_buffer(-1)
    size = min(len(block), len(data))
    block[:size] = data[:size]
    wire.buffer_updated(size)
    return len(block)


@pytest.mark.parametrize("waiting", [False, True])
def test_the_block_grows_and_shrinks_with_what_comes(waiting: bool) -> None:
    loop = asyncio.new_event_loop()
    try:
        wire = Wire(loop)
        wire.connection_made(Mute())

        def want(need: int) -> None:
            if waiting:
                wire.waiter = loop.create_future()
                wire.want = Exchange(b"", need=need)

        want(0)
        assert [received(wire, b"x" * 100) for _ in range(3)] == [8192] * 3
        assert [received(wire, b"x" * 400_000) for _ in range(3)] == [8192, CHUNK, CHUNK]
        want(65_536)
        sizes = [received(wire, b"y" * 400_000) for _ in range(3)]
        assert sizes == ([CHUNK, 262_144, 262_144] if waiting else [CHUNK] * 3)
        want(0)
        sizes = [received(wire, b"z" * 1000) for _ in range(2)]
        assert sizes == ([262_144, CHUNK] if waiting else [CHUNK] * 2)
        data = wire.inbox.take()
        assert len(data) == data.count(b"x") + data.count(b"y") + data.count(b"z")
        assert data.count(b"z") == 2000
    finally:
        loop.close()
