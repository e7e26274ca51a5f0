"""Part of the fault table, and cuts at some offsets, in the test run; all of it by its commands."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Iterator

import pytest

from purelink import conninfo
from purelink.testing.programs import ProgramsMissing
from purelink.testing.server import HBA_TRUST, Server
from tests.faults import offsets
from tests.faults.cells import judge, play
from tests.faults.faults import FAULTS
from tests.faults.phases import PHASES
from tests.faults.proxy import Proxy
from tests.portability.place import Place

if TYPE_CHECKING:
    from typing import Tuple

#: those that need no deadline to end, and leave the server as it was
QUICK = ("backend terminated", "connection closed", "connection reset")


@pytest.fixture(scope="module")
def victim() -> Iterator[Server]:
    """A server that may be hurt."""
    try:
        with Server(hba=HBA_TRUST) as server:
            yield server
    except ProgramsMissing as missing:
        pytest.skip(f"no server: {missing}")


@pytest.fixture(scope="module")
def place(victim: Server) -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="purelink-faults-") as scratch:
        Path(scratch).chmod(0o755)
        yield Place(victim.dsn, Path(scratch), Path(scratch))


@pytest.mark.parametrize("face", ["blocking", "asyncio"])
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("name", QUICK)
def test_cell(name: str, phase: str, face: str, victim: Server, place: Place) -> None:
    seen = play(victim, FAULTS[name], phase, face, place)
    assert judge(seen, FAULTS[name], phase) == "", seen


@pytest.fixture(scope="module")
def proxied(victim: Server) -> Iterator[Tuple[Proxy, str, int]]:
    settings = conninfo.parse(victim.dsn)
    with Proxy(("127.0.0.1", int(settings["port"]))) as proxy:
        dsn = conninfo.format({**settings, "port": str(proxy.port)})
        yield proxy, dsn, offsets.length(proxy, dsn)


@pytest.mark.parametrize("face", ["blocking", "asyncio"])
@pytest.mark.parametrize("ending", ["close", "reset"])
def test_cuts(face: str, ending: str, proxied: Tuple[Proxy, str, int]) -> None:
    proxy, dsn, whole = proxied
    assert whole > 2000
    for offset in range(1, whole, 101):
        assert offsets.cut(proxy, dsn, face, offset, ending), offset
