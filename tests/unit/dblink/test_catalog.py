"""The catalog: DDL with PostgreSQL's own words, grants, and what a session's user gets of it.

The same calls are compared with a real server in `tests/conformance/test_dblink_catalog.py`.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, Callable

import pytest

from purelink import errors
from purelink.dblink.catalog import Catalog

if TYPE_CHECKING:
    from purelink.dblink.refusals import Notice

ONE, TWO = "dblink_connect_u(text)", "dblink_connect_u(text,text)"


def seeded(**settings: Any) -> Catalog:
    catalog = Catalog(**settings)
    catalog.create_server("s", {"host": "h", "dbname": "d"}, owner="own")
    catalog.create_user_mapping("bob", "s", {"user": "u", "password": "s3cret"})
    catalog.create_user_mapping("PUBLIC", "s", {"user": "anybody"})
    return catalog


def refused(call: Callable[..., object], *words: Any, **more: Any) -> errors.DatabaseError:
    with pytest.raises(errors.LinkError) as caught:
        call(*words, **more)
    assert isinstance(caught.value, errors.DatabaseError)
    assert "s3cret" not in repr(caught.value)
    return caught.value


def told(error: errors.DatabaseError) -> tuple[str | None, str]:
    return error.sqlstate, error.message


NO_SERVER = ("42704", 'server "nos" does not exist')


def test_the_seed() -> None:
    catalog = Catalog()
    catalog.create_server("fdtest", {"hostaddr": "", "dbname": "contrib_regression"})
    user = "dblink_regression_test"
    catalog.create_user_mapping(user, "fdtest", {"user": user, "password": "secret"})
    assert told(refused(catalog.conninfo, "fdtest", user)) == (
        "42501",
        "permission denied for foreign server fdtest",
    )
    catalog.grant_usage("fdtest", user)
    assert catalog.conninfo("fdtest", user) == (
        "hostaddr='' dbname='contrib_regression' user='dblink_regression_test' password='secret' "
    )
    catalog.revoke_usage("fdtest", user)
    assert told(refused(catalog.conninfo, "fdtest", user))[0] == "42501"
    catalog.drop_user_mapping(user, "fdtest")
    assert told(refused(catalog.conninfo, "fdtest", user)) == (
        "42704",
        'user mapping not found for user "dblink_regression_test", server "fdtest"',
    )
    catalog.drop_server("fdtest")
    assert catalog.conninfo("fdtest", user) is None


# --- wrappers ---


def test_wrappers() -> None:
    catalog = Catalog()
    assert told(refused(catalog.create_wrapper, "dblink_fdw")) == (
        "42710",
        'foreign-data wrapper "dblink_fdw" already exists',
    )
    catalog.create_wrapper("plain", {"a": "b"})
    catalog.alter_wrapper("plain", add={"host": "x"}, set={"a": "c"})
    assert told(refused(catalog.alter_wrapper, "plain", add={"host": "x"}))[0] == "42710"
    catalog.alter_wrapper("plain", drop=["a"])
    error = refused(catalog.create_wrapper, "strict", {"a": "b"}, validated=True)
    assert (told(error), error.hint) == (
        ("HV00J", 'invalid option "a"'),
        "There are no valid options in this context.",
    )
    catalog.create_wrapper("strict", validated=True)
    missing = ("42704", 'foreign-data wrapper "nos" does not exist')
    assert told(refused(catalog.alter_wrapper, "nos")) == missing
    assert told(refused(catalog.create_server, "x", wrapper="nos")) == missing


def test_other_wrappers_carry_anything_and_it_is_skipped() -> None:
    catalog = Catalog()
    catalog.create_wrapper("plain", {"host": "skipped"})
    for name, wrapper in (("p", "plain"), ("f", "postgres_fdw")):
        catalog.create_server(
            name,
            {"host": "h", "fetch_size": "100", "user": "no", "password": "no"},
            wrapper=wrapper,
        )
        catalog.create_user_mapping("PUBLIC", name, {"user": "u", "dbname": "no", "host": "no"})
        assert catalog.conninfo(name, "x", superuser=True) == "host='h' user='u' "


# --- servers ---


def test_create_server() -> None:
    notices: list[Notice] = []
    catalog = seeded(on_notice=notices.append)
    assert told(refused(catalog.create_server, "s", {"bogus": "x"})) == (
        "42710",
        'server "s" already exists',
    )
    assert notices == []
    catalog.create_server("s", [("bogus", "x")], wrapper="nos", if_not_exists=True)
    assert [(one.sqlstate, one.message_primary) for one in notices] == [
        ("42710", 'server "s" already exists, skipping')
    ]
    catalog.create_server("new", if_not_exists=True)
    error = refused(catalog.create_server, "x", {"hots": "x"})
    assert (told(error), error.hint) == (
        ("HV00J", 'invalid option "hots"'),
        'Perhaps you meant the option "host".',
    )
    assert told(refused(catalog.create_server, "x", [("host", "a"), ("host", "b")])) == (
        "42710",
        'option "host" provided more than once',
    )
    assert told(refused(catalog.create_server, "x", {"use_scram_passthrough": "1"}))[0] == "42601"
    assert catalog.conninfo("x", "bob") is None
    assert told(refused(catalog.create_server, "")) == (
        "42601",
        'zero-length delimited identifier at or near """"',
    )


