"""pandas and polars on a bare connection, and on SQLAlchemy's: the real packages."""

from __future__ import annotations

import datetime as dt
import warnings
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

import purelink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import AnyServer

pytestmark = pytest.mark.server

pandas: Any = pytest.importorskip("pandas", reason="pandas is not installed")
polars: Any = pytest.importorskip("polars", reason="polars is not installed")

SETUP = """
create temp table sales (
    id int, big int8, day date, at timestamp, moment timestamptz, shop text, amount numeric(10, 2),
    rate float8, good bool, tags text[], raw bytea
);
insert into sales select n, n::int8 << 40, date '2024-01-01' + n,
    timestamp '2024-01-01' + n * interval '1 s',
    timestamptz '2024-01-01 00:00Z' + n * interval '1 s',
    'shop ' || n % 3, n * 1.25, n / 3.0, n % 2 = 0,
    array['a', 'b' || n], decode(lpad(to_hex(n), 4, '0'), 'hex') from generate_series(1, 100) n;
insert into sales (id) values (101);
"""


@pytest.fixture
def connection(server: AnyServer) -> Iterator[purelink.Connection[Any]]:
    with purelink.connect(server.dsn) as made:
        made.script(SETUP)
        yield made


def read_sql(*args: Any, **keywords: Any) -> Any:
    """pandas.read_sql without its warning that it knows SQLAlchemy better."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="pandas only supports SQLAlchemy")
        return pandas.read_sql(*args, **keywords)


def test_pandas_reads(connection: purelink.Connection[Any]) -> None:
    frame = read_sql("select * from sales order by id", connection)
    assert list(frame.columns)[:4] == ["id", "big", "day", "at"]
    assert len(frame) == 101
    assert frame["id"].dtype == "int64"
    assert frame["big"][1] == 2 << 40
    assert frame["day"][0] == dt.date(2024, 1, 2)
    assert frame["amount"][0] == Decimal("1.25")
    assert frame["rate"].isna().sum() == 1
    assert str(frame["moment"].dtype).endswith("UTC]") or frame["moment"][0].tzinfo is not None
    assert frame["tags"][0] == ["a", "b1"]
    assert frame["raw"][0] == b"\x00\x01"


def test_pandas_parameters_chunks_and_index(connection: purelink.Connection[Any]) -> None:
    sql = "select id, shop from sales where shop = %(shop)s and id > %(least)s order by id"
    frame = read_sql(sql, connection, params={"shop": "shop 1", "least": 50}, index_col="id")
    assert list(frame.index)[:2] == [52, 55]
    pieces = list(
        read_sql("select id from sales where id <= %s", connection, params=(100,), chunksize=30)
    )
    assert [len(piece) for piece in pieces] == [30, 30, 30, 10]
    dated = read_sql("select day from sales where id < 3", connection, parse_dates=["day"])
    assert str(dated["day"].dtype).startswith("datetime64")
    empty = read_sql("select id from sales where false", connection)
    assert list(empty.columns) == ["id"]
    assert len(empty) == 0


def test_pandas_errors_are_told(connection: purelink.Connection[Any]) -> None:
    # As docs/frames.md says: pandas 2 wraps it in its own class.
    version = tuple(map(int, pandas.__version__.split(".")[:2]))
    own = [pandas.errors.DatabaseError] if version < (3, 1) else []
    through = [purelink.errors.UndefinedColumn] if version >= (3, 0) else []
    with pytest.raises((*own, *through), match="nothing"):
        read_sql("select nothing from sales", connection)
    connection.rollback()
    assert connection.query("select 1").scalar() == 1


def test_pandas_writes_through_sqlalchemy(server: AnyServer) -> None:
    sa = pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed")
    import purelink.sqlalchemy

    purelink.sqlalchemy.register()
    url = sa.URL.create(
        "postgresql+purelink", server.superuser, server.password, server.host, server.port,
        "postgres",
    )  # fmt: skip
    engine = sa.create_engine(url)
    frame = pandas.DataFrame(
        {
            "n": [1, 2, None],
            "text": ["a", "b%s", None],
            "at": pandas.to_datetime(["2024-01-01 01:02:03.000004", None, "2024-02-03 00:00:00.0"]),
        }
    )
    try:
        for method in (None, "multi"):
            frame.to_sql("purelink_frame", engine, index=False, if_exists="replace", method=method)
            back = pandas.read_sql("purelink_frame", engine)
            assert back["at"][0] == frame["at"][0]
            assert back["n"].tolist()[:2] == [1, 2]
            assert back["text"].tolist()[:2] == ["a", "b%s"]
            assert back.isna().sum().tolist() == [1, 1, 1]
    finally:
        with engine.begin() as one:
            one.exec_driver_sql("drop table if exists purelink_frame")
        engine.dispose()


def test_polars_reads(connection: purelink.Connection[Any]) -> None:
    frame = polars.read_database("select * from sales order by id", connection)
    assert frame.shape == (101, 11)
    assert frame.schema["id"] in (polars.Int32, polars.Int64)
    assert frame.schema["day"] == polars.Date
    assert isinstance(frame.schema["at"], polars.Datetime)
    assert isinstance(frame.schema["amount"], polars.Decimal)
    assert frame.schema["good"] == polars.Boolean
    assert frame["big"][99] == 100 << 40
    assert frame["amount"].sum() == Decimal("6312.50")
    assert frame["rate"].null_count() == 1
    assert frame["raw"][0] == b"\x00\x01"


def test_polars_parameters_and_batches(connection: purelink.Connection[Any]) -> None:
    frame = polars.read_database(
        "select id from sales where id > %(least)s",
        connection,
        execute_options={"params": {"least": 98}},
    )
    assert sorted(frame["id"].to_list()) == [99, 100, 101]
    pieces = polars.read_database(
        "select id from sales order by id", connection, iter_batches=True, batch_size=40
    )
    assert [len(piece) for piece in pieces] == [40, 40, 21]


def test_a_frame_into_a_table(connection: purelink.Connection[Any]) -> None:
    frame = polars.DataFrame({"id": [1, 2, None], "shop": ["x", None, "y\t"]})
    copied = connection.copy_in("copy sales (id, shop) from stdin", frame.iter_rows())
    assert copied == 3
    found = connection.query("select count(*) from sales where shop = $1", "y\t").scalar()
    assert found == 1
