"""The trace: any bytes that are sent or received, written down as PQtrace writes them.

Input: which side, flags, then the bytes.
Invariant: lines are written, never an exception; no secret in them; cutting changes nothing.
Allowed exceptions: none.

    python -m fuzz.trace_lines --runs 100000
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from fuzz import runner
from fuzz.messages import ANSWERS, conversation_bytes
from purelink.testing.transcript import Transcript
from purelink.wire.tracing import Trace
from purelink.wire.wants import Exchange

if TYPE_CHECKING:
    from random import Random

__all__ = ["example", "one"]

SECRET = b"hunter2hunter2"


class _Paper:
    def __init__(self) -> None:
        self.lines = bytearray()

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.lines += data

    def flush(self) -> None:
        """Nothing is held back."""


def traced(sent: bytes, pieces: list[bytes]) -> bytes:
    """Return what the trace of an exchange says."""
    paper = _Paper()
    failures: list[BaseException] = []
    trace = Trace(paper, stamp=None, regress=True, pending=lambda: b"", report=failures.append)

    def dialogue() -> Any:
        yield Exchange(sent)
        for _ in pieces[1:]:
            yield Exchange(b"")

    Transcript(list(pieces)).run(trace.over(dialogue()))
    trace.stop()
    assert not failures, failures
    return bytes(paper.lines)


def one(data: bytes) -> None:
    """Try one exchange."""
    if len(data) < 2:
        return
    half = 1 + data[0] % len(data)
    sent = b"p" + (4 + len(SECRET) + 1).to_bytes(4, "big") + SECRET + b"\0" + data[1:half]
    said = data[half:]
    whole = traced(sent, [said])
    assert SECRET not in whole, whole
    assert traced(sent, [said[at : at + 1] for at in range(len(said))] or [b""]) == whole


def example(random: Random) -> bytes:
    """Return both sides' words, damaged or not."""
    kind = random.choice(sorted(ANSWERS))
    return bytes([random.randrange(256)]) + conversation_bytes(random, ANSWERS[kind])


if __name__ == "__main__":
    sys.exit(runner.run("trace_lines", sys.argv[1:]))