def test_the_validator_of_an_older_version() -> None:
    catalog = Catalog(dblink_version=15)
    error = refused(catalog.create_server, "x", {"use_scram_passthrough": "true"})
    assert error.hint is not None
    assert error.hint.startswith("Valid options in this context are: service, passfile, ")
    catalog.create_server("x")
    assert told(refused(catalog.lookup, "x", "bob"))[1] == 'user mapping not found for "bob"'
    with pytest.raises(errors.InterfaceError, match="dblink_version"):
        Catalog(dblink_version=9)


def test_long_names_are_clipped_with_a_notice() -> None:
    notices: list[Notice] = []
    catalog = Catalog(on_notice=notices.append)
    catalog.create_server("x" * 70)
    catalog.create_user_mapping("bob", "x" * 71)
    assert [one.sqlstate for one in notices] == ["42622", "42622"]
    assert catalog.conninfo("x" * 80, "bob", superuser=True) == ""
    assert len(notices) == 2
    Catalog().create_server("x" * 70)


def test_alter_server() -> None:
    catalog = seeded()
    catalog.grant_usage("s", "bob")
    catalog.alter_server("s", drop=["host"], set={"dbname": "e"}, add={"port": "1"})
    assert catalog.conninfo("s", "bob") == "dbname='e' port='1' user='u' password='s3cret' "
    assert told(refused(catalog.alter_server, "s", set={"host": "x"})) == (
        "42704",
        'option "host" not found',
    )
    assert refused(catalog.alter_server, "s", add={"hots": "x"}).hint is not None
    assert told(refused(catalog.alter_server, "nos")) == NO_SERVER


def test_rename_server() -> None:
    catalog = seeded()
    catalog.create_server("t")
    for name in ("s", "t"):
        assert told(refused(catalog.rename_server, "s", name)) == (
            "42710",
            f'server "{name}" already exists',
        )
    assert told(refused(catalog.rename_server, "nos", "t")) == NO_SERVER
    catalog.rename_server("s", "r")
    assert catalog.conninfo("s", "bob", superuser=True) is None
    found = catalog.lookup("r", "bob", superuser=True)
    assert found is not None
    assert found.name == "r"


def test_drop_server() -> None:
    notices: list[Notice] = []
    catalog = seeded(on_notice=notices.append)
    error = refused(catalog.drop_server, "s")
    assert told(error) == ("2BP01", "cannot drop server s because other objects depend on it")
    assert error.detail == (
        "user mapping for bob on server s depends on server s\n"
        "user mapping for public on server s depends on server s"
    )
    assert error.hint == "Use DROP ... CASCADE to drop the dependent objects too."
    assert isinstance(error, errors.InternalError)
    catalog.drop_server("s", cascade=True)
    catalog.create_server("t")
    catalog.create_user_mapping("bob", "t")
    catalog.drop_server("t", cascade=True)
    catalog.create_server("u")
    catalog.drop_server("u")
    assert told(refused(catalog.drop_server, "nos")) == NO_SERVER
    catalog.drop_server("nos", if_exists=True)
    assert [(one.message_primary, one.message_detail) for one in notices] == [
        (
            "drop cascades to 2 other objects",
            (
                "drop cascades to user mapping for bob on server s\n"
                "drop cascades to user mapping for public on server s"
            ),
        ),
        ("drop cascades to user mapping for bob on server t", None),
        ('server "nos" does not exist, skipping', None),
    ]
    assert {one.sqlstate for one in notices} == {"00000"}
    Catalog().drop_server("nos", if_exists=True)


