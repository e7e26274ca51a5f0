"""SQLAlchemy on purelink's dialects, on a real server: both faces, from URL to disconnect.

SQLAlchemy's own suite runs by `python -m tests.conformance.sqlalchemy_suite`.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import decimal
import importlib
import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import pytest

pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed")

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import create_async_engine

import purelink
import purelink.sqlalchemy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import AnyServer

pytestmark = pytest.mark.server

purelink.sqlalchemy.register()


class Engine:
    """An engine of either kind: `run` gives a Connection of SQLAlchemy's to a function."""

    def __init__(self, kind: str, url: str, **options: Any) -> None:
        self.waits = kind == "asyncio"
        self.loop = asyncio.new_event_loop() if self.waits else None
        create: Any = create_async_engine if self.waits else sa.create_engine
        self.engine = create(url, **options)

    def run(self, work: Callable[[sa.Connection], Any], **options: Any) -> Any:
        """Run in a transaction."""
        if self.loop is None:
            with self.engine.connect() as connection:
                connection = connection.execution_options(**options)
                with connection.begin():
                    return work(connection)

        async def run() -> Any:
            async with self.engine.connect() as connection:
                await connection.execution_options(**options)
                async with connection.begin():
                    return await connection.run_sync(work)

        return self.loop.run_until_complete(run())

    def bare(self, work: Callable[[sa.Connection], Any]) -> Any:
        """Run; transactions are the work's own."""
        if self.loop is None:
            with self.engine.connect() as connection:
                return work(connection)

        async def run() -> Any:
            async with self.engine.connect() as connection:
                return await connection.run_sync(work)

        return self.loop.run_until_complete(run())

    def close(self) -> None:
        if self.loop is None:
            self.engine.dispose()
        else:
            self.loop.run_until_complete(self.engine.dispose())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()


def url_of(server: AnyServer, **query: Any) -> sa.URL:
    return sa.URL.create(
        "postgresql+purelink",
        username=server.superuser,
        password=server.password,
        host=server.host,
        port=server.port,
        database="loc" if getattr(server, "owned", False) else "postgres",
        query=query,
    )


@pytest.fixture(params=["blocking", "asyncio"])
def make(request: pytest.FixtureRequest, server: AnyServer) -> Iterator[Callable[..., Engine]]:
    made: list[Engine] = []

    def make(query: dict[str, Any] | None = None, **options: Any) -> Engine:
        made.append(Engine(request.param, url_of(server, **(query or {})), **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def engine(make: Callable[..., Engine]) -> Engine:
    return make()


def test_the_urls_query_goes_to_the_connection_string(make: Callable[..., Engine]) -> None:
    query = {
        "sslmode": "disable",
        "target_session_attrs": "read-write",
        "application_name": "from the url",
        "statement_cache_size": "7",
    }
    engine = make(query)

    def work(connection: sa.Connection) -> Any:
        driver: Any = connection.connection.driver_connection
        return (
            connection.scalar(sa.text("show application_name")),
            driver.settings["sslmode"],
            driver.settings["target_session_attrs"],
            driver.talk.statements.size,
        )

    assert engine.run(work) == ("from the url", "disable", "read-write", 7)


def arguments(url: str) -> dict[str, Any]:
    keywords: dict[str, Any]
    args, keywords = sa.create_engine(url).dialect.create_connect_args(sa.make_url(url))  # type: ignore[assignment]
    assert args == []
    return keywords


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        ("/", {}),
        ("/?host=%2Ftmp&port=5433", {"host": "/tmp", "port": "5433"}),
        (
            "u:p%40s@h:1/d",
            {"user": "u", "password": "p@s", "host": "h", "port": "1", "dbname": "d"},
        ),
        ("/d?host=a,b&port=1,2", {"dbname": "d", "host": "a,b", "port": "1,2"}),
        ("/d?host=a:1&host=b:2&host=c", {"dbname": "d", "host": "a,b,c", "port": "1,2,"}),
        ("/d?host=::1", {"dbname": "d", "host": "::1"}),
        ("/?timeout=1.5&service=s", {"timeout": 1.5, "service": "s"}),
    ],
)
def test_urls(tail: str, expected: dict[str, Any]) -> None:
    assert arguments(f"postgresql+purelink://{tail}") == expected


@pytest.mark.parametrize("query", ["statement_cache_size=x", "host=a:1&port=2"])
def test_urls_that_are_wrong(query: str) -> None:
    with pytest.raises(exc.ArgumentError):
        arguments(f"postgresql+purelink:///?{query}")


