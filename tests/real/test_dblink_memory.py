"""A result of any size streams in bounded memory: a million rows, and the process's peak.

Run by itself (`python tests/real/test_dblink_memory.py CONNINFO [ROWS]`) it prints the figures.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.server

ROWS = 1_000_000
#: what the peak may grow by, in MB; all rows at once take more than 300
BOUND = 24


def measure(conninfo: str, rows: int = ROWS) -> tuple[int, int, int]:
    """Return the rows read, and the peak of memory before and after, in kB."""
    import resource

    from purelink import Session

    def peak() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with Session(superuser=True) as session:
        session.dblink_connect("c", conninfo)
        columns = "n int, t text, d date"
        sql = "select g, 'row number ' || g, date '2020-01-01' from generate_series(1, {}) g"
        session.dblink("c", sql.format(10_000), columns=columns).fetchall()
        before = peak()
        seen = total = 0
        for number, _, _ in session.dblink("c", sql.format(rows), columns=columns):
            seen, total = seen + 1, total + number
        assert total == rows * (rows + 1) // 2
        # left half-way, the link is in step
        result = session.dblink("c", sql.format(rows), columns=columns)
        for _ in zip(range(rows // 2), result):
            pass
        result.close()
        assert session.dblink("c", "select 1").fetchall() == [(1,)]
        return seen, before, peak()


def test_a_million_rows(server: Any) -> None:
    pytest.importorskip("resource", reason="peak memory is measured by getrusage")
    conninfo = f"host={server.host} port={server.port} user={server.superuser} dbname=rem"
    done = subprocess.run(
        [sys.executable, __file__, conninfo],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent.parent,
        env={"PYTHONPATH": "."},
    )
    seen, before, after = (int(word) for word in done.stdout.split()[:3])
    assert seen == ROWS
    # macOS counts bytes, everybody else kB
    growth = (after - before) / (1024 if sys.platform != "darwin" else 1024 * 1024)
    assert growth < BOUND, f"the peak grew by {growth:.1f} MB"


if __name__ == "__main__":
    counted, first, last = measure(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else ROWS)
    sys.stdout.write(f"{counted} {first} {last} rows, peak kB before, after\n")
