"""Rows of the portability table: ways to carry the package along."""

from __future__ import annotations

import os
import re
import sys
import zipfile

from tests.portability.place import PACKAGE, SMOKE, Failed, Missing, Place
from tests.portability.table import row


@row("zipapp")
def _zipapp(place: Place) -> str:
    archive = place.folder("zipapp") / "app.pyz"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(PACKAGE.rglob("*.py")):
            file.write(path, path.relative_to(PACKAGE.parent))
        file.write(SMOKE, "__main__.py")
    return place.smoke(sys.executable, "-I", script=archive, path=None)


@row("pip install --target")
def _target(place: Place) -> str:
    folder = place.folder("target")
    place.run(
        sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps",
        "--target", folder, PACKAGE.parent, environment={"PIP_NO_CACHE_DIR": "1"}, seconds=300,
    )  # fmt: skip
    _no_compiled_file(folder)
    return place.smoke(path=folder, cwd=folder)


def _no_compiled_file(folder: object) -> None:
    for top, _, names in os.walk(str(folder)):
        for name in names:
            if re.search(r"\.(so|pyd|dll|dylib|a|o|wasm)(\.|$)", name):
                raise Failed(f"a compiled file: {top}/{name}")


@row("vendored under another name")
def _vendored(place: Place) -> str:
    folder = place.folder("vendored")
    place.copied("vendored/plugin/_vendor", "otherlink")
    check = (
        "import runpy, sys; sys.argv[0] = sys.argv[1]; del sys.argv[1];"
        "runpy.run_path(sys.argv[0], run_name='__main__');"
        "mixed = [name for name in sys.modules if name.split('.')[0] == 'purelink'];"
        "assert not mixed, mixed"
    )
    return place.run(
        sys.executable, "-c", check, SMOKE, place.dsn, "plugin._vendor.otherlink",
        path=folder, cwd=folder,
    )  # fmt: skip


@row("PyInstaller, one file", slow=True)
def _pyinstaller(place: Place) -> str:
    folder = place.folder("frozen")
    try:
        place.run(
            sys.executable, "-m", "PyInstaller", "--onefile", "--log-level", "ERROR",
            "--collect-submodules", "purelink", SMOKE,
            cwd=folder, environment={"HOME": str(folder)}, seconds=500,
        )  # fmt: skip
    except Failed as error:
        if "No module named PyInstaller" in str(error):
            raise Missing("PyInstaller is not installed") from error
        raise
    return place.run(folder / "dist" / "smoke", place.dsn, path=None)
