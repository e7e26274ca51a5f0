"""`python -m tests.portability [--slow] [--only TEXT …]`: run the table, print it as markdown.

Exit code 1 if a row does not hold. What a machine can't have is a row that says so.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.cluster import cluster
from tests.portability import carried, interpreters, narrow, servers, wasm
from tests.portability.place import Failed, Missing, Place
from tests.portability.table import ROWS, SLOW

PARTS = (interpreters, carried, narrow, servers, wasm)  # importing them fills the table


def say(text: str) -> None:
    """Print a line now: the next may take minutes."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Run the rows that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slow", action="store_true", help="those that download or build, too")
    parser.add_argument("--only", nargs="*", default=[], help="rows whose name contains this")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir(), "purelink-npm"))
    options = parser.parse_args()
    failed = 0
    say("| where | seen |\n|---|---|")
    with tempfile.TemporaryDirectory(prefix="purelink-place-") as scratch, cluster() as server:
        Path(scratch).chmod(0o755)
        place = Place(server.dsn, Path(scratch), options.cache)
        for name, function in ROWS.items():
            if options.only and not any(text in name for text in options.only):
                continue
            if name in SLOW and not (options.slow or options.only):
                continue
            began = time.perf_counter()
            try:
                seen = function(place)
            except Missing as missing:
                seen = f"skipped: {missing}"
            except Failed as error:
                failed += 1
                seen = f"**FAILED**: {error}"
            say(f"| {name} | {seen} ({time.perf_counter() - began:.0f} s) |")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
