"""A small part of the bench runs: drivers agree, table and JSON come out. Nothing is timed."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from bench import packages, queries, table
from purelink.testing.programs import ProgramsMissing, find

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, (_, _, unit) in list(queries.WORKLOADS.items()):
        monkeypatch.setitem(queries.WORKLOADS, name, (10, 10, unit))


def needs(flavour: str) -> None:
    try:
        find(flavour)
    except ProgramsMissing as missing:
        pytest.skip(f"no server: {missing}")


def test_a_little_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    needs("any")
    out = tmp_path / "out.json"
    works = ["select1", "nums", "mixed", "docs", "executemany", "copy_in", "pipeline", "stream"]
    chosen = ["--rounds", "1", "--drivers", "purelink", "purelink-async", "psycopg-c"]
    assert queries.main(["--quick", *chosen, "--json", str(out), "--only", *works]) == 0
    printed = capsys.readouterr().out
    assert "| 10 SELECT 1, one after another |" in printed
    assert set(json.loads(out.read_text())["seconds"]) == set(works)


def test_a_little_of_it_over_tls(capsys: pytest.CaptureFixture[str]) -> None:
    needs("tls")
    chosen = ["--rounds", "1", "--only", "select1", "connect"]
    # The server is asked about each driver; one in plaintext would end the run.
    assert queries.main(["--quick", "--tls", "--cpu", *chosen]) == 0
    printed = capsys.readouterr().out
    assert ", TCP with TLS, 1 rounds" in printed
    assert "| workload | purelink | purelink-async | psycopg-c |" in printed


def test_a_little_of_the_whole_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    needs("any")
    out = tmp_path / "out.json"
    # Of the others the one that the extra `test` brings.
    chosen = ["--drivers", "purelink", "purelink-async", "psycopg-c", "--only", "select1", "nums"]
    places = ["--places", "tcp", "socket", "--interpreters"]
    assert table.main(["--quick", *chosen, *places, "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    assert [each["title"] for each in json.loads(out.read_text())] == ["TCP", "unix socket"]
    assert "| SELECT 1, one after another | psycopg-c | 1.40 × |" in printed
    assert "| rows of int4, int8, float8 | 1.15 × |" in printed


def test_goals_name_what_there_is() -> None:
    assert {goal.workload for goal in table.GOALS} | set(table.BULK) <= set(queries.WORKLOADS)
    assert {goal.than for goal in table.GOALS} - {""} <= set(queries.DRIVERS)


def test_the_fastest_of_the_others_counts() -> None:
    taken = {"purelink": [1.0, 2.0], "purelink-async": [0.1, 0.1]}
    goal = table.Goal("text", "", 1.1)
    assert table.reached({"text": taken}, goal) is None
    taken |= {"asyncpg": [2.0, 4.0], "psycopg2": [1.5]}
    assert table.reached({"text": taken}, goal) == ("psycopg2", 1.5)


def test_an_interpreter_is_found_by_path_only_if_it_runs(tmp_path: Path) -> None:
    assert packages.interpreter(sys.executable) == sys.executable
    with pytest.raises(LookupError, match="no interpreter"):
        packages.interpreter(str(tmp_path / "python"))
