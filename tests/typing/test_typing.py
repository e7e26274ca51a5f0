"""The files beside this one, checked as a user would: by mypy --strict, purelink installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def test_strict_mypy_is_content(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    files = sorted(path for path in HERE.glob("*.py") if not path.name.startswith("test_"))
    assert len(files) >= 2
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", *map(str, files)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
