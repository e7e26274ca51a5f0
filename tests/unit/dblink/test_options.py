"""Which option where, the validator's words by version, the OPTIONS clause, the composed string."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purelink import errors
from purelink.conninfo import parse
from purelink.dblink import options
from purelink.dblink.options import MAPPING, SERVER, WRAPPER, ForeignServer, compose, edited

# what the validator of a real 15.18 lists
SERVER_15 = (
    "service, passfile, channel_binding, connect_timeout, dbname, host, hostaddr, port, options,"
    " application_name, fallback_application_name, keepalives, keepalives_idle,"
    " keepalives_interval, keepalives_count, tcp_user_timeout, sslmode, sslcompression, sslcert,"
    " sslkey, sslrootcert, sslcrl, sslcrldir, sslsni, requirepeer, ssl_min_protocol_version,"
    " ssl_max_protocol_version, gssencmode, krbsrvname, gsslib, target_session_attrs"
)
ADDED = {
    16: {"sslcertmode", "require_auth", "gssdelegation", "load_balance_hosts"},
    17: {"sslnegotiation"},
    18: {"min_protocol_version", "max_protocol_version"},
}


def test_the_tables_by_version() -> None:
    expected = set(SERVER_15.split(", "))
    assert options.valid_options(SERVER, 15) == SERVER_15.split(", ")
    for version, added in ADDED.items():
        expected |= added
        assert set(options.valid_options(SERVER, version)) == expected
    assert options.valid_options(SERVER) == options.valid_options(SERVER, 18)
    for any_version in (None, 15, 16, 17, 18):
        assert options.valid_options(MAPPING, any_version) == ["user", "password", "sslpassword"]
        assert options.valid_options(WRAPPER, any_version) == []


NONE_VALID = "There are no valid options in this context."


def perhaps(name: str) -> str:
    return f'Perhaps you meant the option "{name}".'


@pytest.mark.parametrize(
    ("name", "context", "version", "hint"),
    [
        ("hots", SERVER, None, perhaps("host")),
        ("server", SERVER, 16, perhaps("service")),
        ("password", SERVER, 18, perhaps("passfile")),
        ("passwd", MAPPING, 18, perhaps("password")),
        ("passfile", MAPPING, 18, perhaps("password")),
        ("Password", MAPPING, 18, perhaps("password")),
        ("sslc", SERVER, 18, perhaps("sslcrl")),
        ("ÿost", SERVER, 18, perhaps("host")),
        ("ééét", SERVER, 18, perhaps("host")),  # distance 3, 7 bytes
        ("éét", SERVER, 18, None),
        ("dbnamexxxx", SERVER, 18, perhaps("dbname")),
        ("dbnamexxxxx", SERVER, 18, None),
        ("zzzzzzzzzzzzzzzz", SERVER, 18, None),
        ("h", SERVER, 18, None),
        ("use_scram_passthroug", SERVER, 18, None),
        ("use_scram_passthrough", SERVER, 17, None),
        ("use_scram_passthrough", WRAPPER, 18, NONE_VALID),
        ("host", WRAPPER, 15, NONE_VALID),
        ("client_encoding", SERVER, 18, None),
        ("replication", SERVER, 18, None),
        ("scram_client_key", SERVER, 18, None),
        ("oauth_client_secret", MAPPING, 18, None),
        ("sslkeylogfile", SERVER, 18, None),
        ("authtype", SERVER, 18, None),
        ("host", MAPPING, 15, "Valid options in this context are: user, password, sslpassword"),
        ("hots", SERVER, 15, f"Valid options in this context are: {SERVER_15}"),
    ],
)
def test_invalid_options(name: str, context: str, version: int | None, hint: str | None) -> None:
    with pytest.raises(errors.LinkError) as caught:
        options.validate({name: "true"}, context, version)
    error = caught.value
    assert isinstance(error, errors.OperationalError)
    assert (error.sqlstate, error.message, error.detail, error.hint) == (
        "HV00J",
        f'invalid option "{name}"',
        None,
        hint,
    )


def test_valid_options_pass() -> None:
    for version in (15, 16, 17, 18):
        for context in (SERVER, MAPPING):
            options.validate(
                dict.fromkeys(options.valid_options(context, version), "x"), context, version
            )


@pytest.mark.parametrize("value", ["true", "FALSE", "On", "off"])
def test_pass_through_is_a_boolean_word(value: str) -> None:
    options.validate({"use_scram_passthrough": value}, SERVER)
    options.validate({"use_scram_passthrough": value}, MAPPING, 18)


@pytest.mark.parametrize("value", ["1", "yes", "", "t", "nonsense"])
def test_pass_through_refuses_other_words(value: str) -> None:
    with pytest.raises(errors.ProgrammingError) as caught:
        options.validate({"use_scram_passthrough": value, "bogus": "x"}, SERVER)
    assert (caught.value.sqlstate, caught.value.message) == (
        "42601",
        "use_scram_passthrough requires a Boolean value",
    )


def test_the_clause() -> None:
    old = {"a": "1", "b": "2", "c": "3"}
    assert list(
        edited(old, drop=["a"], change={"b": "x"}, add=[("a", "new"), ("d", "4")]).items()
    ) == [("b", "x"), ("c", "3"), ("a", "new"), ("d", "4")]
    assert old == {"a": "1", "b": "2", "c": "3"}
    assert edited({}) == {}


@pytest.mark.parametrize(
    ("clause", "sqlstate", "message"),
    [
        ({"drop": ["x"]}, "42704", 'option "x" not found'),
        ({"drop": ["a", "a"]}, "42704", 'option "a" not found'),
        ({"change": {"x": "1"}}, "42704", 'option "x" not found'),
        ({"add": {"a": "1"}}, "42710", 'option "a" provided more than once'),
        ({"add": [("h", "1"), ("h", "2")]}, "42710", 'option "h" provided more than once'),
        ({"add": {"x=y": "1"}}, "22023", 'invalid option name "x=y": must not contain "="'),
    ],
)
def test_the_clause_refuses(clause: dict[str, object], sqlstate: str, message: str) -> None:
    with pytest.raises(errors.DatabaseError) as caught:
        edited({"a": ""}, **clause)  # type: ignore[arg-type]
    assert (caught.value.sqlstate, caught.value.message) == (sqlstate, message)


def test_an_empty_option_can_be_dropped() -> None:
    assert edited({"a": ""}, drop=["a"]) == {}


def test_values_must_be_text() -> None:
    with pytest.raises(errors.InterfaceError, match='option "port" must be a string, not int'):
        edited({}, add={"port": 5432})  # type: ignore[dict-item]
    with pytest.raises(errors.DataError):
        edited({}, add={"password": "s3cret\0"})


def server(
    server_options: dict[str, str], mapping: dict[str, str], wrapper: dict[str, str] | None = None
) -> ForeignServer:
    return ForeignServer("s", wrapper or {}, server_options, mapping)


def test_composition() -> None:
    found = server(
        {"dbname": "d'b \\x =y", "hostaddr": "", "user": "skipped", "fetch_size": "100"},
        {"user": "it's", "password": "p'w \\", "host": "skipped", "client_encoding": "no"},
        {"host": "skipped", "dbname": "skipped"},
    )
    assert compose(found) == (
        "dbname='d\\'b \\\\x =y' hostaddr='' user='it\\'s' password='p\\'w \\\\' "
    )
    assert compose(server({}, {})) == ""


def test_composition_by_version() -> None:
    found = server({"sslnegotiation": "direct", "host": "h"}, {})
    assert compose(found, version=16) == "host='h' "
    assert compose(found, version=17) == "sslnegotiation='direct' host='h' "


@given(
    st.dictionaries(
        st.sampled_from(options.valid_options(SERVER)),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    )
)
def test_every_value_arrives_unchanged(given_options: dict[str, str]) -> None:
    assert parse(compose(server(given_options, {}))) == given_options


KEYS = (b"\x00" * 32, b"\xff" * 32)
LED = (
    f"scram_client_key='{'A' * 43}=' scram_server_key='{'/' * 42}8=' require_auth='scram-sha-256' "
)


@pytest.mark.parametrize(
    ("on_server", "on_mapping", "active"),
    [
        (None, None, False),
        ("true", None, True),
        (None, "ON", True),
        ("true", "false", False),
        ("off", "True", True),
    ],
)
def test_pass_through(on_server: str | None, on_mapping: str | None, active: bool) -> None:
    name = "use_scram_passthrough"
    found = server(
        {"host": "h", **({name: on_server} if on_server else {})},
        {"user": "u", **({name: on_mapping} if on_mapping else {})},
    )
    assert options.pass_through(found) is active
    assert options.pass_through(found, 17) is False
    rest = "host='h' user='u' "
    assert compose(found, scram_keys=KEYS) == (LED if active else "") + rest
    assert compose(found) == rest
    assert compose(found, version=17, scram_keys=KEYS) == rest


def test_pass_through_of_a_wrapper_without_validator() -> None:
    found = server({"use_scram_passthrough": "1"}, {})
    assert compose(found) == ""
    with pytest.raises(errors.ProgrammingError, match="requires a Boolean value"):
        compose(found, scram_keys=KEYS)


def test_a_foreign_server_hides_its_values() -> None:
    found = server({"dbname": "d"}, {"password": "s3cret"})
    assert repr(found) == "<ForeignServer s: server ['dbname'], user mapping ['password']>"
    with pytest.raises(TypeError, match="holds passwords"):
        pickle.dumps(found)


def test_what_stands_in_a_catalog() -> None:
    kept = options.Server("s", "dblink_fdw", "own", {"host": "h"})
    assert (list(kept.usage), kept.mappings, kept.options) == (["own"], {}, {"host": "h"})
    assert options.Wrapper(True).options == {}
    for one in (kept, options.Wrapper(False)):
        with pytest.raises(TypeError, match="holds passwords"):
            pickle.dumps(one)