def test_a_word_that_libpq_does_not_know(make: Callable[..., Engine]) -> None:
    engine = make({"sslmod": "require"})
    with pytest.raises(exc.DBAPIError, match="sslmod") as caught:
        engine.run(lambda connection: None)
    assert isinstance(caught.value.orig, purelink.ConninfoError)


Values = [
    (sa.Uuid(), uuid.UUID(int=5)),
    (sa.JSON(), {"a": [1, None, "ü"]}),
    (pg.JSONB(), [1.5, {"b": False}]),
    (pg.ARRAY(sa.Integer), [1, None, 3]),
    (pg.ARRAY(sa.Text, dimensions=2), [["a", 'q"'], ["", "d"]]),
    (pg.ARRAY(pg.UUID), [uuid.UUID(int=1)]),
    (pg.INT4RANGE(), pg.Range(1, 10)),
    (pg.NUMRANGE(), pg.Range(None, decimal.Decimal("1.5"), bounds="(]")),
    (pg.DATERANGE(), pg.Range(empty=True)),
    (pg.INT8MULTIRANGE(), [pg.Range(1, 3), pg.Range(5, 1 << 40)]),
    (pg.TSTZRANGE(), pg.Range(dt.datetime(2024, 2, 3, tzinfo=dt.timezone.utc), None)),
    (sa.Interval(), dt.timedelta(days=-3, seconds=7, microseconds=1)),
    (sa.LargeBinary(), bytes(range(256))),
    (sa.Numeric(30, 10), decimal.Decimal("12345678901234567890.0123456789")),
    (sa.Float(), 0.1),
    (sa.Boolean(), True),
    (sa.BigInteger(), 1 << 62),
    (sa.Date(), dt.date(1, 1, 1)),
    (sa.Time(), dt.time(23, 59, 59, 999999)),
    (sa.DateTime(), dt.datetime(2024, 2, 3, 4, 5, 6, 7)),  # noqa: DTZ001 - meant
    (sa.DateTime(timezone=True), dt.datetime(2024, 2, 3, tzinfo=dt.timezone.utc)),
    (sa.Text(), "100 % of %(this)s :and that \\"),
    (pg.BIT(3), "101"),
    (sa.Enum("one", "two", name="purelink_enum"), "two"),
]


@pytest.mark.parametrize(("type_", "value"), Values, ids=lambda each: type(each).__name__)
def test_values(engine: Engine, type_: Any, value: Any) -> None:
    """In and out of a table, None too, and many at a time."""
    if type(type_).__name__ == "BIT" and not isinstance(value, type_.python_type):
        value = type_.python_type(value)
    metadata = sa.MetaData()
    table = sa.Table(
        "purelink_values", metadata, sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("value", type_),
    )  # fmt: skip

    def work(connection: sa.Connection) -> Any:
        metadata.drop_all(connection)
        metadata.create_all(connection)
        connection.execute(table.insert(), {"value": value})
        ids = connection.execute(
            table.insert().returning(table.c.id), [{"value": each} for each in (value, None)]
        ).all()
        found = connection.scalars(sa.select(table.c.value).order_by(table.c.id)).all()
        same = connection.scalar(sa.select(sa.func.count()).where(table.c.value == value)) if (
            type(type_).__name__ != "JSON"
        ) else 2  # fmt: skip
        metadata.drop_all(connection)
        return ids, found, same

    ids, found, same = engine.run(work)
    assert ids == [(2,), (3,)]
    assert found == [value, value, None]
    assert type(found[0]) is type(value) or isinstance(value, list)
    assert same == 2


def test_months_become_days(engine: Engine) -> None:
    found = engine.run(
        lambda c: c.scalar(
            sa.text("select interval '1 year 2 mons 3 days -1 s'").columns(a=sa.Interval())
        )
    )
    assert found == dt.timedelta(days=365 + 60 + 3, seconds=-1)


def test_hstore(engine: Engine, server: AnyServer) -> None:
    if not getattr(server, "owned", False):
        pytest.skip("the server of --dsn may have no hstore")

    def work(connection: sa.Connection) -> Any:
        connection.execute(sa.text("create extension if not exists hstore"))
        value = sa.cast({"a": "1", 'q"': None}, pg.HSTORE)
        return connection.scalar(sa.select(value))

    assert engine.run(work) == {"a": "1", 'q"': None}


