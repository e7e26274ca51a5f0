"""What the workers of a soak do, and the books in which every answer is checked.

Test code only. An operation is told once, against either face: `call` awaits where there is
something to await. Each asks for something that nobody else asks for, so that an answer to
another's question cannot pass.
"""

from __future__ import annotations

import collections
import inspect
import itertools
import sys
from typing import Any, Counter, Dict, List, Set

from purelink.errors import ConnectionLost, Error, Timeout

__all__ = ["OPERATIONS", "Books", "operate"]

#: operation -> weight
OPERATIONS: Dict[str, int] = {
    "echo": 8,
    "rows": 3,
    "insert": 6,
    "copy": 2,
    "pipeline": 2,
    "error": 2,
    "timeout": 1,
    "stream": 1,
}
_NUMBERS = itertools.count(1)


class Books:
    """Counts what was done, and keeps what has to be found in the end.

    Attributes:
        done: operations that went well; errors: by class. wrong: answers that were not ours.
        acknowledged: numbers whose COMMIT was answered; doubtful: those whose end nobody saw;
        refused: those that the server or we refused, or rolled back.
    """

    def __init__(self) -> None:
        self.done: Counter[str] = collections.Counter()
        self.errors: Counter[str] = collections.Counter()
        self.wrong: List[str] = []
        self.acknowledged: Set[int] = set()
        self.doubtful: Set[int] = set()
        self.refused: Set[int] = set()

    @property
    def size(self) -> int:
        """Bytes that the numbers kept here take."""
        kept = (self.acknowledged, self.doubtful, self.refused)
        return sum(sys.getsizeof(each) + len(each) * sys.getsizeof(1 << 31) for each in kept)

    def check(self, what: str, held: bool) -> None:
        """Note an answer that is not the one to our question."""
        if not held:
            self.wrong.append(what)

    def judge(self, found: List[int]) -> List[str]:
        """Return what is wrong with the table in the end, and with the answers."""
        counts = collections.Counter(found)
        present = set(counts)
        wrong = list(self.wrong)
        lost = self.acknowledged - present
        doubled = [number for number, count in counts.items() if count > 1]
        risen = present & self.refused
        unknown = present - self.acknowledged - self.doubtful - self.refused
        for what, numbers in (
            ("acknowledged and lost", lost),
            ("doubled", doubled),
            ("refused and there", risen),
            ("from nowhere", unknown),
        ):
            if numbers:
                wrong.append(f"{len(numbers)} rows {what}: {sorted(numbers)[:5]}")
        return wrong


async def call(value: Any) -> Any:
    """Return a value, awaiting it where it is to be awaited."""
    return await value if inspect.isawaitable(value) else value


async def operate(kind: str, connection: Any, books: Books) -> None:
    """Do one operation on a connection; an expected error is part of it."""
    number = next(_NUMBERS)
    await _OPERATIONS[kind](connection, books, number)
    books.done[kind] += 1


async def _echo(connection: Any, books: Books, number: int) -> None:
    result = await call(connection.query("SELECT $1::int8, $2::text", number, f"t{number}"))
    books.check(f"echo {number}: {result.rows}", result.rows == [(number, f"t{number}")])


async def _rows(connection: Any, books: Books, number: int) -> None:
    sql = "SELECT n, $1::int8 + n, 'x' || n FROM generate_series(1, 300) n"
    result = await call(connection.query(sql, number))
    expected = [(n, number + n, f"x{n}") for n in range(1, 301)]
    books.check(f"rows {number}: {result.rows[:2]} …", result.rows == expected)


async def _insert(connection: Any, books: Books, number: int) -> None:
    try:
        result = await call(
            connection.query("INSERT INTO soak VALUES ($1) RETURNING n", number, timeout=20)
        )
    except ConnectionLost as error:
        (books.doubtful if error.outcome_unknown else books.refused).add(number)
        raise
    except Timeout as error:
        {"cancelled": books.refused, "completed": books.acknowledged}.get(
            error.outcome, books.doubtful
        ).add(number)
        raise
    except Error:
        books.refused.add(number)
        raise
    except BaseException:
        books.doubtful.add(number)
        raise
    books.acknowledged.add(number)
    books.check(f"insert {number}: {result.rows}", result.rows == [(number,)])


async def _copy(connection: Any, books: Books, number: int) -> None:
    rows = [(number, n) for n in range(200)]
    await call(connection.query("CREATE TEMP TABLE IF NOT EXISTS taken (a int8, b int)"))
    await call(connection.query("TRUNCATE taken"))
    count = await call(connection.copy_in("COPY taken FROM STDIN", rows))
    found = (await call(connection.query("SELECT a, b FROM taken ORDER BY b"))).rows
    books.check(f"copy {number}: {count}, {found[:2]} …", count == 200 and found == rows)


async def _pipeline(connection: Any, books: Books, number: int) -> None:
    pipeline = connection.pipeline()
    handles = [pipeline.query("SELECT $1::int8", number + n) for n in range(20)]
    await call(pipeline.sync())
    found = [handle.result().scalar() for handle in handles]
    books.check(f"pipeline {number}: {found}", found == [number + n for n in range(20)])


async def _error(connection: Any, books: Books, number: int) -> None:
    try:
        await call(connection.query("SELECT $1::int8 / 0", number))
    except ConnectionLost:
        raise
    except Error as error:
        books.check(f"error {number}: {error}", getattr(error, "sqlstate", "") == "22012")
    else:
        books.check(f"error {number}: none", held=False)


async def _timeout(connection: Any, books: Books, number: int) -> None:
    try:
        await call(connection.query("SELECT pg_sleep(5), $1::int8", number, timeout=0.02))
    except Timeout:
        return
    books.check(f"timeout {number}: none", held=False)


async def _stream(connection: Any, books: Books, number: int) -> None:
    stream = connection.stream(
        "SELECT $1::int8 + n FROM generate_series(1, 400) n", number, chunk=50
    )
    rows = await call(stream.fetch())
    rows += await call(stream.fetch())
    await call(stream.close())
    expected = [(number + n,) for n in range(1, 101)]
    books.check(f"stream {number}: {rows[:2]} …", rows == expected)


_OPERATIONS = {
    "echo": _echo,
    "rows": _rows,
    "insert": _insert,
    "copy": _copy,
    "pipeline": _pipeline,
    "error": _error,
    "timeout": _timeout,
    "stream": _stream,
}
