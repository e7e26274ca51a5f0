"""Traces beside those of a real libpq 18: the same calls, on the same server, line by line.

A case is a list of calls in libpq's words; `Theirs` makes them through the library, `Ours` through
the dialogues (`tracers`). `expected` masks libpq's secrets as we do.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Dict, List, Sequence

import pytest

from purelink.aio import AsyncConnection
from purelink.connection import Connection
from purelink.errors import Error
from purelink.face import plan_for, tracing
from tests.conformance import libpq
from tests.conformance.tracers import (
    FLAGS,
    NULL,
    REGRESS_MODE,
    Call,
    Ours,
    Theirs,
    Value,
    expected,
    lines,
    text,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import AnyServer

#: Each is made on a connection of its own, in autocommit.
CASES: Dict[str, List[Call]] = {
    "simple query": [("exec", "select 1 as a, null as b, 'x y'::text")],
    "several statements": [("exec", "select 1; create temp table z (i int); select 2; ;")],
    "an empty query": [("exec", "")],
    "no rows": [("exec", "select 1 where false")],
    "not ASCII": [("exec", "select 'ä\n' as \"ö\", E'\\t\\x7f'")],
    "many rows": [("exec", "select i, repeat('x', 300) from generate_series(1, 2000) i")],
    "long message": [("exec", "select repeat('x', 300000)")],
    "catalog": [("exec", "select oid, relname from pg_class where relname = 'pg_class'")],
    "error": [("exec", "select 1/0"), ("exec", "select nonsense"), ("exec", "select 1")],
    "error amid rows": [("exec", "select 1/(3 - i) from generate_series(1, 5) i")],
    "notice": [("exec", "do $$begin raise notice 'he said: %', 'ho' using hint = 'hint'; end$$")],
    "parameter status": [("exec", "set application_name = 'äpp'"), ("exec", "set datestyle = sql")],
    "parameters": [
        ("params", "select $1::int + 1, $2, $3::bytea", [text("41"), Value(25, b"x"), NULL], 0),
        ("params", "select $1", [Value(23, b"\0\0\0\7", 1)], 1),
        ("params", "select 1::int8, null, '\\x00ff'::bytea", [], 1),
        ("params", "select $1::int", [text("x")], 0),
        ("params", "", [], 0),
    ],
    "prepared": [
        ("prepare", "s", "select $1::int, $2::text, relname from pg_class limit 1"),
        ("describe", "s"),
        ("prepared", "s", [text("1"), NULL], 0),
        ("close", "s"),
        ("prepare", "t", "set search_path = public"),
        ("describe", "t"),
        ("describe", "u"),
    ],
    "pipeline": [
        (
            "pipeline",
            [
                [("select $1::int", [text("1")]), ("select 2", [])],
                [("select 1/0", []), ("select 3", [])],
                [("select 4", [])],
                [],
            ],
        )
    ],
    "copy in": [
        ("exec", "create temp table c (a int, b text)"),
        ("copy in", "copy c from stdin", [b"1\tone\n", b"2\t\\N\n3\t\xc3\xa4\n"], None),
        ("exec", "select count(*) from c"),
    ],
    "copy in, failed by us": [
        ("exec", "create temp table c (a int)"),
        ("copy in", "copy c from stdin", [b"1\n"], "no more"),
    ],
    "copy in, refused": [
        ("exec", "create temp table c (a int)"),
        ("copy in", "copy c from stdin", [b"x\n"], None),
    ],
    "copy out": [
        ("copy out", "copy (select i, 'x' from generate_series(1, 3) i) to stdout"),
        ("copy out", "copy (select 1, null) to stdout (format binary)"),
    ],
    "notification": [("exec", "listen ch"), ("exec", "notify ch, 'pay'; notify ch")],
    "function call": [("function", 2308, b"\xff\xff\xff\xf9")],
}


def blocking(dsn: str, calls: Sequence[Call], path: Path, flags: int, *, start: bool) -> bytes:
    regress = bool(flags & REGRESS_MODE)
    with path.open("wb") as file:
        told = tracing(file, timestamps=False, regress=regress) if start else None
        connection = Connection.open(plan_for(dsn, {}), autocommit=True, trace=told)
        if not start:
            connection.trace(file, timestamps=False, regress=regress)
        connection.run(Ours(connection.talk).calls(calls))
        connection.close()
    return path.read_bytes()


def asynchronous(dsn: str, calls: Sequence[Call], path: Path, flags: int, *, start: bool) -> bytes:
    regress = bool(flags & REGRESS_MODE)

    async def whole() -> None:
        # as text this time
        with path.open("w", encoding="utf-8", newline="") as file:
            told = tracing(file, timestamps=False, regress=regress) if start else None
            connection = await AsyncConnection.open(plan_for(dsn, {}), autocommit=True, trace=told)
            if not start:
                connection.trace(file, timestamps=False, regress=regress)
            await connection.run(Ours(connection.talk).calls(calls))
            await connection.close()

    asyncio.run(whole())
    return path.read_bytes()


FACES = {"connect": blocking, "aconnect": asynchronous}


@pytest.fixture
def theirs(tmp_path: Path) -> Theirs:
    try:
        found = libpq.find()
    except libpq.NoLibpq as missing:
        pytest.skip(str(missing))
    return Theirs(found.library, tmp_path / "theirs")


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("mode", FLAGS)
@pytest.mark.parametrize("case", CASES)
def test_calls(
    theirs: Theirs, server: AnyServer, tmp_path: Path, case: str, mode: str, face: str
) -> None:
    calls, flags = CASES[case], FLAGS[mode]
    wanted = expected(theirs.trace(server.dsn, calls, flags, start=False), flags)
    got = lines(FACES[face](server.dsn, calls, tmp_path / "ours", flags, start=False))
    assert got == wanted
    assert got[-2:] == [b"F\t4\tTerminate", b""]


STARTS = {
    "trust": "",
    "protocol 3.2": "max_protocol_version=3.2",
    "options": "options='-c work_mem=64kB' application_name=äpp client_encoding=LATIN1",
    "clear text": "user=u_clear password=pw",
    "md5": "user=u_md5 password=pw",
    "SCRAM": "user=u_scram password=pw",
    "no TLS question": "sslmode=disable",
}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("mode", FLAGS)
@pytest.mark.parametrize("start", STARTS)
def test_from_the_start(
    theirs: Theirs, server: AnyServer, tmp_path: Path, start: str, mode: str, face: str
) -> None:
    dsn, flags = f"{server.dsn} {STARTS[start]}", FLAGS[mode]
    calls: List[Call] = [("exec", "select 1")]
    raw = theirs.trace(dsn, calls, flags, start=True)
    got = FACES[face](dsn, calls, tmp_path / "ours", flags, start=True)
    assert lines(got) == expected(raw, flags)
    assert b"pw" not in got


@pytest.mark.parametrize("mode", FLAGS)
def test_through_tls(theirs: Theirs, tls_server: AnyServer, tmp_path: Path, mode: str) -> None:
    dsn = f"{tls_server.dsn} user=u_tls password=pw sslmode=require channel_binding=require"
    flags = FLAGS[mode]
    calls: List[Call] = [("exec", "select 1")]
    wanted = expected(theirs.trace(dsn, calls, flags, start=True), flags)
    got = lines(blocking(dsn, calls, tmp_path / "ours", flags, start=True))
    assert got[1] == b"B\t1\tSSLResponse\t S"
    assert got == wanted


@pytest.mark.parametrize("mode", FLAGS)
@pytest.mark.parametrize("more", ["options='-c foo=1'", "dbname=none", "user=u_scram password=x"])
def test_a_refused_start(
    theirs: Theirs, server: AnyServer, tmp_path: Path, more: str, mode: str
) -> None:
    dsn, flags = f"{server.dsn} {more} sslmode=disable", FLAGS[mode]
    path = tmp_path / "ours"
    wanted = expected(theirs.trace(dsn, [], flags, start=True), flags)
    with path.open("wb") as file, pytest.raises(Error):
        told = tracing(file, timestamps=False, regress=mode == "regress")
        Connection.open(plan_for(dsn, {}), trace=told)
    assert lines(path.read_bytes()) == wanted


@pytest.mark.parametrize("mode", FLAGS)
@pytest.mark.parametrize("version", ["3.0", "3.2"])
def test_a_cancel_request(
    theirs: Theirs, server: AnyServer, tmp_path: Path, version: str, mode: str
) -> None:
    from purelink.pumps.blocking import BlockingPump

    dsn, flags = f"{server.dsn} max_protocol_version={version} sslmode=disable", FLAGS[mode]
    path = tmp_path / "ours"
    wanted = expected(theirs.cancel_request(dsn, flags), flags)
    connection = Connection.open(plan_for(dsn, {}))
    with path.open("wb") as file:
        # A cancel has its own connection, and is not written into the trace of the session's.
        connection.trace(file)
        connection.cancel()
        connection.untrace()
        assert not path.read_bytes()
        pump = BlockingPump()
        pump.trace = tracing(file, timestamps=False, regress=mode == "regress")
        pump.run(connection.talk.cancellation())
        pump.close()
    connection.close()
    assert lines(path.read_bytes()) == wanted


def test_timestamps(theirs: Theirs, server: AnyServer, tmp_path: Path) -> None:
    calls: List[Call] = [("exec", "select 1")]
    wanted = theirs.trace(server.dsn, calls, 0, start=False).split(b"\n")
    path = tmp_path / "ours"
    with path.open("wb") as file:
        connection = Connection.open(plan_for(server.dsn, {}))
        connection.trace(file)
        connection.run(Ours(connection.talk).calls(calls))
        connection.close()
    got = path.read_bytes().split(b"\n")
    assert len(got) == len(wanted) == 7
    for line, other in zip(got[:-1], wanted):
        (ours, told), (libpqs, wish) = line.split(b"\t", 1), other.split(b"\t", 1)
        assert told == wish
        assert len(ours) == len(libpqs)
        assert abs(moment(ours) - moment(libpqs)) < timedelta(minutes=1)


def moment(stamp: bytes) -> datetime:
    return datetime.strptime(stamp.decode(), "%Y-%m-%d %H:%M:%S.%f").astimezone()


def message(tag: bytes, body: bytes = b"") -> bytes:
    return tag + struct.pack("!i", len(body) + 4) + body


STARTED = (
    message(b"R", struct.pack("!i", 0))
    + message(b"K", struct.pack("!i", 7) + b"keys")
    + message(b"Z", b"I")
)


def scripted(*replies: bytes) -> str:
    """Return the DSN of a server that answers each thing it is sent with the next reply."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(2)

    def serve() -> None:
        with listener:
            for _ in range(2):
                channel = listener.accept()[0]
                with channel:
                    for reply in replies:
                        if not channel.recv(65536):
                            break
                        channel.sendall(reply)
                    while channel.recv(65536):
                        pass

    threading.Thread(target=serve, daemon=True).start()
    port = listener.getsockname()[1]
    return f"host=127.0.0.1 port={port} user=u dbname=d sslmode=disable"


