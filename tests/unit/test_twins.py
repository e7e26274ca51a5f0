"""Both faces have the same methods with the same arguments, whatever waits or not."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from purelink import aio, arequests, connection, requests, types
from purelink.cursors import (
    aclient,
    alistening,
    aserver,
    client,
    copying,
    large,
    listening,
    server,
    transactions,
)
from purelink.dblink import aio as dblink_aio
from purelink.dblink import session
from purelink.pool import aio as pool_aio
from purelink.pool import blocking as pool_blocking

PAIRS = [
    (connection.Connection, aio.AsyncConnection),
    (client.Cursor, aclient.AsyncCursor),
    (server.ServerCursor, aserver.AsyncServerCursor),
    (copying.Copy, copying.AsyncCopy),
    (large.LargeObject, large.AsyncLargeObject),
    (listening.Listener, alistening.AsyncListener),
    (transactions.Transaction, transactions.AsyncTransaction),
    (types.Types, types.AsyncTypes),
    (requests.Stream, arequests.AsyncStream),
    (requests.CopyOut, arequests.AsyncCopyOut),
    (requests.Pipeline, arequests.AsyncPipeline),
    (session.Session, dblink_aio.AsyncSession),
    (session.LinkRows, dblink_aio.AsyncLinkRows),
    (session.Gather, dblink_aio.AsyncGather),
    (pool_blocking.ConnectionPool, pool_aio.AsyncConnectionPool),
    (pool_blocking.NullConnectionPool, pool_aio.AsyncNullConnectionPool),
]
#: what Python itself calls otherwise where it waits
RENAMED = {
    "__enter__": "__aenter__",
    "__exit__": "__aexit__",
    "__iter__": "__aiter__",
    "__next__": "__anext__",
}


def methods(kind: type) -> dict[str, Any]:
    for name in ("cursor_factory", "server_cursor_factory"):
        getattr(kind, name, None)  # these are there once they are asked for
    found = {
        name: value
        for base in reversed(kind.__mro__[:-1])
        if base.__module__.startswith("purelink")  # not what `io` brings along
        for name, value in vars(base).items()
        if callable(value) or isinstance(value, (property, classmethod))
    }
    public = {
        name: each
        for name, each in found.items()
        # PEP 249's exceptions, as attributes, are the same on both
        if not name.startswith("_")
        and not (isinstance(each, type) and issubclass(each, BaseException))
    }
    public.update({name: found[name] for name in (*RENAMED, *RENAMED.values()) if name in found})
    return public


def arguments(method: Any) -> list[tuple[str, Any, Any]]:
    if isinstance(method, property):
        return []
    function = method.__func__ if isinstance(method, classmethod) else method
    signature = inspect.signature(function)
    return [(each.name, each.kind, each.default) for each in signature.parameters.values()]


@pytest.mark.parametrize(("blocking", "waiting"), PAIRS, ids=lambda kind: kind.__name__)
def test_no_twin_is_missing(blocking: type, waiting: type) -> None:
    ours, theirs = methods(blocking), methods(waiting)
    assert {RENAMED.get(name, name) for name in ours} == set(theirs)
    for name, method in ours.items():
        twin = theirs[RENAMED.get(name, name)]
        assert type(method) is type(twin), name
        assert arguments(method) == arguments(twin), name


@pytest.mark.parametrize(("blocking", "waiting"), PAIRS, ids=lambda kind: kind.__name__)
def test_everything_public_has_a_docstring(blocking: type, waiting: type) -> None:
    for kind in (blocking, waiting):
        assert inspect.getdoc(kind)
        for name, method in methods(kind).items():
            assert name.startswith("_") or inspect.getdoc(method), name


def test_the_doors() -> None:
    assert arguments(connection.connect) == arguments(aio.aconnect)
