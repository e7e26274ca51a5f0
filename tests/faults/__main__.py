"""`python -m tests.faults [--only TEXT …] [--faces blocking asyncio]`: the fault table, played.

Prints markdown: fault × phase, blocking / asyncio. Exit code 1 if an outcome is not as required.
Takes some ten minutes: what is silent is ended by deadlines alone.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from purelink.testing.server import Server
from tests.faults.cells import judge, play
from tests.faults.faults import FAULTS, Missing
from tests.faults.phases import PHASES
from tests.portability.place import Place


def main() -> int:
    """Play the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], help="faults whose name contains this")
    parser.add_argument("--phases", nargs="*", default=list(PHASES), choices=list(PHASES))
    parser.add_argument("--faces", nargs="*", default=["blocking", "asyncio"])
    options = parser.parse_args()
    failed = 0
    sys.stdout.write("| fault | phase | " + " | ".join(options.faces) + " |\n")
    sys.stdout.write("|---|---|" + "---|" * len(options.faces) + "\n")
    with tempfile.TemporaryDirectory(prefix="purelink-faults-") as scratch, Server() as server:
        Path(scratch).chmod(0o755)
        place = Place(server.dsn, Path(scratch), Path(scratch))
        for name, fault in FAULTS.items():
            if options.only and not any(text in name for text in options.only):
                continue
            for phase in options.phases:
                cells = []
                for face in options.faces:
                    try:
                        seen = play(server, fault, phase, face, place)
                    except Missing as missing:
                        cells.append(f"skipped: {missing}")
                        continue
                    wrong = judge(seen, fault, phase)
                    failed += bool(wrong)
                    cells.append(f"**{wrong}** ({seen})" if wrong else str(seen))
                sys.stdout.write(f"| {name} | {phase} | {' | '.join(cells)} |\n")
                sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
