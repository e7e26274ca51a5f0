"""PEP 249 as PyPI's `dbapi-compliance` asks for it: all 36 tests, each override with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest

import purelink

dbapi20: Any = pytest.importorskip("dbapi20", reason="dbapi-compliance is not installed")

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import AnyServer

pytestmark = pytest.mark.server


class TestCompliance(dbapi20.DatabaseAPI20Test):  # type: ignore[misc]  # the suite has no types
    driver = purelink
    connect_args: ClassVar[tuple[str, ...]] = ()
    connect_kw_args: ClassVar[dict[str, Any]] = {}
    lower_func = "lower"

    @pytest.fixture(autouse=True)
    def _dsn(self, server: AnyServer) -> Iterator[None]:
        type(self).connect_args = (server.dsn,)
        self.opened: list[purelink.Connection] = []
        yield
        for connection in self.opened:
            connection.close()

    def _connect(self) -> purelink.Connection:
        # Overridden: two of the suite's tests leave their connection open, and we warn of that.
        connection = purelink.connect(*self.connect_args)
        self.opened.append(connection)
        return connection

    def _callproc_setup(self, cur: Any) -> None:
        """The suite calls a function `lower`, which PostgreSQL has: nothing to set up."""

    def help_nextset_setUp(self, cur: Any) -> None:  # noqa: N802
        """The suite leaves this to the driver: how a statement with two results is made."""
        self.several = f"select name from {self.table_prefix}booze; select 1"

    def help_nextset_tearDown(self, cur: Any) -> None:  # noqa: N802
        """Nothing was made."""

    def test_non_idempotent_close(self) -> None:
        # Overridden: "reasonable persons differ about the usefulness of this test", the suite says.
        # A second close does nothing, as with psycopg, so that `finally: close()` is always right.
        connection = self._connect()
        connection.close()
        connection.close()
        assert connection.closed

    def test_nextset(self) -> None:
        # Overridden: the suite's own body calls a stored procedure that returns two results, which
        # a function of PostgreSQL's cannot; two statements in one text do.
        connection = self._connect()
        try:
            cursor = connection.cursor()
            self.executeDDL1(cursor)
            for sql in self._populate():
                cursor.execute(sql)
            self.help_nextset_setUp(cursor)
            cursor.execute(self.several)
            assert len(cursor.fetchall()) == len(self.samples)
            assert cursor.nextset()
            assert cursor.fetchall() == [(1,)]
            assert cursor.nextset() is None
        finally:
            connection.close()

    def test_setoutputsize(self) -> None:
        # Overridden: the suite leaves it to the driver. Ours does nothing, at any size.
        connection = self._connect()
        try:
            cursor = connection.cursor()
            cursor.setoutputsize(1)
            cursor.setoutputsize(1, 0)
            cursor.execute("select repeat('x', 100)")
            assert cursor.fetchone() == ("x" * 100,)
        finally:
            connection.close()
