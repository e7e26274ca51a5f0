"""Authentication on real servers beside the real libpq: outcome, words, does a password count.

Methods SCRAM, md5, clear text, trust, cert and peer × with TLS or without × right, wrong, empty and
no password × require_auth × channel_binding; both faces. `--slow` adds the other builds.
"""

from __future__ import annotations

import shutil
from itertools import product
from typing import TYPE_CHECKING, Dict, Iterator, Optional

import pytest

from tests.conformance import tls_builds
from tests.conformance.faces import FACES
from tests.conformance.libpq import Libpq, NoLibpq, conninfo, find
from tests.conformance.tls_builds import CERTIFICATES

if TYPE_CHECKING:
    from pathlib import Path

    from purelink.testing.server import Server

METHODS = {
    "scram": "u_scram", "md5": "u_md5", "clear": "u_clear", "trust": "u_trust", "cert": "alice",
}  # fmt: skip
PASSWORDS = ("pw", "wrong", "", None)
REQUIRE = (
    None, "", "password", "md5", "scram-sha-256", "none", "gss", "sspi", "oauth", "!password",
    "!md5", "!none", "!scram-sha-256", "password,md5", "scram-sha-256,none", "!gss,!sspi",
)  # fmt: skip
BINDINGS = ("disable", "prefer", "require")
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
    with tls_builds.server(request.param) as started:
        yield started


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("HOME", str(tmp_path))
    key = tmp_path / "alice.key"
    shutil.copyfile(CERTIFICATES / "client.key", key)
    key.chmod(0o600)
    return {"sslcert": str(CERTIFICATES / "client.pem"), "sslkey": str(key)}


def differences(libpq: Libpq, cells: Iterator[Settings]) -> list[str]:
    found = []
    for cell in cells:
        text = conninfo(cell)
        theirs = libpq.connect(text)
        for name, client in FACES.items():
            ours = client(text)
            if ours != theirs._replace(used=ours.used if theirs.error else theirs.used):
                found.append(f"{name} {text}\n  libpq: {theirs}\n  ours:  {ours}")
    return found


def at(server: Server, role: str, sslmode: str, **more: Optional[str]) -> Settings:
    return {
        "host": "localhost", "hostaddr": "127.0.0.1", "port": str(server.port),
        "user": role, "dbname": "postgres", "sslmode": sslmode, **more,
    }  # fmt: skip


@pytest.mark.parametrize("sslmode", ["disable", "prefer", "require"])
@pytest.mark.parametrize("method", METHODS)
def test_passwords_and_channel_binding(
    libpq: Libpq, tls: Server, mine: Settings, method: str, sslmode: str
) -> None:
    def cells() -> Iterator[Settings]:
        for password, binding in product(PASSWORDS, BINDINGS):
            cell = at(tls, METHODS[method], sslmode, password=password, channel_binding=binding)
            yield {**cell, **mine}

    assert not differences(libpq, cells())


@pytest.mark.parametrize("sslmode", ["disable", "require"])
@pytest.mark.parametrize("method", METHODS)
def test_require_auth(libpq: Libpq, tls: Server, mine: Settings, method: str, sslmode: str) -> None:
    def cells() -> Iterator[Settings]:
        for wanted, password in product(REQUIRE, ("pw", None)):
            cell = at(tls, METHODS[method], sslmode, password=password, require_auth=wanted)
            yield {**cell, **mine}

    assert not differences(libpq, cells())


def test_unix_socket(libpq: Libpq, tls: Server) -> None:
    """`peer` among them: whoever runs this is the role of that name."""

    def cells() -> Iterator[Settings]:
        roles = [role for name, role in METHODS.items() if name != "cert"]
        for role, password, binding, wanted in product(
            [*roles, "nobody", "root"], ("pw", None), BINDINGS, (None, "none", "scram-sha-256")
        ):
            cell = at(tls, role, "prefer", password=password, channel_binding=binding)
            host = str(tls.socket_directory)
            yield {**cell, "host": host, "hostaddr": None, "require_auth": wanted}

    assert not differences(libpq, cells())


def test_a_password_from_the_passfile(libpq: Libpq, tls: Server, tmp_path: Path) -> None:
    def cells() -> Iterator[Settings]:
        for role, password in product(("u_scram", "u_clear", "u_trust"), ("pw", "wrong")):
            path = tmp_path / f"{role}-{password}"
            path.write_text(f"localhost:*:*:*:{password}\n")
            path.chmod(0o600)
            yield at(tls, role, "require", passfile=str(path))

    assert not differences(libpq, cells())
