"""A small part of the bench runs: drivers agree, table and JSON come out. Nothing is timed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bench import queries
from purelink.testing.programs import ProgramsMissing, find

if TYPE_CHECKING:
    from pathlib import Path


def test_a_little_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        find("any")
    except ProgramsMissing as missing:
        pytest.skip(f"no server: {missing}")
    for name, (_, _, unit) in list(queries.WORKLOADS.items()):
        monkeypatch.setitem(queries.WORKLOADS, name, (10, 10, unit))
    out = tmp_path / "out.json"
    works = ["select1", "nums", "mixed", "docs", "executemany", "copy_in", "pipeline", "stream"]
    chosen = ["--rounds", "1", "--drivers", "purelink", "purelink-async", "psycopg-c"]
    assert queries.main(["--quick", *chosen, "--json", str(out), "--only", *works]) == 0
    printed = capsys.readouterr().out
    assert "| 10 SELECT 1, one after another |" in printed
    assert set(json.loads(out.read_text())["seconds"]) == set(works)