ODD = {
    "said on the side": (
        STARTED,
        message(b"A", struct.pack("!i", 4) + b"ch\0pay\0")
        + message(b"S", b"x\0y\0")
        + message(b"N", b"SNOTICE\0C00000\0Mhi\n\xff\0L7\0\0")
        + message(b"C", b"DO\0")
        + message(b"Z", b"T"),
    ),
    "an empty query in a failed transaction": (STARTED, message(b"I") + message(b"Z", b"E")),
    "an error with control characters": (
        STARTED,
        message(b"E", b"SERROR\0C57014\0Mno\nway\x01\0\x80odd\0\0") + message(b"Z", b"I"),
    ),
    "a negotiated version": (
        message(b"v", struct.pack("!ii", 0x30000, 0)) + STARTED,
        message(b"I") + message(b"Z", b"I"),
    ),
}


@pytest.mark.parametrize("mode", FLAGS)
@pytest.mark.parametrize("odd", ODD)
def test_what_no_server_says_when_asked(
    theirs: Theirs, tmp_path: Path, odd: str, mode: str
) -> None:
    more = " max_protocol_version=3.2" if "version" in odd else ""
    dsn, flags = scripted(*ODD[odd]) + more, FLAGS[mode]
    calls: List[Call] = [("exec", "q")]
    wanted = expected(theirs.trace(dsn, calls, flags, start=True), flags)
    assert lines(blocking(dsn, calls, tmp_path / "ours", flags, start=True)) == wanted
