"""The password's preparation against a real server's: the same passwords, the same verifiers.

A role is made with CREATE ROLE … PASSWORD, so the *server* prepares the password and stores what
SCRAM needs (`pg_authid.rolpassword`); `scram.verifier` must come to the same string with the
same salt and count. Some of the roles then log in with purelink itself.
"""

from __future__ import annotations

import asyncio
import base64
import random
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest

import purelink
from purelink import surroundings
from purelink.errors import OperationalError
from purelink.testing.server import Server
from purelink.wire import scram
from purelink.wire.keyring import KeyRing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import AnyServer

pytestmark = pytest.mark.server

NAMED = [
    "pw",
    "p\u00e4ss",
    "pa\u0308ss",
    "I\u00adX",
    "\u2168",
    "a\u200bb",
    "\u200b",
    "\u00a0",
    "\u00ad",
    "a\u00a0b\u1680c\u180ed\u3000",
    "\u0627\u0031",
    "\u06271\u0628",
    "\u0627\u00a0\u0628",
    "\u05d0a\u05d1",
    "x\U0001f600",
    "x\U0001f600\u2168",
    "\x07x",
    "\x07\u2168",
    "\x7f\u2168",
    "\u0085\u2168",
    "\u1e9e\u2168",
    "\ufeff\u2168",
    "\u034f\u2168",
    "\ufb01\u0340",
    "\U000e0001\u2168",
    "\ufdd0\u2168",
    "\ufffd\u2168",
    "\u2ff0\u2168",
    "\ue000\u2168",
    "\U0010ffff",
    "'\\\"$:x",
    "\u00e4" * 700,
]
#: Where the rules meet: tables B.1 and C.*, both directions, what NFKC changes, new characters.
BLOCKS = (
    *((0x20, 0x7F), (0x80, 0x100), (0x300, 0x370), (0x5D0, 0x5EB), (0x621, 0x64B), (0x6DD, 0x6DE)),
    *((0x1100, 0x1200), (0x1680, 0x1681), (0x180B, 0x180F), (0x1E00, 0x1F00), (0x2000, 0x2070)),
    *((0x20A0, 0x20C1), (0x2100, 0x2190), (0x2FF0, 0x3001), (0x3040, 0x30A0), (0xAC00, 0xAC80)),
    *((0xF900, 0xFA00), (0xFB00, 0xFC00), (0xFE00, 0xFE10), (0xFF00, 0x10000)),
    *((0x1D400, 0x1D500), (0x1F600, 0x1F610), (0x2F800, 0x2F900), (0xE0001, 0xE0080)),
)


def passwords(count: int) -> list[str]:
    """Return the named ones and random ones, the same every time."""
    chance = random.Random(20180913)
    found = list(NAMED)
    while len(found) < count:
        block = chance.choice(BLOCKS)
        # neighbours, so that a whole right-to-left or normalisable text comes up often enough
        letters = [
            chr(chance.randrange(*(block if chance.random() < 0.7 else chance.choice(BLOCKS))))
            for _ in range(chance.randint(1, 5))
        ]
        found.append("".join(letters))
    return found


def literal(text: str) -> str:
    """Return a literal in ASCII alone, so that neither psql nor an encoding has a say."""
    return "U&'" + "".join(f"\\+{ord(letter):06x}" for letter in text) + "'"


def verifiers(server: AnyServer, sql: list[str], database: str = "postgres") -> list[str]:
    """Make roles with these password literals and return what the server stored for them."""
    # 4096 rounds for each role say nothing more than one does; before 16 there is no choice
    few = int(server.version.split(".")[0]) >= 16
    roles = [f"purelink_preparation_{number}" for number in range(len(sql))]
    script = ["begin;", "set local password_encryption = 'scram-sha-256';"]
    script += ["set local scram_iterations = 1;"] if few else []
    script += [f"create role {role} password {word};" for role, word in zip(roles, sql)]
    script.append(
        "select rolpassword from pg_catalog.pg_authid where rolname ~ '^purelink_preparation_'"
        " order by substring(rolname from '[0-9]+$')::int;"
    )
    return server.psql("\n".join([*script, "rollback;"]), database=database).splitlines()


def ours(password: bytes, theirs: str) -> str:
    """Return the verifier with the salt and the count of the server's."""
    count, salt = theirs.split("$")[1].split(":")
    return scram.verifier(password, base64.b64decode(salt), int(count))


