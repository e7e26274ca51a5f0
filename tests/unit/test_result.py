"""A result column by column: lists, arrays, and the Arrow stream that others read."""

from __future__ import annotations

from array import array
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from purelink.errors import DataError, NotSupportedError, ProgrammingError
from purelink.result import Result
from purelink.values.interval import Interval
from purelink.wire.backend import Column


def result(*columns: tuple[str, int, list[Any]], modifier: int = -1) -> Result:
    described = tuple(
        [Column(name, oid, type_modifier=modifier) for name, oid, _ in columns],
    )
    rows = list(zip(*[values for _, _, values in columns]))
    return Result(rows, described, f"SELECT {len(rows)}")


def test_columns_are_lists() -> None:
    found = result(("a", 23, [1, 2]), ("b", 25, ["x", None]))
    assert found.columns() == [[1, 2], ["x", None]]
    assert found.column_names == ["a", "b"]


def test_of_no_rows_they_are_empty() -> None:
    assert result(("a", 23, []), ("b", 25, [])).columns() == [[], []]
    assert Result([], None, "BEGIN").columns() == []
    assert result(("a", 23, [])).columns(arrays=True) == [array("i")]


@pytest.mark.parametrize(
    ("oid", "letter", "size"),
    [(21, "h", 2), (23, "i", 4), (20, "q", 8), (26, "I", 4), (700, "f", 4), (701, "d", 8)],
)
def test_numbers_as_arrays(oid: int, letter: str, size: int) -> None:
    found = result(("n", oid, [1, 2, 3]), ("t", 25, ["a", "b", "c"])).columns(arrays=True)
    assert found == [array(letter, [1, 2, 3]), ["a", "b", "c"]]
    assert memoryview(found[0]).itemsize == size  # type: ignore[arg-type]


def test_a_null_keeps_a_list() -> None:
    assert result(("n", 23, [1, None])).columns(arrays=True) == [[1, None]]


def arrow(found: Result) -> Any:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    return pyarrow.table(found)


def test_arrow_types_follow_from_the_column() -> None:
    moment = datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=timezone.utc)
    table = arrow(
        result(
            ("bool", 16, [True, None]),
            ("int2", 21, [1, 2]),
            ("int8", 20, [1, None]),
            ("float4", 700, [1.5, None]),
            ("text", 25, ["a", None]),
            ("bytea", 17, [b"\0", None]),
            ("date", 1082, [date(2024, 1, 2), None]),
            ("time", 1083, [time(1, 2, 3, 4), None]),
            ("timestamp", 1114, [moment.replace(tzinfo=None), None]),
            ("timestamptz", 1184, [moment, None]),
            ("interval", 1186, [Interval(1, 2, 3), timedelta(4, 5, 6)]),
            ("uuid", 2950, [UUID(int=1), None]),
            ("jsonb", 3802, [{"a": [1, "é"]}, None]),
            ("int4[]", 1007, [[[1, None]], None]),
            ("uuid[]", 2951, [[UUID(int=1)], []]),
            ("int4range", 3904, ["[1,2)", None]),
            ("numeric", 1700, [Decimal("1.50"), None]),
        )
    )
    assert [str(field.type) for field in table.schema] == [
        "bool",
        "int16",
        "int64",
        "float",
        "string",
        "binary",
        "date32[day]",
        "time64[us]",
        "timestamp[us]",
        "timestamp[us, tz=UTC]",
        "month_day_nano_interval",
        "string",
        "string",
        "list<item: list<item: int32>>",
        "list<item: string>",
        "string",
        "string",
    ]
    first = table.slice(0, 1).to_pylist()[0]
    assert first["timestamptz"] == moment
    assert tuple(first["interval"]) == (1, 2, 3000)
    assert first["jsonb"] == '{"a": [1, "é"]}'
    assert first["int4[]"] == [[1, None]]
    assert first["uuid"] == "00000000-0000-0000-0000-000000000001"
    assert first["numeric"] == "1.50"


def test_the_schema_of_no_rows_is_the_same() -> None:
    table = arrow(result(("a", 23, []), ("a", 1184, [])))
    assert [str(field.type) for field in table.schema] == ["int32", "timestamp[us, tz=UTC]"]


@pytest.mark.parametrize(
    ("modifier", "kind"),
    [
        ((10 << 16 | 2) + 4, "decimal128(10, 2)"),
        ((50 << 16 | 2) + 4, "decimal256(50, 2)"),
        ((3 << 16 | 0x7FE) + 4, "decimal128(3, -2)"),
        (-1, "string"),
    ],
)
def test_numeric_by_its_modifier(modifier: int, kind: str) -> None:
    table = arrow(result(("n", 1700, [Decimal(100), None]), modifier=modifier))
    assert str(table.schema[0].type) == kind


def test_numeric_that_is_no_number_is_text() -> None:
    modifier = (10 << 16 | 2) + 4
    table = arrow(result(("n", 1700, [Decimal("NaN"), Decimal(1)]), modifier=modifier))
    assert table.to_pydict() == {"n": ["NaN", "1"]}


def test_what_arrow_cannot_hold_is_a_data_error() -> None:
    with pytest.raises(DataError, match=r"column 'n' .integer. has no place in Arrow's int32"):
        arrow(result(("n", 23, ["odd"])))


def test_a_command_has_no_table() -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    with pytest.raises(ProgrammingError, match="nothing for Arrow"):
        Result([], None, "BEGIN").__arrow_c_stream__()


def test_without_pyarrow_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(NotSupportedError, match="pip install pyarrow"):
        result(("n", 23, [1])).__arrow_c_stream__()
