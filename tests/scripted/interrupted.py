"""Interrupts a query at any moment, three hundred times; run by `test_time_and_interrupts`.

Ends with 0 if each query gave its own answer, or its connection was closed.
"""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

from purelink.connection import connect
from purelink.testing.backend import Backend, Peer
from purelink.testing.bytes import HELLO, READY, result
from purelink.wire.frontend import CancelRequest, Query, Terminate

if TYPE_CHECKING:
    from purelink.wire.message import Message


def echo(peer: Peer) -> None:
    """Answer each query with its own text."""
    try:
        first = peer.receive()
        if isinstance(first, CancelRequest):
            return
        peer.say(HELLO)
        while True:
            message: Message = peer.receive()
            if isinstance(message, Query):
                peer.say(result(message.sql) + READY)
            elif isinstance(message, Terminate):
                return
    except Exception:  # the client may leave at any moment
        return


def main() -> None:
    """Run it."""
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    # The backend's threads are not to catch the signal: it would come late.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    with Backend(*[[echo]] * 2000) as server:
        connection = connect(server.dsn, autocommit=True)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
        interrupted, answered = 0, 0
        # Kept: an interrupt inside a `__del__` is lost in Python itself.
        kept = []
        for number in range(300):
            if connection.closed:
                kept.append(connection)
                connection = connect(server.dsn, autocommit=True)
            text = f"query {number}"
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.00005 + (number % 40) * 0.00001)
                found = connection.script(text)[0].scalar()
                signal.setitimer(signal.ITIMER_REAL, 0)
                assert found == text, (found, text)
                answered += 1
            except KeyboardInterrupt:
                signal.setitimer(signal.ITIMER_REAL, 0)
                interrupted += 1
        assert interrupted > 0
        connection.close()
    sys.stdout.write(f"{interrupted + answered} queries, interrupted and not\n")


if __name__ == "__main__":
    main()
