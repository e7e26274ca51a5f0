"""Checks 45 to 59 of dblink's specification: foreign servers, user mappings, SCRAM pass-through.

One test a check, through the extension and through `Session` with a `Catalog`: the same SQL there
as calls here.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import Any, Iterator

from purelink.dblink.catalog import Catalog
from tests.cluster import PASSWORD
from tests.conformance.dblink_pair import Side, twice

REQUIRED = "password or GSSAPI delegated credentials required"
FDW = "foreign data wrapper"


def options(given: dict[str, str]) -> str:
    if not given:
        return ""
    pairs = []
    for name, value in given.items():
        escaped = value.replace("\\", "\\\\").replace("'", "''")
        pairs.append(f""" "{name}" {"E" * (escaped != value)}'{escaped}'""")
    return f" options ({', '.join(pairs)})"


@contextmanager
def server(d: Side, name: str = "srv", wrapper: str = "dblink_fdw", **given: str) -> Iterator[None]:
    """A foreign server on `rem`, dropped at the end."""
    given = {"host": d.server.host, "port": str(d.server.port), "dbname": "rem", **given}
    d.role(None)
    d.ddl(
        f"create server {name} {FDW} {wrapper}{options(given)}",
        lambda catalog: catalog.create_server(name, given, wrapper=wrapper),
    ).gives(None)
    try:
        yield
    finally:
        d.role(None)
        d.local("set client_min_messages = warning")
        d.local(f"drop server {name} cascade")
        d.local("reset client_min_messages")


def mapping(d: Side, role: str = "plain", name: str = "srv", /, **given: str) -> None:
    d.ddl(
        f"create user mapping for {role} server {name}{options(given)}",
        lambda catalog: catalog.create_user_mapping(role, name, given),
    ).gives(None)


def usage(d: Side, role: str = "plain", name: str = "srv") -> None:
    d.ddl(
        f"grant usage on foreign server {name} to {role}",
        lambda catalog: catalog.grant_usage(name, role),
    ).gives(None)


@twice
def test_045_superusers_need_a_mapping_too(d: Side) -> None:
    with server(d):
        missing = f'user mapping not found for user "{d.server.superuser}", server "srv"'
        d.rows("srv", "select 1").raises("42704", missing, detail=None, hint=None, context=None)
        d.connect("c", "srv").raises("42704", missing)
        d.exec("srv", "select 1", False).raises("42704", missing)
        mapping(d, "public", user=d.server.superuser)
        d.rows("srv", "select session_user, current_database()", columns="u text, d text").gives(
            (d.server.superuser, "rem")
        )
        d.connect("c", "srv").gives("OK")
        d.rows("c", "select 1").gives(("1",))


@twice
def test_046_usage(d: Side) -> None:
    with server(d):
        d.role("plain")
        d.connect("c", "srv").raises(
            "42704", 'user mapping not found for user "plain", server "srv"'
        )
        d.role(None)
        mapping(d, "public", user="u_scram", password=PASSWORD)
        d.role("plain")
        d.connect("c", "srv").raises("42501", "permission denied for foreign server srv")
        d.rows("srv", "select 1").raises("42501", "permission denied for foreign server srv")
        d.role(None)
        usage(d)
        d.role("plain")
        d.rows("srv", "select session_user").gives(("u_scram",))


@twice
def test_047_options_that_may_not_stand_there(d: Side) -> None:
    for name in ("user", "password", "client_encoding", "replication"):
        d.ddl(
            f"create server bad {FDW} dblink_fdw options ({name} 'x')",
            partial(Catalog.create_server, name="bad", options={name: "x"}),
        ).raises("HV00J", f'invalid option "{name}"')
    with server(d):
        d.ddl(
            "create user mapping for plain server srv options (host 'x')",
            lambda catalog: catalog.create_user_mapping("plain", "srv", {"host": "x"}),
        ).raises("HV00J", 'invalid option "host"')


@twice
def test_048_hints(d: Side) -> None:
    for name, hint in (
        ("hots", 'Perhaps you meant the option "host".'),
        ("server", 'Perhaps you meant the option "service".'),
        ("zzzzzzzzzzzzzzzz", None),
    ):
        d.ddl(
            f"create server bad {FDW} dblink_fdw options ({name} 'x')",
            partial(Catalog.create_server, name="bad", options={name: "x"}),
        ).raises("HV00J", f'invalid option "{name}"', hint=hint)
    d.ddl(
        "alter foreign data wrapper dblink_fdw options (add host 'x')",
        lambda catalog: catalog.alter_wrapper("dblink_fdw", add={"host": "x"}),
    ).raises("HV00J", 'invalid option "host"', hint="There are no valid options in this context.")


@twice
def test_049_values_arrive_unchanged(d: Side) -> None:
    role, password, name = "it's a \\ role", 'p\'w \\ "x" =y ', 'it\'s \\ "app" a=b'
    quoted = password.replace("'", "''")
    d.remote(f"""create role "{role}" login password '{quoted}'""")
    try:
        with server(d, application_name=name):
            mapping(d, user=role, password=password)
            mapping(d, "public", user=role, password=password)
            columns = "u text, a text"
            d.rows(
                "srv", "select session_user, current_setting('application_name')", columns=columns
            ).gives((role, name))
    finally:
        d.remote(f'drop role "{role}"')


@twice
def test_050_database_and_trailing_backslash(d: Side) -> None:
    database, name = "d'b \\x =y", "ends in \\"
    d.remote(f'create database "{database}"')
    try:
        with server(d, dbname=database, application_name=name):
            mapping(d, "public", user=d.server.superuser)
            columns = "d text, a text"
            d.rows(
                "srv",
                "select current_database(), current_setting('application_name')",
                columns=columns,
            ).gives((database, name))
    finally:
        d.remote(f'drop database "{database}" with (force)')


@twice
def test_051_mapping_password_that_nobody_asks_for(d: Side) -> None:
    with server(d):
        mapping(d, user=d.server.superuser, password=PASSWORD)
        usage(d)
        d.role("plain")
        d.connect("c", "srv").raises(
            "2F003",
            REQUIRED,
            detail="Non-superusers may only connect using credentials they provide,"
            " eg: password in connection string or delegated GSSAPI credentials",
            hint="Ensure provided credentials match target server's authentication method.",
        )
        d.names().gives(None)


@twice
def test_052_server_of_another_wrapper(d: Side) -> None:
    d.local("set client_min_messages = warning")
    d.local("create extension if not exists postgres_fdw")
    d.local("reset client_min_messages")
    with server(d, wrapper="postgres_fdw", fetch_size="50", use_remote_estimate="true"):
        mapping(d, "public", user=d.server.superuser)
        d.rows("srv", "select current_database()").gives(("rem",))


@twice
def test_053_wrapper_without_validator(d: Side) -> None:
    d.ddl(
        f"create {FDW} bare",
        lambda catalog: catalog.create_wrapper("bare"),
    ).gives(None)
    try:
        with server(
            d,
            wrapper="bare",
            user="u_scram",
            password="wrong",
            client_encoding="latin1",
            replication="database",
            fallback_application_name="kept",
        ):
            mapping(d, "public", user=d.server.superuser, dbname="nodb", host="nowhere.invalid")
            d.rows(
                "srv",
                "select session_user, current_database(), current_setting('application_name'),"
                " current_setting('client_encoding')",
                columns="u text, d text, a text, e text",
            ).gives((d.server.superuser, "rem", "kept", "UTF8"))
    finally:
        d.role(None)
        d.local(f"drop {FDW} bare cascade")


@twice
def test_054_server_names_are_exact(d: Side) -> None:
    with server(d):
        mapping(d, "public", user="u_scram", password=PASSWORD)
        usage(d)
        d.connect("a", "srv").gives("OK")
        d.connect("b", "SRV").raises(
            "08001",
            "could not establish connection",
            detail='missing "=" after "SRV" in connection info string',
        )
        d.connect("b", " srv").raises("08001", "could not establish connection")
        d.role("plain")
        d.connect("b", "SRV").raises("2F003", REQUIRED)


@twice
def test_054b_names_servers_strings_in_that_order(d: Side) -> None:
    """An open name wins over a server, a server over a connection string."""
    odd = f'"dbname=rem user={d.server.superuser}"'
    d.ddl(
        f"create server {odd} {FDW} dblink_fdw"
        + options({"host": d.server.host, "port": str(d.server.port), "dbname": "rem"}),
        lambda catalog: catalog.create_server(
            odd[1:-1], {"host": d.server.host, "port": str(d.server.port), "dbname": "rem"}
        ),
    )
    try:
        d.ddl(
            f"create user mapping for public server {odd} options (user 'u_scram', password 'pw')",
            lambda catalog: catalog.create_user_mapping(
                "public", odd[1:-1], {"user": "u_scram", "password": "pw"}
            ),
        )
        d.rows(odd[1:-1], "select session_user").gives(("u_scram",))
        d.connect(odd[1:-1], d.CS).gives("OK")
        d.rows(odd[1:-1], "select session_user").gives((d.server.superuser,))
    finally:
        d.local("set client_min_messages = warning")
        d.local(f"drop server {odd} cascade")


@twice
def test_055_specific_mapping_wins(d: Side) -> None:
    with server(d):
        mapping(d, "public", user="u_md5", password=PASSWORD)
        mapping(d, "plain", user="u_scram", password=PASSWORD)
        usage(d)
        d.role("plain")
        d.rows("srv", "select session_user").gives(("u_scram",))
        d.role(None)
        d.rows("srv", "select session_user").gives(("u_md5",))
        # its options are not laid over PUBLIC's
        d.ddl(
            "alter user mapping for plain server srv options (drop password)",
            lambda catalog: catalog.alter_user_mapping("plain", "srv", drop=["password"]),
        ).gives(None)
        d.role("plain")
        d.rows("srv", "select session_user").raises("2F003", REQUIRED)


@twice
def test_058_pass_through_is_a_boolean(d: Side) -> None:
    needed = ("42601", "use_scram_passthrough requires a Boolean value")
    for value in ("1", "nonsense", ""):
        given: dict[str, Any] = {"use_scram_passthrough": value}
        d.ddl(
            f"create server bad {FDW} dblink_fdw{options(given)}",
            partial(Catalog.create_server, name="bad", options=given),
        ).raises(*needed)
    with server(d, use_scram_passthrough="TRUE"):
        d.ddl(
            "create user mapping for plain server srv options (use_scram_passthrough 'x')",
            lambda catalog: catalog.create_user_mapping(
                "plain", "srv", {"use_scram_passthrough": "x"}
            ),
        ).raises(*needed)
    d.ddl(
        "alter foreign data wrapper dblink_fdw options (add use_scram_passthrough 'true')",
        lambda catalog: catalog.alter_wrapper("dblink_fdw", add={"use_scram_passthrough": "true"}),
    ).raises(
        "HV00J",
        'invalid option "use_scram_passthrough"',
        hint="There are no valid options in this context.",
    )