# --- user mappings ---


def test_create_user_mapping() -> None:
    notices: list[Notice] = []
    catalog = seeded(on_notice=notices.append)
    for user, name in (("bob", "bob"), ("PUBLIC", "public"), ("public", "public")):
        message = f'user mapping for "{name}" already exists for server "s"'
        assert told(refused(catalog.create_user_mapping, user, "s")) == ("42710", message)
        catalog.create_user_mapping(user, "s", {"bogus": "x"}, if_not_exists=True)
        assert notices.pop().message_primary == f"{message}, skipping"
    catalog.create_user_mapping("Public", "s", if_not_exists=True)
    assert told(refused(catalog.create_user_mapping, "ann", "nos", if_not_exists=True)) == NO_SERVER
    assert told(refused(catalog.create_user_mapping, "ann", "s", {"host": "x"})) == (
        "HV00J",
        'invalid option "host"',
    )
    assert told(refused(catalog.create_user_mapping, "none", "s")) == (
        "42939",
        'role name "none" is reserved',
    )


def test_alter_user_mapping() -> None:
    catalog = seeded()
    catalog.alter_user_mapping("bob", "s", drop=["password"], set={"user": "v"})
    assert catalog.conninfo("s", "bob", superuser=True) == "host='h' dbname='d' user='v' "
    catalog.alter_user_mapping("bob", "s", add={"password": "new"})
    assert told(refused(catalog.alter_user_mapping, "bob", "s", add={"password": "x"})) == (
        "42710",
        'option "password" provided more than once',
    )
    assert told(refused(catalog.alter_user_mapping, "ann", "s")) == (
        "42704",
        'user mapping for "ann" does not exist for server "s"',
    )
    assert told(refused(catalog.alter_user_mapping, "bob", "nos")) == NO_SERVER


def test_drop_user_mapping() -> None:
    notices: list[Notice] = []
    catalog = seeded(on_notice=notices.append)
    catalog.drop_user_mapping("bob", "s")
    missing = 'user mapping for "bob" does not exist for server "s"'
    assert told(refused(catalog.drop_user_mapping, "bob", "s")) == ("42704", missing)
    assert told(refused(catalog.drop_user_mapping, "bob", "nos")) == NO_SERVER
    catalog.drop_user_mapping("bob", "s", if_exists=True)
    catalog.drop_user_mapping("bob", "nos", if_exists=True)
    assert [(one.sqlstate, one.message_primary) for one in notices] == [
        ("00000", f"{missing}, skipping"),
        ("00000", 'server "nos" does not exist, skipping'),
    ]
    assert catalog.conninfo("s", "bob", superuser=True) == "host='h' dbname='d' user='anybody' "


# --- grants ---


def may_use(catalog: Catalog, user: str) -> bool:
    try:
        return catalog.conninfo("s", user) is not None
    except errors.ProgrammingError as error:
        refusal = error
    assert told(refusal) == ("42501", "permission denied for foreign server s")
    return False


def test_usage() -> None:
    catalog = seeded()
    assert may_use(catalog, "own")
    assert not may_use(catalog, "ann")
    assert catalog.conninfo("s", "ann", superuser=True)
    catalog.revoke_usage("s", "ann")
    catalog.grant_usage("s", "PUBLIC")
    assert may_use(catalog, "ann")
    catalog.revoke_usage("s", "public")
    assert not may_use(catalog, "ann")
    for call in (catalog.grant_usage, catalog.revoke_usage):
        assert told(refused(call, "nos", "ann")) == NO_SERVER


def test_the_owner() -> None:
    catalog = seeded()
    catalog.alter_server("s", owner="ann")
    assert may_use(catalog, "ann")
    assert not may_use(catalog, "own")
    catalog.revoke_usage("s", "ann")
    assert not may_use(catalog, "ann")
    catalog.alter_server("s", owner="own")
    assert not may_use(catalog, "own")
    catalog.create_server("mine")
    assert catalog.servers["mine"].owner == catalog.owner == "postgres"


