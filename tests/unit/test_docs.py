"""The pages hang together: every link leads somewhere, every command and page is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from purelink.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [*ROOT.glob("*.md"), *sorted(DOCS.rglob("*.md"))]


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as Python-Markdown makes them."""
    found = set()
    page = re.sub(r"^ *```.*?^ *```", "", text(path), flags=re.DOTALL | re.MULTILINE)
    for heading in re.findall(r"^#+ (.*)$", page, re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        words = re.sub(r"[^\w\s-]", "", plain).strip().lower()
        found.add(re.sub(r"[-\s]+", "-", words))
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    page = re.sub(r"^ *```.*?^ *```", "", text(path), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s]+)\)", page):
        if re.match(r"https?:|mailto:", target):
            continue
        file, _, anchor = target.partition("#")
        found = path if not file else (path.parent / file).resolve()
        assert found.exists(), target
        if anchor:
            assert anchor in anchors(found), target


def test_every_page_is_in_the_site() -> None:
    site = text(ROOT / "mkdocs.yml")
    for path in DOCS.rglob("*.md"):
        assert path.relative_to(DOCS).as_posix() in site


def test_commands_in_the_pages_exist() -> None:
    for path in PAGES:
        for block in re.findall(r"^```sh\n(.*?)^```", text(path), re.DOTALL | re.MULTILINE):
            for command in re.findall(r"^(?:.*\| )?purelink ([a-z]+)", block, re.MULTILINE):
                assert command in COMMANDS, (path, command)
    page = text(DOCS / "cli.md")
    assert all(f"`{command}`" in page for command in COMMANDS)
