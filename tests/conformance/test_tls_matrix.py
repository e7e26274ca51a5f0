"""sslmode × server on real servers, and beside each outcome the real libpq's on the same server.

Servers: TLS optional, TLS only, TLS refused, a client certificate wanted (any, or the role's), no
TLS at all; certificates: good, of another name, of nobody's authority, expired; by TCP (negotiated
and direct) and unix socket; both faces. One test is one server with one certificate, one role and
one sslmode, its cells a loop. `--slow` adds the builds of `tls_builds` beyond the first.
"""

from __future__ import annotations

import shutil
from itertools import product
from typing import TYPE_CHECKING, Dict, Iterator, Optional

import pytest

from tests.conformance import tls_builds
from tests.conformance.faces import FACES
from tests.conformance.libpq import Libpq, NoLibpq, Outcome, conninfo, find

if TYPE_CHECKING:
    from pathlib import Path

    from purelink.testing.programs import Programs
    from purelink.testing.server import Server
from tests.conformance.tls_builds import CERTIFICATES

SSLMODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
SHOWN = {
    "good": "san-localhost.pem",
    "wrong name": "wildcard.pem",
    "untrusted": "stranger.pem",
    "expired": "expired.pem",
}
ROLES = ("u_any", "u_tls", "u_plain", "u_ca", "alice")
CA = str(CERTIFICATES / "ca.pem")
BUILDS = tls_builds.builds()

Settings = Dict[str, Optional[str]]


@pytest.fixture(scope="module")
def libpq() -> Libpq:
    try:
        return find()
    except NoLibpq as missing:
        pytest.skip(str(missing))


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(build, marks=[pytest.mark.slow] if number else [], id=build.version())
        for number, build in enumerate(BUILDS)
    ],
)
def tls(request: pytest.FixtureRequest) -> Iterator[Server]:
    programs: Programs = request.param
    with tls_builds.server(programs) as started:
        yield started


@pytest.fixture(scope="module", params=SHOWN)
def certificate(request: pytest.FixtureRequest, tls: Server) -> str:
    name: str = request.param
    tls_builds.certify(tls, SHOWN[name])
    return name


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Alice's certificate; her key is only hers to read. The home is empty."""
    monkeypatch.setenv("HOME", str(tmp_path))
    key = tmp_path / "alice.key"
    shutil.copyfile(CERTIFICATES / "client.key", key)
    key.chmod(0o600)
    return {"sslcert": str(CERTIFICATES / "client.pem"), "sslkey": str(key)}


def differences(libpq: Libpq, cells: Iterator[Settings]) -> list[str]:
    """Return each cell where a face had another outcome than libpq, with both."""
    found = []
    for cell in cells:
        text = conninfo(cell)
        theirs = libpq.connect(text)
        for name, client in FACES.items():
            ours = client(text)
            if comparable(ours) != comparable(theirs):
                found.append(f"{name} {text}\n  libpq: {theirs}\n  ours:  {ours}")
    return found


def comparable(outcome: Outcome) -> Outcome:
    """Leave out what an error of ours does not tell."""
    return Outcome(outcome.error) if outcome.error else outcome._replace(needs=None)


def at(server: Server, role: str, sslmode: str) -> Settings:
    return {
        "host": "localhost", "hostaddr": "127.0.0.1", "port": str(server.port),
        "user": role, "dbname": "postgres", "sslmode": sslmode,
    }  # fmt: skip


@pytest.mark.parametrize("sslmode", SSLMODES)
@pytest.mark.parametrize("role", ROLES)
def test_tcp(
    libpq: Libpq, tls: Server, certificate: str, mine: Settings, role: str, sslmode: str
) -> None:
    def cells() -> Iterator[Settings]:
        for own, root in product(({}, mine), ({}, {"sslrootcert": CA})):
            yield {**at(tls, role, sslmode), **own, **root}

    assert not differences(libpq, cells())


@pytest.mark.parametrize("sslmode", ["require", "verify-ca", "verify-full"])
def test_direct(libpq: Libpq, tls: Server, certificate: str, mine: Settings, sslmode: str) -> None:
    def cells() -> Iterator[Settings]:
        for role, own in product(("u_any", "u_plain", "u_ca"), ({}, mine)):
            direct = {"sslnegotiation": "direct", "sslrootcert": CA}
            yield {**at(tls, role, sslmode), **own, **direct}

    assert not differences(libpq, cells())


@pytest.mark.parametrize("role", ["u_any", "u_ca", "alice"])
def test_versions_and_certificate_modes(
    libpq: Libpq, tls: Server, mine: Settings, role: str
) -> None:
    tls_builds.certify(tls, SHOWN["good"])

    def cells() -> Iterator[Settings]:
        for sslmode, own, mode, version in product(
            ("prefer", "require"), ({}, mine), ("disable", "allow", "require"), ("1.2", "1.3")
        ):
            yield {
                **at(tls, role, sslmode), **own, "sslcertmode": mode,
                "ssl_min_protocol_version": f"TLSv{version}",
                "ssl_max_protocol_version": f"TLSv{version}",
            }  # fmt: skip

    assert not differences(libpq, cells())


@pytest.mark.parametrize("sslmode", SSLMODES)
def test_unix_socket(libpq: Libpq, tls: Server, sslmode: str) -> None:
    def cells() -> Iterator[Settings]:
        for role, more in product(
            ("u_any", "u_tls", "u_ca", "u_plain"),
            ({}, {"sslcertmode": "require"}, {"channel_binding": "require"},
             {"requirepeer": "postgres"}, {"requirepeer": "nobody"},
             *([{"sslnegotiation": "direct"}] if sslmode[0] in "rv" else [])),
        ):  # fmt: skip
            cell = {**at(tls, role, sslmode), "host": str(tls.socket_directory), **more}
            yield {**cell, "hostaddr": None, "sslrootcert": CA}

    assert not differences(libpq, cells())


@pytest.mark.parametrize("sslmode", SSLMODES)
def test_no_tls(libpq: Libpq, own_server: Server, mine: Settings, sslmode: str) -> None:
    def cells() -> Iterator[Settings]:
        for role, own, root in product(("plain", "u_scram"), ({}, mine), ({}, {"sslrootcert": CA})):
            yield {**at(own_server, role, sslmode), "password": "pw", **own, **root}
        if sslmode[0] in "rv":
            direct = {"sslnegotiation": "direct", "sslrootcert": CA}
            yield {**at(own_server, "plain", sslmode), **direct}

    assert not differences(libpq, cells())
