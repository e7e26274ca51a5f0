"""Checks 21 to 44 of dblink's specification: what the first argument is, connecting, security.

One test a check, through the extension and through `Session`. What the environment lends (a
service file, PGPASSWORD) is set for a server of the test's own and for the session alike.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator

import pytest

from purelink.dblink.session import Session
from purelink.surroundings import gather
from purelink.testing.programs import ProgramsMissing
from purelink.testing.server import Server
from tests.cluster import HBA, PASSWORD, SETUP
from tests.conformance.dblink_pair import FACES, Side, compare, twice

if TYPE_CHECKING:
    from purelink.dblink.catalog import Catalog

REQUIRED = "password or GSSAPI delegated credentials required"
BEFORE = {
    "detail": "Non-superusers must provide a password in the connection string"
    " or send delegated GSSAPI credentials.",
    "hint": None,
    "context": None,
}
AFTER = {
    "detail": "Non-superusers may only connect using credentials they provide,"
    " eg: password in connection string or delegated GSSAPI credentials",
    "hint": "Ensure provided credentials match target server's authentication method.",
    "context": None,
}
FAILED = "could not establish connection"


def refused(d: Side, text: str, **more: Any) -> None:
    """The string is refused before anything is sent, under a name and without."""
    d.connect("q", text).raises("2F003", REQUIRED, **{**BEFORE, **more})
    d.connect(text).raises("2F003", REQUIRED, **BEFORE)
    d.exec(text, "set work_mem=1000").raises("2F003", REQUIRED, **BEFORE)
    d.rows(text, "select 1").raises("2F003", REQUIRED, **BEFORE)
    d.rows(text, "select 1", False).raises("2F003", REQUIRED, **BEFORE)


def accepted(d: Side, text: str) -> None:
    d.connect("q", text).gives("OK")
    d.disconnect("q").gives("OK")
    d.rows(text, "select 1").gives(("1",))


# --- resolution, connecting -----------------------------------------------------------------


@twice
def test_021_unknown_name_is_a_string(d: Side) -> None:
    d.rows("nc", "select 1").raises(
        "08001", FAILED, detail='missing "=" after "nc" in connection info string', hint=None
    )
    d.exec("x y", "select 1").raises(
        "08001", FAILED, detail='missing "=" after "x" in connection info string'
    )


@twice
def test_022_open_takes_names_only(d: Side) -> None:
    for outcome in (
        d.open(d.CS, "k1", "select 1"),
        d.fetch(d.CS, "k1", 1),
        d.close_cursor(d.CS, "k1"),
        d.send(d.CS, "select 1"),
        d.busy(d.CS),
        d.result(d.CS),
        d.cancel(d.CS),
        d.message(d.CS),
        d.disconnect(d.CS),
    ):
        outcome.raises("08003", f'connection "{d.CS}" not available')


@twice
def test_023_error_on_a_temporary_link(d: Side) -> None:
    d.rows(d.CS, "select 1/0").raises(
        "22012", "division by zero", context="while executing query on unnamed dblink connection"
    )
    d.exec(d.CS, "select 1/0").raises(
        "22012", "division by zero", context="while executing command on unnamed dblink connection"
    )
    d.rows(d.CS, "select 1, 2").raises(
        "42804", "remote query result rowtype does not match the specified FROM clause rowtype"
    )
    d.rows(d.CS, "select 'x'", columns="x int").raises(
        "22P02", 'invalid input syntax for type integer: "x"', context=None
    )
    d.exec(d.CS, "select 1").raises("2F003", "statement returning results not allowed")
    d.rows(d.CS, "select 1/0", False).notes("22012", "division by zero").holds()
    d.exec(d.CS, "select 1/0", False).notes("22012", "division by zero").holds("ERROR")
    d.rows(d.CS, "select g from generate_series(1, 3) g").gives(("1",), ("2",), ("3",))
    d.exec(d.CS, "set work_mem=1000").gives("SET")
    d.names().gives(None)
    d.rows("select 1").raises("08003", "connection not available")
    d.backends(0)


@twice
def test_024_fail_does_not_soften_connecting(d: Side) -> None:
    d.rows("host=127.0.0.1 port=1", "select 1", False).raises("08001", FAILED)
    d.exec("host=127.0.0.1 port=1", "select 1", False).raises("08001", FAILED)


@twice
def test_025_client_encoding_is_utf8(d: Side) -> None:
    for text in ("client_encoding=latin1", "options='-c client_encoding=latin1'"):
        d.rows(f"{d.CS} {text}", "show client_encoding").gives(("UTF8",))
        d.connect("c", f"{d.CS} {text}").gives("OK")
        d.rows("c", "show client_encoding").gives(("UTF8",))
        d.rows("c", "select 'é€'").gives(("é€",))
        d.disconnect("c").gives("OK")


@twice
def test_026_several_hosts(d: Side) -> None:
    there = f"port=1,{d.server.port}"
    both = d.CS.replace(f"host={d.server.host}", "host=127.0.0.1,127.0.0.1")
    d.connect("c", both.replace(f"port={d.server.port}", there)).gives("OK")
    outcome = d.connect(both.replace(f"port={d.server.port}", "port=1,2"))
    outcome.raises("08001", FAILED)
    assert outcome.error is not None
    assert (outcome.error.detail or "").count("connection to server at") == 2
    d.connect(both.replace(f"port={d.server.port}", "port=1,2,3")).raises(
        "08001", FAILED, detail="could not match 3 port numbers to 2 hosts"
    )


@twice
def test_027_strings_that_are_wrong(d: Side) -> None:
    for text, detail in (
        ("nosuch=1", 'invalid connection option "nosuch"'),
        ("port=70000", 'invalid port number: "70000"'),
        ("port=abc", 'invalid integer value "abc" for connection option "port"'),
        ("host='x", "unterminated quoted string in connection info string"),
        ("sslmode=bogus", 'invalid sslmode value: "bogus"'),
        ("postgresql://h/?nosuch=1", 'invalid URI query parameter: "nosuch"'),
        ("postgresql://u%zz@h/", 'invalid percent-encoded token: "u%zz"'),
        (
            "postgresql://[::1",
            (
                'end of string reached when looking for matching "]" in IPv6 host address in'
                ' URI: "postgresql://[::1"'
            ),
        ),
        ("service=nosuchservice", 'definition of service "nosuchservice" not found'),
    ):
        d.connect("c", text).raises("08001", FAILED, detail=detail, hint=None, context=None)
    for database in ("nodb", "no db"):
        d.connect("c", f"{d.CS} dbname='{database}'").raises("08001", FAILED)
    d.connect("c", f"host=/nowhere port={d.server.port}").raises("08001", FAILED)
    d.names().gives(None)


# --- security -------------------------------------------------------------------------------


@twice
def test_028_no_password_in_the_string(d: Side) -> None:
    d.role("plain")
    refused(d, f"{d.H} user=u_scram")
    d.names().gives(None)


@twice
def test_029_password_that_is_asked_for(d: Side) -> None:
    d.role("plain")
    for user in ("u_scram", "u_md5", "u_clear"):
        accepted(d, f"{d.H} user={user} password={PASSWORD}")
    d.rows(f"{d.H} user=u_scram password= password={PASSWORD}", "select 1").raises("08001", FAILED)


@twice
def test_030_password_that_nobody_asks_for(d: Side) -> None:
    d.connect(d.CS).gives("OK")
    d.role("plain")
    trusted = f"{d.H} user=postgres password={PASSWORD}"
    d.connect("q", trusted).raises("2F003", REQUIRED, **AFTER)
    d.connect(trusted).raises("2F003", REQUIRED, **AFTER)
    d.rows(trusted, "select 1").raises("2F003", REQUIRED, **AFTER)
    d.exec(trusted, "set work_mem=1000", False).raises("2F003", REQUIRED, **AFTER)
    d.names().gives(None)
    d.disconnect("q").raises("08003", 'connection "q" not available')
    d.rows("select 1").gives(("1",))
    d.backends(1)


@twice
def test_031_empty_password(d: Side) -> None:
    d.role("plain")
    refused(d, f"{d.H} user=u_scram password=''")
    refused(d, f"{d.H} user=u_scram password=x password=''")


def test_032_to_035_what_the_surroundings_lend() -> None:
    """032 passfile, 033 service, 034 PGPASSWORD, 035 URIs."""
    with tempfile.TemporaryDirectory() as named:
        folder = Path(named)  # pytest's own are closed to the server's user
        folder.chmod(0o755)
        passfile, service = folder / "passfile", folder / "service.conf"
        passfile.write_text(f"*:*:*:*:{PASSWORD}\n")
        service.write_text(f"[svc]\nuser=u_scram\npassword={PASSWORD}\n")
        lent = {"PGPASSWORD": PASSWORD, "PGSERVICEFILE": str(service)}

        def script(d: Side) -> None:
            # that it is there indeed
            d.rows(f"{d.H} user=u_scram", "select 1").gives(("1",))
            d.rows(f"{d.H} service=svc", "select session_user").gives(("u_scram",))
            d.role("plain")
            refused(d, f"{d.H} user=u_scram")
            refused(d, f"{d.H} user=u_scram passfile={passfile}")
            refused(d, f"{d.H} service=svc")
            accepted(d, f"{d.H} service=svc password={PASSWORD}")
            place = f"{d.server.host}:{d.server.port}/rem"
            accepted(d, f"postgresql://u_scram:{PASSWORD}@{place}")
            accepted(d, f"postgresql://u_scram@{place}?password={PASSWORD}")
            refused(d, f"postgresql://u_scram@{place}")

        around = gather()
        around.environment = {**around.environment, **lent}
        try:
            with haunted(lent) as server:
                for face in FACES:
                    compare(server, face, script, around)
        except ProgramsMissing as missing:
            pytest.skip(f"no server: {missing}")


@contextmanager
def haunted(environment: dict[str, str]) -> Iterator[Server]:
    """A server whose processes, libpq in dblink among them, see these variables."""

    class Haunted(Server):
        def _launch(self) -> None:
            shelter: Any = self._shelter
            manner = shelter.manner()
            manner["env"] = {**manner["env"], **environment}
            shelter.manner = lambda: manner
            super()._launch()

    with Haunted(hba=HBA, setup=SETUP) as server:
        yield server


@twice
def test_036_strings_that_do_not_parse(d: Side) -> None:
    d.role("plain")
    for text in ("bogus", f"bogus=1 password={PASSWORD}", "postgresql://[::1", "", " "):
        refused(d, text)


@twice
def test_037_bad_port_is_found_later(d: Side) -> None:
    d.role("plain")
    d.connect("q", "postgresql://u:pw@h:bad/").raises(
        "08001", FAILED, detail='invalid integer value "bad" for connection option "port"'
    )


@twice
def test_038_wrong_password(d: Side) -> None:
    d.role("plain")
    d.connect("q", f"{d.H} user=u_scram password=wrong").raises(
        "08001",
        FAILED,
        detail=f'connection to server at "{d.server.host}", port {d.server.port} failed:'
        ' FATAL:  password authentication failed for user "u_scram"',
    )
    for user in ("u_md5", "u_clear"):
        d.connect(f"{d.H} user={user} password=wrong").raises("08001", FAILED)
    d.names().gives(None)


@twice
def test_039_unknown_name(d: Side) -> None:
    d.role("plain")
    d.rows("nope", "select 1").raises("2F003", REQUIRED, **BEFORE)
    d.exec("nope", "select 1", False).raises("2F003", REQUIRED, **BEFORE)
    d.open("nope", "k", "select 1").raises("08003", 'connection "nope" not available')


@twice
def test_040_open_link_serves_everybody(d: Side) -> None:
    d.connect("c", d.CS).gives("OK")
    d.connect(d.CS).gives("OK")
    d.role("plain")
    d.rows("c", "select session_user").gives((d.server.superuser,))
    d.exec("set work_mem=1000").gives("SET")
    d.disconnect("c").gives("OK")
    d.disconnect().gives("OK")


@twice
def test_041_connect_u_is_granted_by_overload(d: Side) -> None:
    denied = ("42501", "permission denied for function dblink_connect_u")

    def grant(catalog: Catalog) -> None:
        catalog.grant_execute("dblink_connect_u(text,text)", "plain")

    def revoke(catalog: Catalog) -> None:
        catalog.revoke_execute("dblink_connect_u(text,text)", "plain")

    d.call("dblink_connect_u", "s", d.CS).gives("OK")
    d.role("plain")
    d.call("dblink_connect_u", "q", d.CS).raises(*denied)
    d.call("dblink_connect_u", d.CS).raises(*denied)
    d.role(None)
    d.ddl("grant execute on function dblink_connect_u(text, text) to plain", grant)
    try:
        d.role("plain")
        d.call("dblink_connect_u", "q", d.CS).gives("OK")
        d.call("dblink_connect_u", "q", "host=127.0.0.1 port=1").raises(
            "42710", "duplicate connection name"
        )
        d.call("dblink_connect_u", d.CS).raises(*denied)
        d.rows("q", "select 1").gives(("1",))
        d.role(None)
    finally:
        d.ddl("revoke execute on function dblink_connect_u(text, text) from plain", revoke)
    d.role("plain")
    d.call("dblink_connect_u", "r", d.CS).raises(*denied)


@twice
def test_042_set_role_counts(d: Side) -> None:
    d.role("plain")
    d.connect("c", d.CS).raises("2F003", REQUIRED)
    d.role(None)
    d.connect("c", d.CS).gives("OK")


@twice
def test_043_member_of_a_superuser_role(d: Side) -> None:
    d.ddl(
        f"grant {d.server.superuser} to plain",
        lambda catalog: catalog.grant_role(d.server.superuser, "plain"),
    )
    try:
        d.role("plain")
        d.connect("c", d.CS).raises("2F003", REQUIRED, **BEFORE)
        d.role(None)
        d.connect("c", d.CS).gives("OK")
    finally:
        d.ddl(
            f"revoke {d.server.superuser} from plain",
            lambda catalog: catalog.revoke_role(d.server.superuser, "plain"),
        )


@twice
def test_044_require_auth_none(d: Side) -> None:
    d.role("plain")
    text = f"{d.H} require_auth=none user=postgres password={PASSWORD}"
    d.connect("q", text).raises("2F003", REQUIRED, **AFTER)
    d.rows(text, "select 1", False).raises("2F003", REQUIRED, **AFTER)
    d.backends(0)


# --- the seed's words -----------------------------------------------------------------------


@pytest.mark.server
def test_without_a_version_the_two_refusals_are_the_seeds(server: Any) -> None:
    """`dblink_version=None`: what our user wrote down, and true of us."""
    place = f"host={server.host} port={server.port} dbname=rem"
    with Session(user="plain") as session:
        for text, detail, hint in (
            (
                f"{place} user=u_scram",
                "Non-superusers must provide a password in the connection string.",
                None,
            ),
            (
                f"{place} user=postgres password={PASSWORD}",
                "Non-superuser cannot connect if the server does not request a password.",
                "Target server's authentication method must be changed.",
            ),
        ):
            with pytest.raises(Exception, match=r"^password is required") as caught:
                session.dblink_connect("q", text)
            error: Any = caught.value
            assert (error.sqlstate, error.message) == ("2F003", "password is required")
            assert (error.detail, error.hint, error.context) == (detail, hint, None)
        assert session.dblink_get_connections() is None
