"""Checks 56, 57 and 59 of dblink's specification: SCRAM pass-through, beside the real extension.

The extension's local session logs in by SCRAM as `u_scram`; ours is given the same user's keys.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import purelink
from purelink.dblink.catalog import Catalog
from purelink.errors import Error
from purelink.wire import scram
from tests.cluster import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator

psycopg = pytest.importorskip("psycopg", reason="psycopg asks the real extension")

pytestmark = pytest.mark.server

SERVER = "passing"


class Said(NamedTuple):
    """What came of `dblink('passing', 'select current_user')`."""

    value: str | None = None
    sqlstate: str | None = None
    message: str | None = None
    detail: str | None = None
    hint: str | None = None


class Pair:
    """The extension in a SCRAM session, and a session of ours with the same keys."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.admin = psycopg.connect(server.dsn, dbname="loc", autocommit=True)
        secret = self.admin.execute(
            "select rolpassword from pg_authid where rolname = 'u_scram'"
        ).fetchone()[0]
        iterations, salt = secret.split("$")[1].split(":")
        salted = scram.salted_password(PASSWORD.encode(), b64decode(salt), int(iterations))
        made = scram.keys(salted)
        self.keys: tuple[bytes, bytes] = (made.client, made.server)

    def options(self, server: dict[str, str], mapping: dict[str, str]) -> None:
        def spelled(options: dict[str, str]) -> str:
            return ", ".join(f"{name} '{value}'" for name, value in options.items())

        place = {"host": "127.0.0.1", "port": str(self.server.port), "dbname": "rem"}
        self.placed, self.mapping = {**place, **server}, mapping
        self.admin.execute(f"drop server if exists {SERVER} cascade")
        self.admin.execute(
            f"create server {SERVER} foreign data wrapper dblink_fdw"
            f" options ({spelled(self.placed)})"
        )
        self.admin.execute(f"grant usage on foreign server {SERVER} to u_scram")
        self.admin.execute(
            f"create user mapping for u_scram server {SERVER} options ({spelled(mapping)})"
        )

    def real(self) -> Said:
        local = (
            f"host=127.0.0.1 port={self.server.port} dbname=loc user=u_scram password={PASSWORD}"
        )
        with psycopg.connect(local, autocommit=True) as connection:
            try:
                found = connection.execute(
                    f"select * from dblink('{SERVER}', 'select current_user::text') as t(a text)"
                ).fetchone()
            except psycopg.Error as error:
                told = error.diag
                return Said(
                    None,
                    told.sqlstate,
                    told.message_primary,
                    told.message_detail,
                    told.message_hint,
                )
            return Said(found[0])

    def ours(self, face: str) -> Said:
        catalog = Catalog(dblink_version=18)
        catalog.create_server(SERVER, self.placed)
        catalog.grant_usage(SERVER, "u_scram")
        catalog.create_user_mapping("u_scram", SERVER, self.mapping)
        given: Any = {
            "user": "u_scram",
            "catalog": catalog,
            "dblink_version": 18,
            "scram_keys": self.keys,
        }
        sql = "select current_user::text"
        try:
            if face == "Session":
                with purelink.Session(**given) as session:
                    return Said(session.dblink(SERVER, sql, columns="a text").fetchall()[0][0])

            async def run() -> Said:
                async with purelink.AsyncSession(**given) as session:
                    rows = await session.dblink(SERVER, sql, columns="a text")
                    return Said((await rows.fetchall())[0][0])

            return asyncio.run(run())
        except Error as error:
            return Said(None, error.sqlstate, error.message, error.detail, error.hint)


@pytest.fixture
def pair(server: Any) -> Iterator[Pair]:
    made = Pair(server)
    if made.admin.info.server_version < 180006:
        pytest.skip("18.6 has the rules that these checks were taken from")
    yield made
    made.admin.execute(f"drop server if exists {SERVER} cascade")
    made.admin.close()


FACES = pytest.mark.parametrize("face", ["Session", "AsyncSession"])
ON, OFF = {"use_scram_passthrough": "true"}, {"use_scram_passthrough": "false"}


def test_the_secret_is_one_that_scram_made(pair: Pair) -> None:
    assert [len(key) for key in pair.keys] == [32, 32]


@FACES
def test_056_pass_through_needs_no_password(pair: Pair, face: str) -> None:
    pair.options(ON, {"user": "u_scram"})
    assert pair.real() == pair.ours(face) == Said("u_scram")


@FACES
def test_056_a_requirement_that_overwrites_ours(pair: Pair, face: str) -> None:
    pair.options({**ON, "require_auth": "none"}, {"user": "u_scram"})
    assert pair.real() == pair.ours(face)
    assert pair.ours(face).sqlstate == "2F003"


@FACES
def test_057_the_mapping_wins(pair: Pair, face: str) -> None:
    pair.options(ON, {"user": "u_scram", **OFF})
    assert pair.real() == pair.ours(face)
    assert pair.ours(face).sqlstate == "2F003"
    pair.options(OFF, {"user": "u_scram", **ON})
    assert pair.real() == pair.ours(face) == Said("u_scram")


@FACES
@pytest.mark.parametrize("user", ["postgres", "u_md5", "u_clear"])
def test_059_a_remote_that_asks_for_no_scram(pair: Pair, face: str, user: str) -> None:
    pair.options(ON, {"user": user})
    assert pair.real() == pair.ours(face)
    assert pair.ours(face).sqlstate == "08001"


def test_keys_of_a_wrong_length() -> None:
    with pytest.raises(purelink.InterfaceError, match="of 32 bytes each"):
        purelink.Session(scram_keys=(b"short", b"x" * 32))
