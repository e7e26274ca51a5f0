"""The confused deputy: whose credentials open a stranger's connection string?

Everything that could lend a login is in place: PGPASSWORD, a `.pgpass`, a service file with a
password, a client certificate in ~/.postgresql and one by PGSSLCERT, a peer login, a server that
trusts; and servers that ask for a Kerberos ticket or an OAuth token. A session that is not a
superuser gets through none of them, with and without a password of its own in the string; the
superuser, for whom they are meant, gets through each.
"""

from __future__ import annotations

import asyncio
import getpass
import shutil
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from purelink.connection import Connection
from purelink.dblink.aio import AsyncSession
from purelink.dblink.session import Session
from purelink.errors import ConnectError, LinkError
from purelink.face import plan_for
from purelink.testing.backend import Backend, cut, expect, send, startup, until_closed
from purelink.testing.programs import ProgramsMissing
from purelink.testing.server import Server
from purelink.wire.backend import Authentication
from purelink.wire.codes import AUTH_SASL
from purelink.wire.frontend import Password
from purelink.wire.policy import AUTH_GSS, AUTH_SSPI

pytestmark = pytest.mark.server

CERTIFICATES = Path(__file__).parent.parent / "unit" / "tls" / "certificates"
PASSWORD = "pw"
OWN = "password=sesame"


class World:
    """A server that asks for SCRAM, one by peer and trust, one for certificates; and a home."""

    def __init__(self, home: Path, plain: Server, tls: Server) -> None:
        self.home = home
        self.scram = f"host={plain.host} port={plain.port} dbname=postgres user=deputy"
        self.trust = f"host={plain.host} port={plain.port} dbname=postgres user=trusted"
        self.peer = f"host={plain.socket_directory} port={plain.port} dbname=postgres"
        self.certificate = (
            f"host=localhost port={tls.port} dbname=postgres user=alice sslmode=require"
        )


@pytest.fixture(scope="module")
def plain() -> Iterator[Server]:
    me = getpass.getuser()
    try:
        with Server(
            users={"deputy": PASSWORD, "trusted": None, me: None},
            hba=[
                f'local all "{me}" peer',
                "host all trusted 127.0.0.1/32 trust",
                "host all all 127.0.0.1/32 scram-sha-256",
            ],
        ) as server:
            yield server
    except ProgramsMissing as missing:
        pytest.skip(f"no server: {missing}")


