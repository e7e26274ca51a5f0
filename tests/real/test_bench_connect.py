"""A small part of the connecting bench runs: tables and JSON come out. Nothing is timed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bench import connect
from purelink.testing.programs import ProgramsMissing, find

if TYPE_CHECKING:
    from pathlib import Path


def test_a_little_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        find("tls")
    except ProgramsMissing as missing:
        pytest.skip(f"no server with TLS: {missing}")
    out = tmp_path / "out.json"
    chosen = ["--drivers", "purelink", "purelink-async", "psycopg", "--megabytes", "1"]
    assert connect.main(["--quick", "--rounds", "1", *chosen, "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "| TLS, wall | " in printed
    assert "| 1 MB of text | plaintext, CPU | TLS, CPU | ratio |" in printed
    assert len(json.loads(out.read_text())["seconds"]) == 12
