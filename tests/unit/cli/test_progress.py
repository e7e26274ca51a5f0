"""How far a COPY is, as a line."""

from __future__ import annotations

import io

import pytest

from purelink.cli.progress import Progress, duration, size
from purelink.cli.terminal import Output


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (65536, "65.5 kB"),
        (3_456_789, "3.5 MB"),
        (10**18, "1000.0 PB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (7.4, "0:07"), (62, "1:02"), (3723, "1:02:03")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def progress(total: int | None, *, shown: bool = True) -> tuple[Progress, io.StringIO, list[float]]:
    now = [100.0]
    stream = io.StringIO()
    made = Progress(Output(stream), shown=shown, total=total, clock=lambda: now[0])
    return made, stream, now


def test_the_time_that_is_left() -> None:
    made, stream, now = progress(1_000_000)
    now[0] += 2
    made.add(500, 250_000)
    assert made.line() == (
        "[######..................]   25%  500 rows  250.0 kB  125.0 kB/s  0:06 left"
    )
    assert stream.getvalue() == "\r" + made.line()
    made.add(1500, 750_000)  # too soon to be drawn
    assert stream.getvalue().count("\r") == 1
    now[0] += 2
    made.add(0, 0)
    assert made.line().endswith("100%  2,000 rows  1.0 MB  250.0 kB/s")
    made.close()
    assert stream.getvalue().endswith(" \r")
    made.close()


def test_an_unknown_size() -> None:
    made, _, now = progress(None)
    now[0] += 65
    made.add(1_234_567, 65_000_000)
    assert made.line() == "1,234,567 rows  65.0 MB  1.0 MB/s  1:05"


def test_nothing_is_drawn_unless_wanted() -> None:
    made, stream, _ = progress(0, shown=False)
    made.add(1, 1)
    made.close()
    assert stream.getvalue() == ""
    assert "100%" in made.line()
