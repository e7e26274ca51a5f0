"""The pages' examples run, as each page promises: its `python` blocks one behind the other.

The server is found by the environment, unless the page says `<!-- no environment -->`. `pycon`
blocks are held to what they print; a function `test_…` that a page defines is called. A block
marked `py` is shown only: it is code of another driver, or needs what no test has.
`<!-- needs: pandas -->` names packages that a page's examples use.
"""

from __future__ import annotations

import doctest
import re
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import AnyServer

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^( *)```(\w+)[^\n]*\n(.*?)^\1```", re.DOTALL | re.MULTILINE)


def blocks(page: str) -> list[tuple[int, str, str]]:
    """Return the blocks that run: lines before, language, text."""
    return [
        (page[: found.start(3)].count("\n"), found[2], textwrap.dedent(found[3]))
        for found in BLOCK.finditer(page)
        if found[2] in ("python", "pycon")
    ]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


#: pages that need a stage of their own, and have a test of their own: page -> that test
STAGED = {
    "docs/connecting.md": "tests/real/test_docs_connecting.py",
    "docs/dblink.md": "tests/real/test_docs_dblink.py",
}
RUN = [
    path for path in PAGES if name(path) not in STAGED and blocks(path.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("path", RUN, ids=name)
def test_the_examples_run(
    path: Path, server: AnyServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = path.read_text(encoding="utf-8")
    for packages in re.findall(r"<!-- needs: (.*?) -->", page):
        for package in packages.split():
            pytest.importorskip(package, reason=f"{package} is not installed")
            if package == "sqlalchemy":
                # what the entry points do where purelink is installed as it is now
                import purelink.sqlalchemy

                purelink.sqlalchemy.register()
    for variable, value in (
        ("PGHOST", server.host),
        ("PGPORT", server.port),
        ("PGUSER", server.superuser),
        ("PGPASSWORD", server.password),
        ("PGDATABASE", "postgres"),
    ):
        if "<!-- no environment -->" not in page:
            monkeypatch.setenv(variable, str(value))
    monkeypatch.chdir(tmp_path)
    module = ModuleType("a_page")  # dataclasses look theirs up
    monkeypatch.setitem(sys.modules, "a_page", module)
    names: dict[str, Any] = module.__dict__
    for line, language, block in blocks(page):
        if language == "pycon":
            test = doctest.DocTestParser().get_doctest(block, names, path.name, str(path), line)
            results = doctest.DocTestRunner().run(test, clear_globs=False)
            assert results.attempted
            assert not results.failed
            names.update(test.globs)
        else:
            before = set(names)
            exec(compile("\n" * line + block, str(path), "exec"), names)
            for each in names.keys() - before:
                if each.startswith("test_"):
                    names[each]()


def test_most_pages_run() -> None:
    assert all((ROOT / test).exists() for test in STAGED.values())
    assert len(RUN) > 5
    assert {"docs/queries.md", "docs/conninfo.md", "docs/testing.md"} <= set(map(name, RUN))
