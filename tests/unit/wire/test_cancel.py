"""The cancel request: its bytes, its silence, and what is made of a server that talks."""

from __future__ import annotations

from typing import Any

import pytest

from purelink.errors import (
    DataError,
    InterfaceError,
    OperationalError,
    RemoteProtocolError,
)
from purelink.testing.bytes import ERROR, READY
from purelink.testing.transcript import Transcript
from purelink.wire.cancel import cancel
from purelink.wire.wants import Address, Dialogue, Open, Secured

ADDRESS = Address("tcp", "192.0.2.1", 5432)
REQUEST = bytes.fromhex("00000010 04d2162e 000004d2 77787a79")
SECURED = Secured(None, None, "TLSv1.3", "x")


def request(**options: Any) -> Dialogue[None]:
    return cancel(ADDRESS, 1234, b"wxzy", **options)


def run(transcript: Transcript, **options: Any) -> bytes:
    transcript.run(request(**options))
    return bytes(transcript.written[0])


def test_check_170_the_bytes_then_the_end_is_awaited() -> None:
    transcript = Transcript([])
    assert run(transcript) == REQUEST
    assert transcript.wants == ["Open", "Exchange", "Close"]


def test_check_171_a_long_key() -> None:
    transcript = Transcript([])
    transcript.run(cancel(ADDRESS, -2, b"k" * 32))
    data = b"\0\0\0\x2c" + REQUEST[4:8] + b"\xff\xff\xff\xfe" + b"k" * 32
    assert transcript.written[0] == data


@pytest.mark.parametrize(("pid", "key"), [(None, None), (1, None), (None, b"k")])
def test_check_018_no_key(pid: int | None, key: bytes | None) -> None:
    transcript = Transcript([])
    with pytest.raises(InterfaceError, match=r"^no cancellation key received$"):
        transcript.run(cancel(ADDRESS, pid, key))
    assert transcript.wants == []


def test_over_tls() -> None:
    transcript = Transcript([b"S"], secured=SECURED)
    assert run(transcript, tls="settings") == bytes.fromhex("0000000804d2162f") + REQUEST
    assert transcript.wants == ["Open", "Exchange", "StartTLS", "Exchange", "Close"]
    transcript = Transcript([], secured=SECURED)
    assert run(transcript, tls="settings", direct=True) == REQUEST


def test_check_172_the_key_does_not_go_out_in_clear() -> None:
    transcript = Transcript([b"N"])
    with pytest.raises(OperationalError, match="server does not support SSL, but SSL was required"):
        run(transcript, tls="settings")
    assert bytes(transcript.written[0]) == bytes.fromhex("0000000804d2162f")
    assert transcript.closed == 1
    transcript = Transcript([b"N"])
    assert run(transcript, tls="settings", plain_allowed=True).endswith(REQUEST)


def test_tls_that_fails() -> None:
    transcript = Transcript([b"S"])
    with pytest.raises(OperationalError, match=r"^the cancel request failed: no TLS here$"):
        run(transcript, tls="settings")
    assert transcript.closed == 1


def test_a_server_that_cannot_be_reached() -> None:
    refused = ConnectionRefusedError(111, "Connection refused")
    with pytest.raises(OperationalError, match=r"failed: Connection refused$"):
        run(Transcript([refused]))


def test_the_end_may_come_as_a_reset() -> None:
    transcript = Transcript([b"x", ConnectionResetError()])
    assert run(transcript) == REQUEST
    assert transcript.closed == 1


def test_check_174_a_server_that_talks() -> None:
    with pytest.raises(DataError) as refusal:
        run(Transcript([ERROR[:9], ERROR[9:]]))
    assert refusal.value.sqlstate == "22012"
    with pytest.raises(RemoteProtocolError, match=r"^unexpected response from server$"):
        run(Transcript([READY]))


def test_check_174_a_server_that_talks_for_ever_is_not_listened_to() -> None:
    transcript = Transcript([b"Z" * 1000] * 100)
    with pytest.raises(RemoteProtocolError, match="unexpected response"):
        run(transcript)
    assert transcript.wants.count("Exchange") == 5
    assert transcript.closed == 1


def test_abandoned() -> None:
    dialogue = request()
    assert isinstance(next(dialogue), Open)
    dialogue.send(None)
    dialogue.close()
