"""Rows of the portability table: interpreters, with the checks and with all unit tests."""

from __future__ import annotations

from tests.portability.place import PACKAGE, Place, interpreter
from tests.portability.table import Row, row


def _version(version: str) -> Row:
    return lambda place: place.smoke(interpreter(version))


for _each in ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15"):
    row(f"CPython {_each}")(_version(_each))
for _each in ("3.13t", "3.14t"):
    row(f"CPython {_each} (free-threaded)")(_version(_each))
row("PyPy")(_version("pypy3"))


def _unit_tests(version: str) -> Row:
    def run(place: Place) -> str:
        folder = place.folder(f"unit-{version}")
        place.run(interpreter(version), "-m", "venv", folder / "venv")
        python = folder / "venv" / "bin" / "python"
        place.run(
            python, "-m", "pip", "install", "-q", "--disable-pip-version-check",
            "hypothesis", "scramp", "pytest", "pytest-xdist", "pytest-cov", seconds=600,
        )  # fmt: skip
        said = place.run(
            python, "-m", "pytest", "-q", "--no-cov", "-p", "no:cacheprovider", "tests/unit",
            "--dsn", place.dsn, cwd=PACKAGE.parent, seconds=1200,
        )  # fmt: skip
        return said.strip("= ")

    return run


for _each in ("3.9", "3.13", "pypy3"):
    row(f"unit tests on {_each}", slow=True)(_unit_tests(_each))
