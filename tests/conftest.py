"""What every test may ask for: servers, a clean environment, and a header that names versions.

A server that can't be had skips its tests with the reason, never silently.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from purelink.testing.endpoint import BorrowedServer
from purelink.testing.programs import ProgramsMissing, find
from purelink.testing.server import HBA_SCRAM, Server, TLSFiles
from tests.cluster import cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Union

    AnyServer = Union[Server, BorrowedServer]

# A loaded machine is no reason to fail; the example that did is printed so that it can be kept.
settings.register_profile("purelink", deadline=None, print_blob=True)
settings.load_profile("purelink")

SERVERS = {"server", "own_server", "tls_server"}
CERTIFICATES = Path(__file__).parent / "unit" / "tls" / "certificates"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--dsn",
        default=os.environ.get("PURELINK_TEST_DSN"),
        help="run server tests on this server, as a superuser, instead of a throw-away one; "
        "`python -m tests.cluster` starts a fit one (default: $PURELINK_TEST_DSN)",
    )
    parser.addoption("--slow", action="store_true", help="run the long tests too")


def pytest_report_header(config: pytest.Config) -> list[str]:
    lines = [f"interpreter: {platform.python_implementation()} {platform.python_version()}"]
    for flavour, name in (("any", "PostgreSQL"), ("tls", "PostgreSQL with TLS")):
        if flavour == "any" and config.getoption("--dsn"):
            lines.append(f"{name}: the server of --dsn")
            continue
        try:
            programs = find(flavour)
        except ProgramsMissing as missing:
            lines.append(f"{name}: none ({missing})")
        else:
            lines.append(f"{name}: {programs.version()} from {programs.origin}")
    return lines


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    skip = pytest.mark.skip(reason="a long run: only with --slow")
    for item in items:
        if SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.server)
        if "slow" in item.keywords and not config.getoption("--slow"):
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def _surroundings(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No test sees the PG variables, the home folder or the certificates of who runs it."""
    for name in list(os.environ):
        if name.startswith("PG"):
            monkeypatch.delenv(name)
    home = tmp_path_factory.getbasetemp() / "home"
    home.mkdir(exist_ok=True)
    for name in ("HOME", "USERPROFILE", "APPDATA"):
        monkeypatch.setenv(name, str(home))


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[AnyServer]:
    """A running PostgreSQL with the set-up of `tests.cluster`.

    `.host`, `.port`, `.superuser`, `.password`, `.dsn` (TCP, database postgres),
    `.socket_directory`, `.version`, `.psql(script, database=...)`; `.owned` tells whether it may be
    stopped or reconfigured: the fixture `own_server` is surely so.
    """
    dsn = request.config.getoption("--dsn")
    if dsn:
        yield BorrowedServer(dsn)
        return
    try:
        with cluster() as started:
            yield started
    except ProgramsMissing as missing:
        pytest.skip(f"no server: {missing}")


@pytest.fixture(scope="session")
def own_server(server: AnyServer) -> Server:
    """The same server, where it is ours to look into, stop and break."""
    if not isinstance(server, Server):
        pytest.skip("the server of --dsn is not ours to stop or reconfigure")
    return server


@pytest.fixture(scope="session")
def tls_files() -> TLSFiles:
    """A certificate for `localhost` (no address); its authority also signed `client.pem`."""
    return TLSFiles(
        CERTIFICATES / "san-localhost.pem", CERTIFICATES / "server.key", CERTIFICATES / "ca.pem"
    )


@pytest.fixture(scope="session")
def tls_server(tls_files: TLSFiles) -> Iterator[Server]:
    """A running PostgreSQL with TLS, its certificate signed by `tls_files.authority`.

    Everybody gives a password by SCRAM: `postgres`, and `u_scram`, `u_tls`, whose is `pw`. `u_tls`
    may come with TLS only; `alice` must show a client certificate with her name.
    """
    try:
        with Server(
            flavour="tls",
            tls=tls_files,
            users={"u_tls": "pw", "u_scram": "pw", "alice": None},
            hba=[
                "hostnossl all u_tls,alice all reject",
                "hostssl all alice all cert",
                *HBA_SCRAM,
            ],
        ) as started:
            yield started
    except ProgramsMissing as missing:
        pytest.skip(f"no server with TLS: {missing}")
