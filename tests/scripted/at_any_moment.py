"""A program: Ctrl-C at any moment of a query, three hundred times; a wrong answer is an error.

Test code only; a process of its own, since an interrupt that hits a measurer of coverage in its
own bookkeeping would hang it. Prints how many interrupts came, and how many connections they cost.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from purelink.connection import connect
from purelink.testing.backend import Backend, ClientGone, Peer, serve
from purelink.testing.bytes import HELLO, READY, result
from purelink.wire.frontend import CancelRequest, Query

if TYPE_CHECKING:
    from purelink.wire.message import Message

ALARM = {signal.SIGALRM}


def play(peer: Peer) -> None:
    """Echo what is asked; the client may leave at any moment."""

    def echo(message: Message) -> bytes | None:
        return result(message.sql) + READY if isinstance(message, Query) else b""

    try:
        if not isinstance(peer.receive(), CancelRequest):
            peer.say(HELLO)
            serve(echo)(peer)
    except ClientGone:
        pass


def main() -> None:
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    # The backend's threads are not to catch it: it would come late.
    signal.pthread_sigmask(signal.SIG_BLOCK, ALARM)
    interrupted = 0
    with Backend(*[[play]] * 2000) as server:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ALARM)
        connections = [connect(server.dsn, autocommit=True)]
        for number in range(300):
            if connections[-1].closed:
                # Old ones are kept: an interrupt inside a `__del__` is lost in Python itself.
                connections.append(connect(server.dsn, autocommit=True))
            text = f"query {number}"
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.00005 + (number % 40) * 0.00001)
                found = connections[-1].script(text)[0].scalar()
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                signal.setitimer(signal.ITIMER_REAL, 0)
                interrupted += 1
            else:
                if found != text:
                    raise SystemExit(f"asked {text!r}, got {found!r}")
        connections[-1].close()
    print(f"{interrupted} interrupts, {len(connections)} connections")  # noqa: T201


if __name__ == "__main__":
    main()
