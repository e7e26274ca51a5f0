"""Connecting against 132 answers of a real libpq 18: who is tried, in which words it fails.

The attempts of the recorded checks, under both faces: the messages of G, groups I, J and K, whose
servers are fakes, and what other groups leave to an attempt. `ALLOWED` names the one difference.
"""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest

from tests.conformance import checks
from tests.conformance.faces import FACES, Client
from tests.conformance.fake_servers import serving

RUNNING_TCP = "Is the server running on that host and accepting TCP/IP connections?"
RUNNING_UNIX = "Is the server running locally and accepting connections on that socket?"
#: check -> the conversation that we have instead
ALLOWED: dict[str, list[list[str]]] = {
    "J015": [[]]
}  # a wrong connect_timeout is found before a socket is made


def ids(check: dict[str, Any]) -> str:
    return str(check["id"])


@pytest.fixture(params=FACES)
def client(request: pytest.FixtureRequest) -> Client:
    return FACES[request.param]


def attempted(place: str) -> str:
    """Return libpq's text for a place where nobody listens."""
    if place.startswith("/"):
        reason = os.strerror(2)
        return f'connection to server on socket "{place}" failed: {reason}\n\t{RUNNING_UNIX}'
    host, _, port = place.partition(" port ")
    name, _, address = host.rstrip(")").partition(" (")
    addresses = [""]
    if address:
        # the check was recorded where `localhost` has one address
        found = socket.getaddrinfo(name, int(port), type=socket.SOCK_STREAM)
        addresses = [f" ({each[4][0]})" for each in found]
    return "\n".join(
        f'connection to server at "{name}"{each}, port {port} failed: {os.strerror(111)}'
        f"\n\t{RUNNING_TCP}"
        for each in addresses
    )


def needs_an_attempt(check: dict[str, Any]) -> bool:
    """Whether a check of groups C to H tells of an attempt: all of G but the counting of hosts."""
    expect = check["expect"]
    error = expect.get("error", "")
    if check["id"].startswith("G"):
        return not error.startswith("could not match")
    return "message" in expect or error.startswith(("connection to ", "could not tr"))


@pytest.mark.parametrize(
    "check",
    [each for group in "CDEFGH" for each in checks.at(group) if needs_an_attempt(each)],
    ids=ids,
)
def test_nobody_listens(check: dict[str, Any], client: Client) -> None:
    expect = checks.localized(check["expect"])
    told = expect.get("message") or expect.get("error")
    if told is None:
        told = "\n".join(attempted(place) for place in expect["tried"])
    given = checks.localized(check["input"])
    around = checks.surroundings(check)
    if check["api"] == "params":
        outcome = client("", **dict(given), surroundings=around)
    else:
        outcome = client(given, surroundings=around)
    assert outcome.error == told


@pytest.mark.parametrize("check", [each for group in "IJK" for each in checks.at(group)], ids=ids)
def test_servers(check: dict[str, Any], client: Client) -> None:
    around = checks.surroundings(check)
    with serving(check.get("servers", [])) as servers:
        expect, given = checks.localized(check["expect"]), checks.localized(check["input"])
        ports = {f"$P{number}": str(server.port) for number, server in enumerate(servers)}
        for name, port in ports.items():
            given = given.replace(name, port)
            for key in ("error", "server"):
                if key in expect:
                    expect[key] = expect[key].replace(name, port)
        outcome = client(given, surroundings=around)
    assert outcome.error == expect.get("error", "")
    if "server" in expect:
        assert outcome.port == expect["server"]
    conversation = ALLOWED.get(check["id"], expect.get("conversation", []))
    assert [server.saw for server in servers] == conversation
    if "startup" in expect:
        assert servers[0].startups == expect["startup"]
