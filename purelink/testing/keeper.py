"""The keeper: a small process that outlives us by a moment and takes the servers down.

Run as `python -I -S keeper.py FOLDER`; imports the standard library only, and nothing of purelink.
It waits for the end of its standard input, which comes with the end of the process that holds the
other side, however that ended: return, exception, SIGTERM, SIGKILL. What that process has left in
FOLDER, running servers included, is then removed. On a tidy end there is nothing left to do.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path

_PATIENCE = 8.0  # seconds; PostgreSQL itself kills stuck backends after 5


def sweep(folder: Path) -> None:
    """End every PostgreSQL server whose data lies in `folder`, then remove the folder."""
    files = list(folder.glob("*/data/postmaster.pid"))
    # A test may have stopped the server with SIGSTOP; SIGCONT first, else it can't hear the rest.
    for name in ("SIGCONT", "SIGQUIT"):
        for file in files:
            _send(file, name)
    deadline = time.monotonic() + _PATIENCE
    # The file, not the process: one that nobody waits for stays in the table as a zombie.
    while any(map(Path.exists, files)) and time.monotonic() < deadline:
        time.sleep(0.02)
    for file in files:
        _send(file, "SIGKILL")
    shutil.rmtree(folder, ignore_errors=True)


def _send(file: Path, name: str) -> None:
    # The first line of postmaster.pid is the server's; Windows knows termination alone.
    try:
        pid = int(file.read_text(encoding="ascii").split("\n", 1)[0])
        os.kill(pid, getattr(signal, name, signal.SIGTERM))
    except (OSError, ValueError):
        return


if __name__ == "__main__":
    sys.stdin.buffer.read()
    sweep(Path(sys.argv[1]))
