"""`wire.tracing`: a trace over a dialogue that is fed by hand, in pieces and with mishaps."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from purelink.wire.tracing import Trace
from purelink.wire.wants import Address, Close, Deliver, Dialogue, Exchange, Open


class Paper:
    """Keeps what is written; fails at a write, or at the flush, when it is told to."""

    def __init__(self, *, fail_at: int = -1, fail_flush: bool = False) -> None:
        self.text = b""
        self.writes = 0
        self.flushed = 0
        self.fail_at = fail_at
        self.fail_flush = fail_flush

    def write(self, data: bytes) -> None:
        if self.writes == self.fail_at:
            raise OSError("disk full")
        self.writes += 1
        self.text += data

    def flush(self) -> None:
        if self.fail_flush:
            raise ValueError("I/O operation on closed file")
        self.flushed += 1


def message(tag: bytes, body: bytes = b"") -> bytes:
    return tag + struct.pack("!i", len(body) + 4) + body


def untagged(code: int, rest: bytes = b"") -> bytes:
    return struct.pack("!ii", len(rest) + 8, code) + rest


QUERY, READY = message(b"Q", b"q\0"), message(b"Z", b"I")
OPEN = Open(Address("tcp", "127.0.0.1", 5432))
STARTUP = untagged(0x30000, b"user\0u\0\0")
F_QUERY, B_READY = b'F\t6\tQuery\t "q"\n', b"B\t5\tReadyForQuery\t I\n"
F_STARTUP = b'F\t16\tStartupMessage\t 3 0 "user" "u"\n'


def running(paper: Paper, **more: Any) -> Trace:
    return Trace(paper, pending=lambda: b"", **more)


def play(trace: Trace, *script: Any) -> None:
    """Run a dialogue that yields every other item of the script and is sent the one behind it."""

    def dialogue() -> Dialogue[str]:
        for want, given in zip(script[::2], script[1::2]):
            assert (yield want) == given
        return "done"

    returned: list[str] = []
    whole = trace.over(dialogue())
    want = next(whole)
    for wanted, given in zip(script[::2], script[1::2]):
        assert want is wanted
        try:
            want = whole.send(given)
        except StopIteration as stop:
            returned.append(stop.value)
    assert returned == ["done"]


def test_a_running_session() -> None:
    paper = Paper()
    trace = running(paper)
    play(trace, Exchange(QUERY), READY, Deliver(message(b"X")), False, Close(), None)
    assert paper.text == F_QUERY + B_READY + b"F\t4\tTerminate\n"


def test_pieces_of_messages_both_ways() -> None:
    for cut in range(1, len(QUERY)):
        paper = Paper()
        said, heard = (QUERY + QUERY, READY + READY)
        wants = [Exchange(said[:cut]), Deliver(said[cut:]), Exchange(b"", at_once=True)]
        play(
            running(paper),
            *(wants[0], heard[: cut % 6]),
            *(wants[1], True),
            *(wants[2], None),
            *(Exchange(b""), heard[cut % 6 :]),
        )
        assert sorted(paper.text.splitlines()) == sorted((F_QUERY * 2 + B_READY * 2).splitlines())


def test_what_the_session_holds_already_is_the_beginning() -> None:
    paper = Paper()
    trace = Trace(paper, pending=lambda: READY[:3])
    play(trace, Exchange(b""), READY[3:])
    play(trace, Exchange(b""), READY)
    assert paper.text == B_READY * 2


def test_from_the_first_message_with_tls() -> None:
    paper = Paper()
    play(
        Trace(paper),
        *(OPEN, None),
        *(Exchange(untagged(80877103), first=True), b"S"),
        *(Exchange(STARTUP), message(b"R", struct.pack("!i", 3))),
        *(Exchange(message(b"p", b"pw\0")), message(b"R", b"\0\0\0\0") + READY),
        *(Exchange(QUERY), READY),
    )
    assert paper.text == (
        b"F\t8\tSSLRequest\t 1234 5679\nB\t1\tSSLResponse\t S\n" + F_STARTUP
        + b"B\t8\tAuthenticationCleartextPassword\n"
        + b'F\tNN\tPasswordMessage\t "***"\n' + B_READY + F_QUERY + B_READY
    )  # fmt: skip


def test_what_comes_with_the_one_byte_is_not_believed() -> None:
    paper = Paper()
    play(Trace(paper), OPEN, None, Exchange(untagged(80877104), first=True), b"N" + READY)
    assert paper.text == b"F\t8\tGSSENCRequest\t 1234 5680\nB\t1\tGSSENCResponse\t N\n"


def test_each_attempt_begins_anew() -> None:
    paper = Paper()
    play(
        Trace(paper),
        *(OPEN, None),
        *(Exchange(STARTUP), message(b"R", struct.pack("!i", 5))[:7]),
        *(Close(), None),
        *(OPEN, None),
        *(Exchange(STARTUP), READY),
    )
    assert paper.text == F_STARTUP + F_STARTUP + B_READY


def test_a_cancel_request() -> None:
    paper = Paper()
    play(Trace(paper), OPEN, None, Exchange(untagged(80877102, b"\0\0\0\7keys"), first=True), b"")
    assert paper.text == b"F\t16\tCancelRequest\t 1234 5678 7 '***'\n"


def test_only_a_second_authentication_ok_is_shown() -> None:
    paper = Paper()
    okay = message(b"R", b"\0\0\0\0")
    play(Trace(paper), OPEN, None, Exchange(STARTUP), okay + okay + message(b"R", b"\0"))
    assert paper.text.endswith(
        b"B\t8\tAuthenticationOk\nB\t5\tUnknown message: 52\n"
        b"mismatched message length: consumed 4, expected 5\n"
    )
    assert paper.writes == 3


def test_lengths_that_are_none() -> None:
    paper = Paper()
    trace = Trace(paper)
    play(trace, Exchange(struct.pack("!i", 3)), b"Z\0\0\0\3I", Exchange(b""), READY)
    assert paper.text == b""
    play(trace, OPEN, None, Exchange(struct.pack("!i", 4)), READY)
    assert paper.text == b"F\t4\tUnknown message\n" + B_READY


def test_an_error_of_before_protocol_3_is_not_taken_for_a_message() -> None:
    paper = Paper()
    play(Trace(paper), OPEN, None, Exchange(STARTUP, first=True), b"EFATAL: too old\n\0")
    assert paper.text == F_STARTUP


def test_time_and_regress_mode() -> None:
    paper = Paper()
    trace = running(paper, stamp=lambda: "2026-01-31 23:59:59.000001", regress=True)
    play(trace, Exchange(QUERY), message(b"K", b"\0\0\0\7keys") + message(b"Z", b"IX"))
    assert paper.text == (
        b'2026-01-31 23:59:59.000001\tF\t6\tQuery\t "q"\n'
        b"2026-01-31 23:59:59.000001\tB\t12\tBackendKeyData\t NNNN 'BBBB'\n"
        b"2026-01-31 23:59:59.000001\tB\t6\tReadyForQuery\t I\n"
        b"mismatched message length: consumed 5, expected 6\n"
    )


def test_an_error_of_the_pump_reaches_the_dialogue() -> None:
    def dialogue() -> Dialogue[str]:
        try:
            yield Exchange(QUERY)
        except OSError as error:
            yield Close()
            return str(error)
        raise AssertionError

    paper = Paper()
    whole = running(paper).over(dialogue())
    next(whole)
    assert isinstance(whole.throw(OSError("reset")), Close)
    with pytest.raises(StopIteration, match="reset"):
        whole.send(None)
    assert paper.text == F_QUERY


def test_an_error_of_the_dialogue_comes_after_what_it_heard() -> None:
    def dialogue() -> Dialogue[None]:
        yield Exchange(QUERY)
        raise ValueError("broken")

    paper = Paper()
    whole = running(paper).over(dialogue())
    next(whole)
    with pytest.raises(ValueError, match="broken"):
        whole.send(READY)
    assert paper.text == F_QUERY + B_READY


def test_leaving_early_closes_the_dialogue() -> None:
    left = []

    def dialogue() -> Dialogue[None]:
        try:
            yield Exchange(QUERY)
        finally:
            left.append("closed")

    whole = running(Paper()).over(dialogue())
    next(whole)
    whole.close()
    assert left == ["closed"]


def test_an_interrupt_while_writing_loses_the_session_no_byte() -> None:
    class Interrupting(Paper):
        def write(self, data: bytes) -> None:
            if data.startswith(b"B"):
                raise KeyboardInterrupt
            super().write(data)

    heard = []

    def dialogue() -> Dialogue[None]:
        heard.append((yield Exchange(QUERY)))
        yield Close()

    whole = running(Interrupting()).over(dialogue())
    next(whole)
    with pytest.raises(KeyboardInterrupt):
        whole.send(READY)
    assert heard == [READY]


@pytest.mark.parametrize("fail_at", [0, 1])
def test_a_failing_file_ends_the_trace_and_nothing_else(fail_at: int) -> None:
    paper, reported = Paper(fail_at=fail_at), list[BaseException]()
    trace = running(paper, report=reported.append)
    play(trace, Exchange(QUERY), READY, Exchange(QUERY), READY)
    assert paper.text == F_QUERY * fail_at
    assert [str(error) for error in reported] == ["disk full"]
    trace.stop()
    assert not paper.flushed


def test_a_file_that_fails_amid_one_read_is_not_asked_again() -> None:
    paper = Paper(fail_at=0)
    play(running(paper), Exchange(b""), READY + READY)
    assert paper.writes == 0


def test_stop() -> None:
    paper = Paper()
    trace = running(paper)
    play(trace, Exchange(QUERY), READY)
    trace.stop()
    trace.stop()
    assert paper.flushed == 1
    play(trace, Exchange(QUERY), READY)
    assert paper.text == F_QUERY + B_READY


def test_a_flush_that_fails_is_reported() -> None:
    reported: list[BaseException] = []
    trace = running(Paper(fail_flush=True), report=reported.append)
    trace.stop()
    trace.stop()
    assert [type(error) for error in reported] == [ValueError]