def test_json_and_inet_as_the_engine_is_told(make: Callable[..., Engine]) -> None:
    engine = make(
        json_deserializer=lambda text: ("read", text),
        json_serializer=lambda value: f'["{value}"]',
        native_inet_types=False,
    )

    def work(connection: sa.Connection) -> Any:
        row = connection.execute(
            sa.select(sa.cast(sa.literal("x", sa.JSON), sa.JSON), sa.text("inet '10.0.0.1/8'"))
        ).one()
        return tuple(row)

    assert engine.run(work) == (("read", '["x"]'), "10.0.0.1/8")


def test_many_rows_at_a_time(engine: Engine) -> None:
    metadata = sa.MetaData()
    table = sa.Table(
        "purelink_many", metadata, sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("n", sa.Integer),
    )  # fmt: skip

    def work(connection: sa.Connection) -> Any:
        metadata.create_all(connection)
        rows = [{"n": n} for n in range(2500)]
        returned = connection.execute(
            table.insert().returning(table.c.n, sort_by_parameter_order=True), rows
        ).scalars()
        assert list(returned) == list(range(2500))
        updated = connection.execute(
            table.update().where(table.c.n == sa.bindparam("old")).values(n=sa.bindparam("new")),
            [{"old": n, "new": -n} for n in range(1, 11)],
        )
        total = connection.scalar(sa.select(sa.func.sum(table.c.n)))
        metadata.drop_all(connection)
        return updated.rowcount, total

    assert engine.run(work) == (10, sum(range(2500)) - 2 * 55)


def test_what_one_connection_changes_is_not_stale_on_another(make: Callable[..., Engine]) -> None:
    """Also where the other one is inside a transaction, and has the statement prepared."""
    engine = make(pool_size=2)
    if engine.loop is not None:
        pytest.skip("told in the blocking one: the dialects share it")
    tables = [
        sa.Table("purelink_stale", sa.MetaData(), sa.Column("a", kind))
        for kind in (sa.Integer, sa.Text)
    ]
    with engine.engine.connect() as one, engine.engine.connect() as other:
        for table in tables:
            table.create(one)
            one.commit()
            for _ in range(3):
                assert other.execute(sa.text("select * from purelink_stale")).all() == []
            other.rollback()
            table.drop(one)
            one.commit()


def test_isolation_levels(make: Callable[..., Engine]) -> None:
    engine = make(isolation_level="REPEATABLE READ")
    show = sa.text("show transaction_isolation")
    assert engine.run(lambda c: c.scalar(show)) == "repeatable read"
    assert engine.run(lambda c: c.scalar(show), isolation_level="SERIALIZABLE") == "serializable"
    assert engine.run(lambda c: c.get_isolation_level()) == "REPEATABLE READ"
    read_only = {"postgresql_readonly": True, "postgresql_deferrable": True}
    shown = sa.text("select current_setting('transaction_read_only'), "
                    "current_setting('transaction_deferrable')")  # fmt: skip
    assert engine.run(lambda c: tuple(c.execute(shown).one()), **read_only) == ("on", "on")
    assert engine.run(lambda c: tuple(c.execute(shown).one())) == ("off", "off")

    def autocommit(connection: sa.Connection) -> Any:
        connection.execute(sa.text("select 1"))
        return connection.connection.driver_connection.transaction_status  # type: ignore[union-attr]

    assert engine.run(autocommit, isolation_level="AUTOCOMMIT") == "idle"


def test_errors_keep_their_class_and_code(engine: Engine) -> None:
    cases = [
        ("select 1/0", exc.DataError, "22012"),
        ("select nothing", exc.ProgrammingError, "42703"),
        ("do $$ begin raise unique_violation; end $$", exc.IntegrityError, "23505"),
    ]
    for sql, kind, sqlstate in cases:
        with pytest.raises(kind) as caught:
            engine.run(lambda c, sql=sql: c.execute(sa.text(sql)))  # type: ignore[misc]
        assert caught.value.orig.sqlstate == sqlstate  # type: ignore[union-attr]
        assert not caught.value.connection_invalidated


def test_a_lost_connection_is_known_and_replaced(make: Callable[..., Engine]) -> None:
    engine = make(pool_size=1, max_overflow=0)
    with pytest.raises(exc.DBAPIError) as caught:
        engine.run(lambda c: c.execute(sa.text("select pg_terminate_backend(pg_backend_pid())")))
    assert caught.value.connection_invalidated
    assert engine.run(lambda c: c.scalar(sa.text("select 1"))) == 1


def test_the_ping_is_no_round_trip_and_finds_the_dead(
    make: Callable[..., Engine], server: AnyServer
) -> None:
    engine = make(pool_size=1, max_overflow=0, pool_pre_ping=True)
    pid = engine.run(lambda c: c.scalar(sa.text("select pg_backend_pid()")))
    with purelink.connect(server.dsn, autocommit=True) as killer:
        killer.query("select pg_terminate_backend($1)", pid)
        while killer.query("select 1 from pg_stat_activity where pid = $1", pid).rows:
            pass
    other = engine.run(lambda c: c.scalar(sa.text("select pg_backend_pid()")))
    assert other != pid


