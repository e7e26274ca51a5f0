"""Rows of the portability table: Python compiled to WebAssembly, with a byte stream for a socket.

Pyodide runs under node. It has no sockets: node opens one, and hands its bytes to `dial`.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from tests.portability.place import PACKAGE, Place, program
from tests.portability.table import row

#: pinned: the newest is another interpreter tomorrow
PYODIDE = "pyodide@314.0.7"
SCRIPT = Path(__file__).with_name("pyodide.mjs")


@row("Pyodide under node", slow=True)
def _pyodide(place: Place) -> str:
    pyodide = place.npm(PYODIDE)
    archive = place.folder("pyodide") / "purelink.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(PACKAGE.rglob("*.py")):
            file.write(path, path.relative_to(PACKAGE.parent))
    return place.run(
        program("node"), SCRIPT, pyodide / "pyodide.mjs", archive, place.dsn, cwd=place.scratch
    )