def test_membership() -> None:
    catalog = seeded()
    catalog.grant_role("own", "grp")
    catalog.grant_role("grp", "ann")
    catalog.grant_role("own", "ann")
    assert catalog.has_role("ann", "ann")
    assert catalog.has_role("ann", "own")
    assert not catalog.has_role("own", "ann")
    assert may_use(catalog, "ann")
    for role, to in (("grp", "grp"), ("ann", "own")):
        assert told(refused(catalog.grant_role, role, to)) == (
            "0LP01",
            f'role "{role}" is a member of role "{to}"',
        )
    for role, to in (("PUBLIC", "ann"), ("grp", "PUBLIC")):
        assert told(refused(catalog.grant_role, role, to)) == (
            "42704",
            'role "public" does not exist',
        )
    catalog.revoke_role("own", "ann")
    assert may_use(catalog, "ann")
    catalog.revoke_role("grp", "ann")
    assert not may_use(catalog, "ann")
    catalog.revoke_role("grp", "nobody")
    catalog.grant_role("ann", "own")


def test_execute_overload_by_overload() -> None:
    catalog = Catalog()
    assert catalog.may_execute(ONE, "ann", superuser=True)
    assert not catalog.may_execute(ONE, "ann")
    catalog.grant_execute(ONE, "ann")
    assert catalog.may_execute(ONE, "ann")
    assert not catalog.may_execute("dblink_connect_u(text, text)", "ann")
    catalog.grant_execute(TWO, "PUBLIC")
    assert catalog.may_execute(TWO, "bob")
    catalog.revoke_execute(TWO, "PUBLIC")
    catalog.revoke_execute(TWO, "bob")
    assert not catalog.may_execute(TWO, "bob")
    for call in (catalog.grant_execute, catalog.revoke_execute, catalog.may_execute):
        assert told(refused(call, "dblink(text)", "ann")) == (
            "42883",
            "function dblink(text) does not exist",
        )


# --- what a session asks ---


def test_lookup_order() -> None:
    catalog = seeded()
    assert catalog.lookup("S", "bob") is None
    assert catalog.lookup(" s", "bob") is None
    catalog.drop_user_mapping("PUBLIC", "s")
    # no mapping comes before no USAGE, and superusers need one too
    for superuser in (False, True):
        assert told(refused(catalog.lookup, "s", "ann", superuser=superuser)) == (
            "42704",
            'user mapping not found for user "ann", server "s"',
        )
    assert told(refused(catalog.lookup, "s", "bob"))[0] == "42501"


def test_the_specific_mapping_wins_whole() -> None:
    catalog = seeded()
    catalog.create_user_mapping("ann", "s", {"password": "p"})
    found = catalog.lookup("s", "ann", superuser=True)
    assert found is not None
    assert found.mapping_options == {"password": "p"}


def test_pass_through_keys() -> None:
    catalog = seeded()
    catalog.alter_server("s", add={"use_scram_passthrough": "true"})
    found = catalog.conninfo("s", "bob", superuser=True, scram_keys=(b"a", b"b"))
    assert found is not None
    assert found.startswith(
        "scram_client_key='YQ==' scram_server_key='Yg==' require_auth='scram-sha-256' host='h' "
    )


def test_what_was_handed_out_does_not_change_the_catalog() -> None:
    given = {"user": "x"}
    catalog = seeded()
    catalog.create_user_mapping("ann", "s", given)
    given["user"] = "y"
    found = catalog.lookup("s", "ann", superuser=True)
    assert found is not None
    assert found.mapping_options == {"user": "x"}
    found.server_options.clear()  # type: ignore[attr-defined]
    assert catalog.conninfo("s", "ann", superuser=True) == "host='h' dbname='d' user='x' "


def test_to_toml_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    # the form itself: test_catalog_toml.py
    text = seeded().to_toml()
    assert 'password" = "s3cret"' in text
    assert "s3cret" not in seeded().to_toml(secrets=False)
    monkeypatch.setattr("purelink.dblink.catalog_toml._parsed", lambda text: {"owner": text})
    catalog = Catalog.from_toml("boss", dblink_version=15, on_notice=print)
    assert (catalog.owner, catalog.dblink_version, catalog.on_notice) == ("boss", 15, print)


def test_no_secret_in_repr_and_no_pickle() -> None:
    catalog = seeded()
    assert repr(catalog) == "<Catalog: servers ['s'], 2 user mappings>"
    assert "s3cret" not in repr(catalog.servers["s"])
    for one in (catalog, catalog.servers["s"], catalog.wrappers["dblink_fdw"]):
        with pytest.raises(TypeError, match="holds passwords"):
            pickle.dumps(one)
