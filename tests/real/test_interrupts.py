"""Ctrl-C at any line of ours: the connection is in step, or plainly closed, and rarely that."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.interrupts import KINDS

if TYPE_CHECKING:
    from tests.conftest import AnyServer


def interrupts(*arguments: str) -> dict[str, Any]:
    # In a process of its own: a tracer of ours and coverage's are in each other's way.
    run = subprocess.run(
        [sys.executable, "-m", "tests.interrupts", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def test_interrupted_at_many_lines(server: AnyServer) -> None:
    found = interrupts(server.dsn, "--points", "60")
    assert found.keys() == KINDS.keys()
    for kind, fate in found.items():
        assert fate["points"] >= 40, kind
        assert fate["wrong"] == [], kind
        assert fate["swallowed"] == [], kind
        # Between two steps of the session's own state nobody can tell; that is little of the way.
        assert len(fate["closed"]) < fate["points"] / 4, kind


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this platform has no itimer")
def test_interrupted_at_many_moments(server: AnyServer) -> None:
    found = interrupts(server.dsn, "--timed", "400")
    assert found["wrong"] == 0
    assert found["interrupted"] > 0
    assert found["closed"] < 40
