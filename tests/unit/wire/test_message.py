"""What all messages share: equality, repr that keeps secrets, refusal of what cannot be sent."""

from __future__ import annotations

import pytest

from purelink.errors import InterfaceError, RemoteProtocolError
from purelink.wire import backend, frontend
from purelink.wire.message import Message


def test_fields_are_positional_and_counted() -> None:
    assert frontend.Query(b"select").fields() == (b"select",)
    with pytest.raises(TypeError, match="Query takes 1 fields"):
        frontend.Query()
    with pytest.raises(TypeError, match="Sync takes 0 fields"):
        frontend.Sync(b"x")


def test_inherited_fields_count() -> None:
    assert frontend.Describe(b"S", b"a") == frontend.Describe(b"S", b"a")
    assert frontend.Describe(b"S", b"a") != frontend.Describe(b"P", b"a")
    assert frontend.Describe(b"S", b"a") != frontend.Close(b"S", b"a")
    assert backend.CopyInResponse(0, (0,)) != backend.CopyInResponse(0, (0, 0))
    assert repr(frontend.Close(b"P", b"c")) == "Close(kind=b'P', name=b'c')"


def test_equal_messages_have_equal_hashes() -> None:
    assert len({frontend.Sync(), frontend.Sync(), frontend.Flush()}) == 2
    assert frontend.Sync() != "Sync()"


def test_repr_keeps_secrets() -> None:
    assert repr(frontend.Password(b"hunter2\0")) == "Password(data=***)"
    assert repr(frontend.CancelRequest(7, b"key!")) == "CancelRequest(key=***, pid=7)"
    assert repr(backend.BackendKeyData(7, b"key!")) == "BackendKeyData(key=***, pid=7)"


def test_an_empty_message() -> None:
    assert Message().encode() == b"\0\0\0\x04"
    assert frontend.Sync.decode(b"") == frontend.Sync()
    with pytest.raises(RemoteProtocolError):
        frontend.Sync.decode(b"x")


@pytest.mark.parametrize(
    "message",
    [
        frontend.Execute(b"", 2**31),
        frontend.Parse(b"", b"", [2**32]),
        frontend.Parse(b"", b"", [-1]),
        frontend.Bind(formats=[2**15], portal=b"", statement=b""),
    ],
)
def test_numbers_out_of_range(message: Message) -> None:
    with pytest.raises(InterfaceError, match="a number is out of range"):
        message.encode()
