"""Every row of the portability table that needs no download, in the test run; all with `--slow`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Iterator

import pytest

from tests.portability import carried, interpreters, narrow, servers, wasm
from tests.portability.place import Missing, Place
from tests.portability.table import ROWS, SLOW

if TYPE_CHECKING:
    from purelink.testing.server import Server

PARTS = (interpreters, carried, narrow, servers, wasm)  # importing them fills the table


@pytest.fixture(scope="module")
def place(own_server: Server) -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="purelink-place-") as scratch:
        Path(scratch).chmod(0o755)
        yield Place(own_server.dsn, Path(scratch), Path(tempfile.gettempdir(), "purelink-npm"))


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in ROWS],
)
def test_row(name: str, place: Place) -> None:
    try:
        seen = ROWS[name](place)
    except Missing as missing:
        pytest.skip(f"{name}: {missing}")
    assert seen
