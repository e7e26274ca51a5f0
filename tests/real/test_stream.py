"""`stream` on a real server, both faces: bounded memory, leaving early, errors, refusals."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any, Callable

import pytest

from purelink.errors import DataError, InterfaceError, LocalProtocolError, ProgrammingError

if TYPE_CHECKING:
    from tests.both import Door
    from tests.conftest import AnyServer

MANY = "select n, n::text from generate_series(1, $1) n"


def in_step(connection: Any) -> None:
    assert connection.query("select 1").scalar() == 1


@pytest.mark.parametrize("chunk", [1, 2, 999, 1000, 5000])
@pytest.mark.parametrize("count", [0, 1, 1000, 2500])
def test_all_rows(connection: Any, chunk: int, count: int) -> None:
    if chunk < 100 and count > 1000:
        count = 20
    rows = list(connection.stream(MANY, count, chunk=chunk))
    assert rows == [(n, str(n)) for n in range(1, count + 1)]
    in_step(connection)


def test_chunks_and_columns(connection: Any) -> None:
    with connection.stream(MANY, 25, chunk=10) as stream:
        assert [column.name for column in stream.description or ()] == ["n", "n"]
        assert [len(rows) for rows in stream.chunks()] == [10, 10, 5]
        assert stream.fetch() == []
    in_step(connection)


def test_left_early(connection: Any) -> None:
    with connection.stream(MANY, 200_000) as stream:
        for row in stream:
            if row[0] == 1500:
                break
    in_step(connection)
    with pytest.raises(ZeroDivisionError), connection.stream(MANY, 200_000) as stream:
        for _ in stream:
            raise ZeroDivisionError
    in_step(connection)
    with connection.stream(MANY, 200_000):
        pass
    in_step(connection)
    stream = connection.stream(MANY, 200_000)
    assert stream.fetch()[0] == (1, "1")
    stream.close()
    stream.close()
    with pytest.raises(InterfaceError, match="closed before its end"):
        stream.fetch()
    in_step(connection)


def test_a_loop_without_a_block(door: Door) -> None:
    connection = door.connect()
    for row in connection.stream(MANY, 200_000):
        assert row == (1, "1")
        break
    in_step(connection)


def test_never_begun(connection: Any) -> None:
    connection.stream(MANY, 1)
    connection.stream("nonsense").close()
    in_step(connection)


def test_leaving_keeps_the_transaction(door: Door) -> None:
    connection = door.connect(autocommit=False)
    connection.query("create temp table kept (a int)")
    connection.query("insert into kept values (1)")
    with connection.stream(MANY, 1_000_000) as stream:
        assert connection.transaction_status == "active"
        stream.fetch()
    assert connection.transaction_status == "in transaction"
    assert connection.query("select count(*) from kept").scalar() == 1
    connection.commit()
    with connection.stream("select 1") as stream:
        assert list(stream) == [(1,)]
    assert connection.transaction_status == "in transaction"


def test_the_connection_is_its_own(connection: Any) -> None:
    with connection.stream(MANY, 10_000) as stream:
        stream.fetch()
        uses: list[Callable[[], Any]] = [
            lambda: connection.query("select 1"),
            lambda: connection.script("select 1"),
            lambda: connection.stream("select 1").fetch(),
            lambda: connection.copy_in("copy t from stdin", []),
            lambda: connection.executemany("select $1", [(1,)]),
            lambda: connection.pipeline().query("select 1"),
            lambda: connection.wait_for_notification(0.1),
        ]
        for use in uses:
            with pytest.raises(LocalProtocolError, match="a stream is open on this connection"):
                use()
        assert connection.is_alive()
        assert sum(len(rows) for rows in stream.chunks()) == 9000
    in_step(connection)


def test_errors_of_the_server(connection: Any) -> None:
    with pytest.raises(ProgrammingError, match="does not exist"):
        list(connection.stream("select nothing"))
    in_step(connection)
    seen = 0
    with pytest.raises(DataError, match="division by zero"):
        for _ in connection.stream("select 1/(2500-n) from generate_series(1, 9999) n"):
            seen += 1
    assert seen == 2000
    in_step(connection)


def test_a_value_that_python_cannot_hold(connection: Any) -> None:
    with pytest.raises(DataError):
        list(connection.stream("select '200000-01-01'::date from generate_series(1, 3000)"))
    in_step(connection)


def test_statements_without_rows(connection: Any) -> None:
    stream = connection.stream("create temp table streamed (a int)")
    assert list(stream) == []
    assert stream.description is None
    assert list(connection.stream("")) == []
    rows = list(
        connection.stream("insert into streamed select generate_series(1, 2500) returning a")
    )
    assert len(rows) == 2500
    assert connection.query("select count(*) from streamed").scalar() == 2500


def test_copy_is_refused(connection: Any) -> None:
    with pytest.raises(ProgrammingError, match=r"copy_in\(\) and copy_out\(\)"):
        list(connection.stream("copy (select 1) to stdout"))
    in_step(connection)
    connection.query("create temp table copied (a int)")
    with pytest.raises(ProgrammingError, match=r"copy_in\(\) and copy_out\(\)"):
        list(connection.stream("copy copied from stdin"))
    in_step(connection)


@pytest.mark.parametrize("chunk", [0, -1, 1.5, 1 << 31, "1"])
def test_no_such_chunk(connection: Any, chunk: Any) -> None:
    with pytest.raises(InterfaceError, match="chunk must be 1 to"):
        connection.stream("select 1", chunk=chunk)


def test_a_timeout_ends_it(connection: Any) -> None:
    stream = connection.stream("select pg_sleep(10)", timeout=0.2)
    with pytest.raises(TimeoutError):
        stream.fetch()
    in_step(connection)


MEMORY = """
import resource, sys
import purelink
connection = purelink.connect(sys.argv[1], autocommit=True)
count = 0
list(connection.stream("select n, n::text from generate_series(1, 2000) n"))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for row in connection.stream("select n, repeat('x', 100) from generate_series(1, 300000) n"):
    count += 1
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
connection.close()
"""


def test_memory_is_bounded(server: AnyServer) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, server.dsn], capture_output=True, text=True, check=True
    )
    count, grown = map(int, done.stdout.split())
    assert count == 300_000
    assert grown < 10_000  # kB


def test_who_is_refused_does_not_disturb(connection: Any) -> None:
    with connection.stream("select generate_series(1, 5000)", chunk=10) as stream:
        rows = iter(stream)
        assert next(rows) == (1,)
        for _ in range(3):
            with pytest.raises(LocalProtocolError):
                connection.query("select 1")
        assert len(list(rows)) == 4999
