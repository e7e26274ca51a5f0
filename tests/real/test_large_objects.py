"""Large objects as files on a real server; both faces."""

from __future__ import annotations

import io
import shutil
from typing import TYPE_CHECKING, Any

import pytest

import purelink
from purelink.errors import InterfaceError, UndefinedObject

if TYPE_CHECKING:
    from tests.conftest import AnyServer

pytestmark = pytest.mark.server


def test_a_file(connection: Any) -> None:
    with connection.large_object(None, "w+b") as made:
        assert made.readable()
        assert made.writable()
        assert made.seekable()
        assert made.write(b"hello") == 5
        assert made.write(memoryview(b" world")) == 6
        assert made.tell() == 11
        assert made.seek(0) == 0
        assert made.read(4) == b"hell"
        assert made.read() == b"o world"
        assert made.read(1) == b""
        assert made.seek(-5, 2) == 6
        assert made.seek(1, 1) == 7
        assert made.write(b"O") == 1
        buffer = bytearray(2)
        assert made.readinto(buffer) == 2
        assert buffer == b"rl"
        assert made.truncate(3) == 3
        assert made.truncate() == 10
        made.seek(0)
        assert made.read() == b"hel" + bytes(7)
        oid = made.oid
    assert made.closed
    with pytest.raises(InterfaceError, match="is closed"):
        made.read()
    with pytest.raises(InterfaceError, match="is closed"):
        made.seek(0)
    with connection.large_object(oid, "ab") as added:
        added.write(b"!")
        with pytest.raises(InterfaceError, match="open in mode"):
            added.read()
    with connection.large_object(oid) as read:
        assert read.mode == "rb"
        assert read.read() == b"hel" + bytes(7) + b"!"
        with pytest.raises(InterfaceError, match="open in mode"):
            read.write(b"x")
        for place in ((-1, 0), (1 << 50, 0), (0, 3)):
            with pytest.raises(InterfaceError):
                read.seek(*place)
    with connection.large_object(oid, "wb") as emptied:
        assert emptied.seek(0, 2) == 0
    connection.remove_large_object(oid)
    with pytest.raises(UndefinedObject):
        connection.large_object(oid)
    for mode, number in (("x", oid), ("rw", oid), ("rb", None)):
        with pytest.raises(InterfaceError):
            connection.large_object(number, mode)


def test_more_than_a_block(connection: Any) -> None:
    data = bytes(range(256)) * 5000 * 2
    with connection.large_object(None, "w+") as made:
        assert made.write(data) == len(data)
        made.seek(0)
        assert len(made.read(1 << 30)) == 1 << 20
        made.seek(0)
        assert made.read() == data
        connection.remove_large_object(made.oid)


def test_in_a_transaction(connection: Any) -> None:
    with pytest.raises(ZeroDivisionError), connection.transaction():
        made = connection.large_object(None, "w")
        made.write(b"x")
        raise ZeroDivisionError
    with pytest.raises(UndefinedObject):
        made.write(b"y")


def test_what_takes_files_takes_it(server: AnyServer) -> None:
    with purelink.connect(server.dsn, autocommit=True) as connection:
        data = b"line\n" * 50_000
        with connection.large_object(None, "wb") as made:
            shutil.copyfileobj(io.BytesIO(data), made)
        reader = io.BufferedReader(connection.large_object(made.oid))
        assert reader.readline() == b"line\n"
        assert reader.read() == data[5:]
        assert len(list(connection.large_object(made.oid))) if len(data) < 100 else True
        connection.remove_large_object(made.oid)