def test_check_127_the_same_verifiers(server: AnyServer) -> None:
    given = passwords(400)
    stored = verifiers(server, [literal(password) for password in given])
    assert len(stored) == len(given)
    wrong = [
        password
        for password, theirs in zip(given, stored)
        if ours(password.encode(), theirs) != theirs
    ]
    # whose Unicode is newer is no matter: what 3.2 did not know yet stays raw on both sides
    assert wrong == [], f"unicodedata has Unicode {unicodedata.unidata_version}"


def test_check_127_bytes_that_are_not_utf8(server: AnyServer) -> None:
    given = [b"\xff\xfe", b"p\xc3", b"\xc0\xafx", b"\xed\xa0\x80", b"\xe2\x85\xa8\xff", b"\xe4"]
    sql = ["E'" + "".join(f"\\x{byte:02x}" for byte in password) + "'" for password in given]
    server.psql(
        "create database purelink_preparation encoding 'SQL_ASCII' locale 'C' template template0"
    )
    try:
        stored = verifiers(server, sql, database="purelink_preparation")
    finally:
        server.psql("drop database purelink_preparation")
    assert [ours(*pair) for pair in zip(given, stored)] == stored


@pytest.fixture(scope="module")
def asking(own_server: Server) -> Iterator[Server]:
    """A server that asks everybody for a password, by SCRAM."""
    with Server(programs=own_server.programs, setup="create role preparer login") as server:
        yield server


@pytest.mark.parametrize(
    ("stored", "given"),
    [
        ("p\u00e4ss", "pa\u0308ss"),
        ("pa\u0308ss", "p\u00e4ss"),
        ("IX", "\u00ad\u2168"),
        ("x\U0001f600", "x\U0001f600"),
        ("\u06271", "\u06271"),
        ("\x07x", "\x07x"),
    ],
)
@pytest.mark.parametrize("iterations", [1, 4096, 30_000])
def test_checks_127_and_128_logging_in(
    asking: Server, stored: str, given: str, iterations: int
) -> None:
    if int(asking.version.split(".")[0]) >= 16:
        asking.psql(f"alter role postgres set scram_iterations = {iterations}")
    elif iterations != scram.ITERATIONS:
        pytest.skip("scram_iterations came with PostgreSQL 16")
    asking.psql(f"alter role preparer password {literal(stored)}")
    settings: dict[str, Any] = {
        "host": asking.host,
        "port": str(asking.port),
        "dbname": "postgres",
        "user": "preparer",
        "require_auth": "scram-sha-256",
    }
    with purelink.connect(**settings, password=given) as connection:
        assert connection.query("select current_user").rows == [("preparer",)]
    with pytest.raises(OperationalError, match="password authentication failed"):
        purelink.connect(**settings, password=given + "x")


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> KeyRing:
    """This process's memory of SCRAM logins, empty."""
    made = KeyRing(b"e" * 32)
    monkeypatch.setattr(surroundings, "_KEYRING", [made])
    return made


def settings_for(asking: Server, password: str) -> dict[str, Any]:
    asking.psql(f"alter role preparer password {literal(password)}")
    place: dict[str, Any] = {"host": asking.host, "port": str(asking.port), "dbname": "postgres"}
    return {**place, "user": "preparer", "password": password}


def test_keys_are_remembered_on_both_faces_until_the_password_changes(
    asking: Server, ring: KeyRing
) -> None:
    settings = settings_for(asking, "first")
    for _ in range(2):
        purelink.connect(**settings).close()

    async def another(**settings: Any) -> None:
        await (await purelink.aconnect(**settings)).close()

    asyncio.run(another(**settings))
    assert len(ring) == 1
    asking.psql("alter role preparer password 'second'")
    for _ in range(2):
        with pytest.raises(OperationalError, match="password authentication failed"):
            purelink.connect(**settings)
    assert len(ring) == 1
    # The same password again has another salt: other keys.
    purelink.connect(**settings_for(asking, "first")).close()
    assert len(ring) == 2


def test_keys_that_are_not_to_be_remembered(asking: Server, ring: KeyRing) -> None:
    settings = settings_for(asking, "first")
    purelink.connect(**settings, keep_scram_keys=False).close()
    policy = purelink.ConnectPolicy(networks=["127.0.0.0/8", "::1/128"], sslmode=None)
    purelink.connect(**settings, policy=policy).close()
    purelink.connect(**{**settings, "password": lambda _target, _user: "first"}).close()
    assert len(ring) == 0
