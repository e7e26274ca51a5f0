"""dblink_fdw_validator and dblink_current_query: beside the extension, and what is our own."""

from __future__ import annotations

from typing import Any

import pytest

from purelink.dblink.aio import AsyncSession
from purelink.dblink.session import Session
from purelink.errors import Error
from tests.conformance.dblink_pair import FACES, Ours, psycopg, said

pytestmark = pytest.mark.server

CONTEXTS = {
    "pg_foreign_data_wrapper": 2328,
    "pg_foreign_server": 1417,
    "pg_user_mapping": 1418,
    "pg_foreign_table": 3118,
    "pg_class": 1259,
}
OPTIONS = [
    "{}",
    "{host=h,dbname=d}",
    "{host}",
    "{user=u,password=p}",
    "{hots=x}",
    "{host=a,bogus=b,user=c}",
    "{use_scram_passthrough=true}",
    "{use_scram_passthrough=x}",
    "{use_scram_passthrough=x,bogus=1}",
    "{bogus=1,use_scram_passthrough=x}",
    "{user=a,user=b}",
    '{"=x"}',
    '{"HOST=x"}',
    '{"password=it\'s a=b"}',
]


@pytest.mark.parametrize("catalog", CONTEXTS)
@pytest.mark.parametrize("options", OPTIONS)
def test_the_validator(options: str, catalog: str, server: Any) -> None:
    with psycopg.connect(server.dsn, dbname="loc", autocommit=True) as connection:
        version = connection.info.server_version
        if not 180006 <= version < 190000:
            pytest.skip(f"server {version}: these are 18.6's rules")
        try:
            connection.execute(
                "select dblink_fdw_validator(%s::text[], %s::regclass::oid)", [options, catalog]
            )
            real = None
        except psycopg.Error as error:
            real = said(error.diag)
    for given in (catalog, CONTEXTS[catalog]):
        ours = None
        try:
            assert Session().dblink_fdw_validator(options, given) is None  # type: ignore[func-returns-value]  # void is None
        except Error as error:
            ours = said(error.diagnostics)
        assert ours == real


def test_the_validator_is_strict() -> None:
    for session in (Session(), AsyncSession()):
        session.dblink_fdw_validator(None, "pg_foreign_server")
        session.dblink_fdw_validator("{bogus=1}", None)
        session.dblink_fdw_validator(["host=h"], "pg_foreign_server")


@pytest.mark.parametrize("face", FACES)
def test_the_current_query(face: str, server: Any) -> None:
    """A handler of notices can ask what is run; outside of a call there is nothing."""
    side = Ours(server, face)
    seen: list[str | None] = []
    side.session.remote_notice_handlers.append(
        lambda notice: seen.append(side.session.dblink_current_query())
    )
    try:
        assert side.session.dblink_current_query() is None
        side.connect("c", side.CS).gives("OK")
        raising = "do $$ begin raise notice 'here'; end $$"
        side.exec("c", raising).gives("DO")
        side.rows("c", raising).gives(("DO",))
        side.exec("c", "select 1/0", False).holds("ERROR")
        assert seen == [raising, raising]
        assert side.session.dblink_current_query() is None
    finally:
        side.close()
