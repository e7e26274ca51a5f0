"""The asyncio drivers that `bench.queries` compares; see `bench.drivers`."""
# ruff: noqa: D102, ARG002 - a method a workload, told once in `Driver` and `bench.queries`

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

from bench.drivers import (
    BY_KEY,
    COPY_IN,
    COPY_OUT,
    ENCRYPTED,
    INSERT,
    SERIES,
    TABLE,
    Driver,
    parts_of,
)


class AsyncDriver(Driver):
    """The base of those for asyncio."""

    lacks = ()

    def __init__(self, dsn: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.crowd: list[Any] = []
        super().__init__(dsn)

    def run(self, workload: str, size: int) -> Any:
        found = super().run(workload, size)
        return self.loop.run_until_complete(found) if asyncio.iscoroutine(found) else found

    def encrypted(self) -> bool:
        found = self.loop.run_until_complete(self.fetch(ENCRYPTED))
        return bool(found[0][0])

    def finish(self, workload: str, result: Any) -> str:
        if workload in ("executemany", "copy_in"):
            result = self.loop.run_until_complete(self.fetch("SELECT * FROM many ORDER BY a"))
            return super().finish("", result)
        return super().finish(workload, result)

    def prepare(self, workload: str, size: int) -> None:
        super().prepare(workload, size)
        if workload == "concurrent" and not self.crowd:
            self.crowd = self.loop.run_until_complete(self.gathered(200))

    async def gathered(self, count: int) -> list[Any]:
        """Return so many connections."""
        return [await self.another() for _ in range(count)]

    async def another(self) -> Any:
        """Return one more connection."""
        raise NotImplementedError

    async def concurrent(self, size: int) -> Any:
        """Let all of the crowd ask together."""

        async def one(connection: Any) -> Any:
            for _ in range(size):
                found = await self.ask(connection)
            return found

        return await asyncio.gather(*[one(each) for each in self.crowd])

    async def ask(self, connection: Any) -> Any:
        """Ask one connection for SELECT 1."""
        raise NotImplementedError


class AsyncPurelink(AsyncDriver):
    """purelink, asyncio."""

    def open(self) -> None:
        import purelink

        self.connect_ = purelink.aconnect
        self.connection = self.loop.run_until_complete(self.another())
        self.script(TABLE)

    async def another(self) -> Any:
        return await self.connect_(self.dsn, autocommit=True)

    async def connect_cold(self, size: int) -> Any:
        for _ in range(size):
            opened = await self.connect_(self.dsn, autocommit=True, keep_scram_keys=False)
            await opened.close()
        return size

    async def ask(self, connection: Any) -> Any:
        return (await connection.query("SELECT 1")).rows

    def script(self, sql: str) -> None:
        self.loop.run_until_complete(self.connection.script(sql))

    async def fetch(self, sql: str) -> Any:
        return (await self.connection.query(sql)).rows

    async def select1(self, size: int) -> Any:
        query = self.connection.query
        for _ in range(size):
            found = (await query("SELECT 1")).rows
        return found

    async def by_key(self, size: int) -> Any:
        query, sql = self.connection.query, BY_KEY.format("$1")
        for n in range(size):
            found = (await query(sql, n)).rows
        return found

    async def executemany(self, size: int) -> Any:
        sql = INSERT.format("$1", "$2", "$3", "$4")
        return await self.connection.executemany(sql, self.given)

    async def copy_in(self, size: int) -> Any:
        return await self.connection.copy_in(COPY_IN + " (FORMAT binary)", self.given)

    async def copy_out(self, size: int) -> Any:
        return sum([len(block) async for block in self.connection.copy_out(COPY_OUT)])

    async def pipeline(self, size: int) -> Any:
        async with self.connection.pipeline() as pipeline:
            handles = [pipeline.query("SELECT $1::int4", n) for n in range(size)]
        return [handle.result().rows[0][0] for handle in handles]

    async def stream(self, size: int) -> Any:
        total = 0
        async for n, _ in self.connection.stream(SERIES.format(size)):
            total += n
        return total

    async def connect(self, size: int) -> Any:
        for _ in range(size):
            await (await self.another()).close()
        return size


class AsyncPsycopg(AsyncDriver):
    """psycopg 3's asyncio face: for the crowd alone."""

    lacks = (
        "select1", "by_key", "nums", "mixed", "docs", "text", "executemany", "copy_in",
        "copy_out", "pipeline", "stream", "connect", "connect_cold",
    )  # fmt: skip

    def open(self) -> None:
        import psycopg

        self.connect_ = psycopg.AsyncConnection.connect

    def encrypted(self) -> bool:
        return self.loop.run_until_complete(self.seen_encrypted())

    async def seen_encrypted(self) -> bool:
        """Ask on a connection of its own."""
        async with await self.another() as connection:
            cursor = await connection.execute(ENCRYPTED)
            return bool((await cursor.fetchone())[0])

    async def another(self) -> Any:
        return await self.connect_(self.dsn, autocommit=True)

    async def ask(self, connection: Any) -> Any:
        return await (await connection.execute("SELECT 1")).fetchall()


class Asyncpg(AsyncDriver):
    """asyncpg."""

    lacks = ("pipeline",)

    def open(self) -> None:
        self.connection = self.loop.run_until_complete(self.another())
        self.script(TABLE)

    async def another(self) -> Any:
        import asyncpg

        parts = parts_of(self.dsn)
        return await asyncpg.connect(
            host=parts["host"],
            port=int(parts["port"]),
            user=parts["user"],
            password=parts["password"].strip("'"),
            database=parts["dbname"],
            ssl=self.context or False,
        )

    async def ask(self, connection: Any) -> Any:
        return await connection.fetch("SELECT 1")

    def script(self, sql: str) -> None:
        self.loop.run_until_complete(self.connection.execute(sql))

    def prepare(self, workload: str, size: int) -> None:
        super().prepare(workload, size)
        if workload == "docs":
            self.loop.run_until_complete(
                self.connection.set_type_codec(
                    "jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog"
                )
            )

    async def fetch(self, sql: str) -> Any:
        return await self.connection.fetch(sql)

    async def select1(self, size: int) -> Any:
        fetch = self.connection.fetch
        for _ in range(size):
            found = await fetch("SELECT 1")
        return found

    async def by_key(self, size: int) -> Any:
        fetch, sql = self.connection.fetch, BY_KEY.format("$1")
        for n in range(size):
            found = await fetch(sql, n)
        return found

    async def executemany(self, size: int) -> Any:
        await self.connection.executemany(INSERT.format("$1", "$2", "$3", "$4"), self.given)
        return size

    async def copy_in(self, size: int) -> Any:
        await self.connection.copy_records_to_table("many", records=self.given)
        return size

    async def copy_out(self, size: int) -> Any:
        file = io.BytesIO()
        sql = COPY_OUT[len("COPY (") : COPY_OUT.index(") TO STDOUT")]
        await self.connection.copy_from_query(sql, output=file)
        return len(file.getvalue())

    async def stream(self, size: int) -> Any:
        total = 0
        async with self.connection.transaction():
            async for n, _ in self.connection.cursor(SERIES.format(size), prefetch=1000):
                total += n
        return total

    async def connect(self, size: int) -> Any:
        for _ in range(size):
            await (await self.another()).close()
        return size