def test_reflection(engine: Engine) -> None:
    def work(connection: sa.Connection) -> Any:
        connection.execute(
            sa.text(
                "create table purelink_seen (id int generated always as identity primary key,"
                " name varchar(20) not null unique, tags text[], span int4range,"
                " price numeric(10,2) check (price > 0))"
            )
        )
        table = sa.Table("purelink_seen", sa.MetaData(), autoload_with=connection)
        seen = sa.inspect(connection)
        found = (
            {column.name: repr(column.type) for column in table.columns},
            seen.get_pk_constraint("purelink_seen")["constrained_columns"],
            [each["column_names"] for each in seen.get_unique_constraints("purelink_seen")],
            len(seen.get_check_constraints("purelink_seen")),
        )
        connection.execute(sa.text("drop table purelink_seen"))
        return found

    assert engine.run(work) == (
        {
            "id": "INTEGER()", "name": "VARCHAR(length=20)", "tags": "ARRAY(TEXT())",
            "span": "INT4RANGE()", "price": "NUMERIC(precision=10, scale=2)",
        },
        ["id"],
        [["name"]],
        1,
    )  # fmt: skip


def test_the_entry_points_are_the_dialects() -> None:
    """What an installed wheel tells SQLAlchemy is what `register` tells it here."""
    project = Path(__file__).resolve().parents[2] / "pyproject.toml"
    _, _, table = project.read_text(encoding="utf-8").partition(
        '[project.entry-points."sqlalchemy.dialects"]\n'
    )
    told = re.findall(r'^"(.+)" = "(.+):(.+)"$', table.partition("\n\n")[0], re.MULTILINE)
    assert {name for name, _, _ in told} == {"postgresql.purelink", "postgresql.purelink_async"}
    for name, module, attribute in told:
        found = getattr(importlib.import_module(module), attribute)
        assert found is sa.dialects.registry.load(name)
        assert found is sa.make_url(f"{name.replace('.', '+')}://").get_dialect()


@pytest.fixture
def preparing(server: AnyServer) -> None:
    with purelink.connect(server.dsn, autocommit=True) as connection:
        prepares = connection.query("show max_prepared_transactions").scalar() != "0"
    if not server.owned and not prepares:
        pytest.skip("the server of --dsn prepares no transactions (max_prepared_transactions)")


def test_two_phases(preparing: None, make: Callable[..., Engine]) -> None:
    engine = make()

    def prepare(connection: sa.Connection) -> None:
        connection.begin_twophase("purelink_xid").prepare()
        connection.invalidate()  # as if it were lost between the phases

    def recover(connection: sa.Connection) -> list[str]:
        found = connection.recover_twophase()
        for xid in found:
            connection.rollback_prepared(xid, recover=True)
        return found

    engine.bare(prepare)
    assert engine.bare(recover) == ["purelink_xid"]
    assert engine.bare(recover) == []


def test_two_phases_as_a_program_says_it(preparing: None, make: Callable[..., Engine]) -> None:
    engine = make()

    def work(connection: sa.Connection) -> list[str]:
        connection.execute(sa.text("create table sa_two (a text)"))
        connection.commit()
        try:
            for word, prepares, commits in (
                ("both", True, True),
                ("one", False, True),
                ("not", True, False),
            ):
                transaction = connection.begin_twophase()
                connection.execute(sa.text("insert into sa_two values (:a)"), {"a": word})
                if prepares:
                    transaction.prepare()
                (transaction.commit if commits else transaction.rollback)()
            return list(connection.scalars(sa.text("select a from sa_two order by a")))
        finally:
            connection.rollback()
            connection.execute(sa.text("drop table sa_two"))
            connection.commit()

    assert engine.bare(work) == ["both", "one"]


def test_a_bare_connection_that_is_garbage_is_closed(make: Callable[..., Engine]) -> None:
    engine = make()
    if engine.loop is None:
        pytest.skip("the blocking dialect needs nothing for that")

    async def run() -> int:
        connection = await engine.engine.connect()
        raw = await connection.get_raw_connection()
        driver = raw.driver_connection
        raw.dbapi_connection.terminate()
        assert driver.closed
        await connection.invalidate()
        await connection.close()
        return 1

    assert engine.loop.run_until_complete(run()) == 1
