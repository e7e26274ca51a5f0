"""Ctrl-C at any line of ours: the connection is in step, or plainly closed, and rarely that."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.interrupts import KINDS

if TYPE_CHECKING:
    from tests.conftest import AnyServer


def test_interrupted_at_many_lines(server: AnyServer) -> None:
    # In a process of its own: a tracer of ours and coverage's are in each other's way.
    run = subprocess.run(
        [sys.executable, "-m", "tests.interrupts", server.dsn, "--points", "60"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found.keys() == KINDS.keys()
    for kind, fate in found.items():
        assert fate["points"] >= 40, kind
        assert fate["wrong"] == [], kind
        assert fate["swallowed"] == [], kind
        # Between two steps of the session's own state nobody can tell; that is little of the way.
        assert len(fate["closed"]) < fate["points"] / 4, kind
