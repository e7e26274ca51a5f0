"""The project's own promises: one version, a licence, types, no C, nothing needed at run time."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "purelink"
#: endings of what a compiler makes, or would need
COMPILED = {".so", ".pyd", ".dll", ".dylib", ".a", ".o", ".c", ".h", ".cpp", ".pyx", ".pxd", ".rs"}

#: long file -> why it is not two
LONG = {
    "purelink/errors.py": "a caller finds every exception and its tree in one place",
    "purelink/_conditions.py": "generated: a line a class, for type checkers alone",
    "purelink/wire/backend.py": "all messages of one side on one page: the catalogue is looked up",
    "purelink/wire/frontend.py": "the same",
    "purelink/connection.py": "the blocking face on one page; its docstrings are the reference",
    "purelink/pumps/asynchronous.py": "one class, its methods the wants; all else has moved out",
}


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


PYPROJECT = text("pyproject.toml")


def version() -> str:
    found = re.search(r'^__version__ = "([^"]+)"$', text("purelink/_version.py"), re.MULTILINE)
    assert found
    return found[1]


def test_the_version_stands_in_one_place() -> None:
    elsewhere = re.compile(rf'version\w*["\']?\s*[=:]\s*["\']{re.escape(version())}["\']')
    holders = [
        path.relative_to(ROOT).as_posix()
        for path in [*PACKAGE.rglob("*.py"), ROOT / "pyproject.toml"]
        if elsewhere.search(path.read_text(encoding="utf-8"))
    ]
    assert holders == ["purelink/_version.py"]


def test_the_version_is_a_public_one() -> None:
    assert re.fullmatch(r"\d+(\.\d+)+((a|b|rc)\d+)?(\.dev\d+)?", version())


def test_the_changelog_tells_of_the_version_or_what_comes() -> None:
    sections = re.findall(r"^## \[([^\]]+)\]", text("CHANGELOG.md"), re.MULTILINE)
    assert sections[0] == "Unreleased"
    assert len(sections) == 1 or sections[1] == version()


def test_the_sdist_holds_what_its_tests_need() -> None:
    found = re.search(
        r"^\[tool\.hatch\.build\.targets\.sdist\]\ninclude = (\[.*?\])",
        PYPROJECT,
        re.MULTILINE | re.DOTALL,
    )
    assert found
    included = set(re.findall(r'"([^"]+)"', found[1]))
    assert all((ROOT / name).exists() for name in included)
    made = {".git", ".venv", "dist", "site", "build", "htmlcov", "__pycache__"}
    there = {
        path.name
        for path in ROOT.iterdir()
        if path.name not in made and not path.name.startswith(".") and path.suffix != ".egg-info"
    }
    assert there - included <= {"pyproject.toml", "PKG-INFO"}


def test_licence_and_papers_are_there() -> None:
    assert text("LICENSE").startswith("The PostgreSQL License")
    for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"):
        assert text(name)


def test_it_is_typed() -> None:
    assert (PACKAGE / "py.typed").read_bytes() == b""


def test_no_compiled_file_and_nothing_to_compile() -> None:
    found = [path for path in PACKAGE.rglob("*") if path.suffix in COMPILED]
    assert found == []


def test_no_c_through_the_back_door() -> None:
    # Also in strings, where the test of the floors doesn't look.
    word = re.compile(r"\b(ctypes|cffi|libpq\.so|LoadLibrary|dlopen)\b")
    found = [path for path in PACKAGE.rglob("*.py") if word.search(path.read_text("utf-8"))]
    assert found == []


def test_nothing_is_required_at_run_time() -> None:
    try:
        requires = metadata.requires("purelink") or []
    except metadata.PackageNotFoundError:
        pytest.skip("purelink is not installed, only on the path")
    assert [line for line in requires if "extra ==" not in line] == []
    assert metadata.version("purelink") == version()


def test_files_are_of_a_readable_size() -> None:
    # Past 450 lines a file is a question to answer in review; the answers stand in LONG.
    found = {
        path.relative_to(ROOT).as_posix(): lines
        for path in PACKAGE.rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 450
        and path.relative_to(ROOT).as_posix() not in LONG
    }
    assert found == {}


@pytest.mark.parametrize("module", ["asyncio", "ssl", "socket", "hashlib", "datetime"])
def test_importing_stays_cheap(module: str) -> None:
    if not (PACKAGE / "__init__.py").exists():
        pytest.skip("purelink/__init__.py is not built yet")
    code = f"import sys, purelink; sys.exit({module!r} in sys.modules)"
    assert (
        subprocess.run(
            [
                sys.executable,
                "-I",
                "-S",
                "-c",
                f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}",
            ],
            check=False,
        ).returncode
        == 0
    )


def test_what_not_every_connection_needs_is_not_imported_for_it() -> None:
    # bench.queries measures what that saves; here it is only kept so.
    later = (
        "asyncio ssl logging datetime purelink.conninfo.uri purelink.conversation.copying"
        " purelink.conversation.pipelining purelink.conversation.streaming purelink.cursors.client"
        " purelink.cursors.large purelink.cursors.server purelink.requests purelink.wire.tracing"
    )
    code = f"import purelink; purelink.connect; print({set(later.split())} & sys.modules.keys())"
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}",
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "set()"
