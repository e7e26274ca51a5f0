"""What a user's code on the asyncio face is to a type checker. Read by mypy --strict, never run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, AsyncIterator, Dict, List, Optional, Tuple

from typing_extensions import assert_type

import purelink
from purelink import pool, rows

Row = Tuple[Any, ...]


@dataclass
class Item:
    name: str


async def connecting() -> None:
    async with await purelink.aconnect("dbname=x", autocommit=True) as connection:
        assert_type(connection, purelink.AsyncConnection[Row])
    named = await purelink.aconnect(row_factory=rows.dict_row)
    assert_type(named, purelink.AsyncConnection[Dict[str, Any]])
    cursor = await named.execute("select 1")
    assert_type(await cursor.fetchone(), Optional[Dict[str, Any]])
    await purelink.aconnect(17)  # type: ignore[arg-type]


async def native(connection: purelink.AsyncConnection) -> None:
    result = await connection.query("select $1::int", 1, timeout=2)
    assert_type(result, purelink.Result)
    assert_type(await connection.script("select 1; select 2"), List[purelink.Result])
    assert_type(await connection.executemany("insert into t values ($1)", [(1,)]), int)
    async with connection.stream("select 1", chunk=100) as stream:
        async for row in stream:
            assert_type(row, Row)
    async with connection.pipeline() as pipeline:
        handle = pipeline.query("select 1")
    assert_type(handle.result(), purelink.Result)

    async def source() -> AsyncIterator[Tuple[int, str]]:
        yield 1, "a"

    assert_type(await connection.copy_in("copy t from stdin", source()), int)
    async for block in connection.copy_out("copy t to stdout"):
        assert_type(block, bytes)
    assert_type(await connection.wait_for_notification(1.0), Optional[purelink.Notification])
    await connection.query(1)  # type: ignore[arg-type]
    with connection:  # type: ignore[attr-defined]
        pass


async def cursors(connection: purelink.AsyncConnection) -> None:
    cursor = connection.cursor()
    assert_type(cursor, purelink.AsyncCursor[Row])
    await cursor.execute("select %s", [1])
    assert_type(await cursor.fetchall(), List[Row])
    async for row in cursor:
        assert_type(row, Row)
    items = connection.cursor(row_factory=rows.class_row(Item))
    await items.execute("select name from item")
    assert_type(await items.fetchone(), Optional[Item])
    async with connection.transaction():
        await connection.execute("select %(a)s", {"a": 1})


async def pools() -> None:
    async with pool.AsyncConnectionPool("dbname=x", min_size=1) as connections:
        async with connections.connection() as connection:
            assert_type(connection, purelink.AsyncConnection[Row])
        assert_type(connections.get_stats(), Dict[str, int])


async def links() -> None:
    async with purelink.AsyncSession(user="alice") as session:
        assert_type(await session.dblink_connect("host=a password=b"), Optional[str])