@pytest.fixture
def world(
    plain: Server, tls_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> World:
    if plain.socket_directory is None:
        pytest.skip("no unix sockets here, so no peer login")
    home = tmp_path / "home"
    (home / ".postgresql").mkdir(parents=True)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    return World(home, plain, tls_server)


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def lend_password(world: World, set_: Callable[[str, str], None]) -> str:
    set_("PGPASSWORD", PASSWORD)
    return world.scram


def lend_pgpass(world: World, _: Callable[[str, str], None]) -> str:
    _written(world.home / ".pgpass", f"*:*:*:deputy:{PASSWORD}\n")
    return world.scram


def lend_passfile(world: World, set_: Callable[[str, str], None]) -> str:
    set_("PGPASSFILE", str(_written(world.home / "elsewhere", f"*:*:*:*:{PASSWORD}\n")))
    return world.scram


def lend_service(world: World, _: Callable[[str, str], None]) -> str:
    _written(world.home / ".pg_service.conf", f"[lent]\npassword={PASSWORD}\n")
    return f"{world.scram} service=lent"


def lend_service_by_name(world: World, set_: Callable[[str, str], None]) -> str:
    _written(world.home / "services", f"[lent]\nuser=deputy\npassword={PASSWORD}\n")
    set_("PGSERVICEFILE", str(world.home / "services"))
    set_("PGSERVICE", "lent")
    return world.scram


def lend_certificate(world: World, _: Callable[[str, str], None]) -> str:
    for source, name in (("client.pem", "postgresql.crt"), ("client.key", "postgresql.key")):
        target = world.home / ".postgresql" / name
        shutil.copy(CERTIFICATES / source, target)
        target.chmod(0o600)
    return world.certificate


def lend_certificate_by_name(world: World, set_: Callable[[str, str], None]) -> str:
    key = world.home / "key.pem"
    shutil.copy(CERTIFICATES / "client.key", key)
    key.chmod(0o600)
    set_("PGSSLCERT", str(CERTIFICATES / "client.pem"))
    set_("PGSSLKEY", str(key))
    return world.certificate


def lend_certificate_by_service(world: World, _: Callable[[str, str], None]) -> str:
    key = world.home / "key.pem"
    shutil.copy(CERTIFICATES / "client.key", key)
    key.chmod(0o600)
    _written(
        world.home / ".pg_service.conf",
        f"[lent]\nsslcert={CERTIFICATES / 'client.pem'}\nsslkey={key}\n",
    )
    return f"{world.certificate} service=lent"


def lend_peer(world: World, _: Callable[[str, str], None]) -> str:
    return world.peer


def lend_trust(world: World, _: Callable[[str, str], None]) -> str:
    return world.trust


#: who lends -> what a stranger's own, useless password leads to
LENDERS: dict[Callable[..., str], str] = {
    lend_password: "08001",
    lend_pgpass: "08001",
    lend_passfile: "08001",
    lend_service: "08001",
    lend_service_by_name: "08001",
    lend_certificate: "08001",
    lend_certificate_by_name: "08001",
    lend_certificate_by_service: "08001",
    lend_peer: "2F003",
    lend_trust: "2F003",
}

FACES = ("blocking", "asyncio")


def everything(world: World, set_: Callable[[str, str], None]) -> dict[str, str]:
    """Have all of it lent at once; return the connection strings, by who lends."""
    return {lender.__name__: lender(world, set_) for lender in LENDERS}


def outcome(face: str, superuser: bool, text: str) -> str:
    """Return the SQLSTATE of connecting by every door, or who one then is."""

    def session_of(kind: Any) -> Any:
        return kind(superuser=superuser, user="stranger")

    def doors(session: Any) -> list[Callable[[], Any]]:
        return [
            lambda: session.dblink_connect("c", text),
            lambda: session.dblink_connect(text),
            lambda: session.dblink_exec(text, "set work_mem = 1000"),
            lambda: session.dblink(text, "select session_user"),
        ]

    async def asynchronous() -> set[str]:
        found = set()
        async with session_of(AsyncSession) as session:
            for door in doors(session):
                try:
                    await door()
                    found.add("in")
                except LinkError as error:
                    found.add(str(getattr(error, "sqlstate", None)))
        return found

    def blocking() -> set[str]:
        found = set()
        with session_of(Session) as session:
            for door in doors(session):
                try:
                    door()
                    found.add("in")
                except LinkError as error:
                    found.add(str(getattr(error, "sqlstate", None)))
        return found

    found = blocking() if face == "blocking" else asyncio.run(asynchronous())
    assert len(found) == 1, found
    return found.pop()


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("lender", LENDERS, ids=lambda lender: str(lender.__name__))
def test_one_lender(
    world: World, lender: Callable[..., str], face: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = lender(world, monkeypatch.setenv)
    assert outcome(face, True, text) == "in"
    assert outcome(face, False, text) == "2F003"
    assert outcome(face, False, f"{text} {OWN}") == LENDERS[lender]


@pytest.mark.parametrize("face", FACES)
def test_all_lenders_at_once(world: World, face: str, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = everything(world, monkeypatch.setenv)
    for lender, text in texts.items():
        assert outcome(face, False, text) == "2F003", lender
        assert outcome(face, False, f"{text} {OWN}") != "in", lender


def test_with_its_own_password_a_stranger_gets_in(world: World) -> None:
    assert outcome("blocking", False, f"{world.scram} password={PASSWORD}") == "in"


def test_a_stranger_cannot_name_our_files(world: World) -> None:
    """Neither by key/value nor by URI; the program's own foreign server may."""
    key = world.home / "key.pem"
    shutil.copy(CERTIFICATES / "client.key", key)
    key.chmod(0o600)
    files = {"sslcert": str(CERTIFICATES / "client.pem"), "sslkey": str(key)}
    given = " ".join(f"{name}={path}" for name, path in files.items())
    assert outcome("blocking", False, f"{world.certificate} {OWN} {given}") == "42501"
    assert outcome("blocking", True, f"{world.certificate} {given}") == "in"
    with Session(user="stranger") as session:
        settings = dict(part.split("=") for part in world.certificate.split())
        settings.pop("user")
        session.catalog.create_server("ours", {**settings, **files})
        session.catalog.create_user_mapping(
            "public", "ours", {"user": "alice", "password": "unused"}
        )
        session.catalog.grant_usage("ours", "stranger")
        # the certificate is shown and taken; but nobody asked for the password
        with pytest.raises(LinkError, match="password is required"):
            session.dblink_connect("c", "ours")


#: what a server may ask for, in the words of require_auth -> its request
ASKING = {
    "gss": Authentication(AUTH_GSS),
    "sspi": Authentication(AUTH_SSPI),
    "oauth": Authentication(AUTH_SASL, b"OAUTHBEARER\0\0"),
}


@pytest.mark.parametrize("superuser", [False, True])
@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("method", ASKING)
def test_what_a_hostile_server_asks_for(
    method: str, face: str, superuser: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a ticket cache nor a token cache is lent: not a byte follows such a request."""
    for name in ("KRB5CCNAME", "KRB5_CLIENT_KTNAME", "GSS_USE_PROXY", "PGOAUTHDEBUG"):
        monkeypatch.setenv(name, str(_written(tmp_path / name, "lent")))
    doors = 4  # as many as `outcome` tries
    script = [startup(), send(ASKING[method]), until_closed()]
    with Backend(*[script] * doors) as backend:
        place = " ".join(part for part in backend.dsn.split() if not part.startswith("password="))
        # with issuer and client, libpq would begin a flow of its own: by a session's string too
        flow = "oauth_issuer=https://issuer.example.com oauth_client_id=lent" if superuser else ""
        text = f"{place} {OWN} {flow}"
        assert outcome(face, superuser, text) == "08001"
        for seen in backend.seen:
            assert [type(message).__name__ for message in seen] == ["StartupMessage"]
            assert b"lent" not in b"".join(backend.heard)


def test_only_what_a_caller_gives_answers_such_a_server() -> None:
    """The control: a provider of GSS that is given to a plain connection is asked."""
    asked: list[str] = []

    class Context:
        complete = True

        def step(self, _: bytes | None) -> bytes:
            asked.append("step")
            return b"token"

    script = [startup(), send(ASKING["gss"]), expect(Password), cut()]
    with Backend(script) as backend:
        plan = plan_for(backend.dsn, {}, gss=lambda target, method: Context())
        with pytest.raises(ConnectError):
            Connection.open(plan)
    assert asked == ["step"]
