"""What is told of a remote error, and the two password checks, version by version."""

from __future__ import annotations

import itertools

import pytest

from purelink import errors
from purelink.dblink import rules
from purelink.dblink.refusals import Notice
from purelink.errors import Diagnostics

REMOTE = Diagnostics(
    {
        "S": "FATAL",
        "V": "FATAL",
        "C": "ZZ123",
        "M": "boo",
        "D": "dd",
        "H": "hh",
        "W": "PL/pgSQL function inline_code_block line 1 at RAISE",
        "P": "7",
        "t": "tab",
        "F": "x.c",
    }
)


def test_relay_takes_over_what_dblink_takes_over() -> None:
    error = rules.relay(REMOTE, rules.EXECUTING_QUERY, "c")
    assert error.diagnostics is not None
    assert error.diagnostics.fields == {
        "S": "ERROR",
        "V": "ERROR",
        "C": "ZZ123",
        "M": "boo",
        "D": "dd",
        "H": "hh",
        "W": "PL/pgSQL function inline_code_block line 1 at RAISE\n"
        'while executing query on dblink connection named "c"',
    }
    assert not isinstance(error, errors.LinkError)


@pytest.mark.parametrize(
    ("action", "connname", "context"),
    [
        (rules.EXECUTING_COMMAND, None, "while executing command on unnamed dblink connection"),
        (rules.opening('a"b'), "", 'while opening cursor "a"b" on dblink connection named ""'),
        (
            rules.fetching("k"),
            'q"',
            'while fetching from cursor "k" on dblink connection named "q""',
        ),
        (rules.closing("k"), None, 'while closing cursor "k" on unnamed dblink connection'),
    ],
)
def test_context(action: str, connname: str | None, context: str) -> None:
    remote = Diagnostics({"C": "22012", "M": "division by zero"})
    error = rules.relay(remote, action, connname)
    assert error.context == context
    assert isinstance(error, errors.DataError)


def test_the_action_is_cut_to_511_bytes() -> None:
    context = rules.relay(REMOTE, rules.opening("k" * 1000), "n" * 1000).context
    assert context is not None
    own = context.split("\n")[1]
    action, _, name = own.partition(" on dblink connection named ")
    assert action == 'while opening cursor "' + "k" * 489
    assert name == '"' + "n" * 1000 + '"'
    context = rules.relay(None, rules.opening("é" * 1000), None).context
    assert context is not None
    assert len(context.partition(" on ")[0].encode()) == 510


@pytest.mark.parametrize(
    ("remote", "error_message", "message"),
    [
        (None, "", "could not obtain message string for remote error"),
        (
            None,
            "another command is already in progress\n",
            "another command is already in progress",
        ),
        (Diagnostics({}), "", "could not obtain message string for remote error"),
        (Diagnostics({"C": "", "M": "words"}), "not these", "words"),
    ],
)
def test_without_sqlstate_it_is_08006(
    remote: Diagnostics | None, error_message: str, message: str
) -> None:
    error = rules.relay(remote, rules.EXECUTING_QUERY, None, error_message=error_message)
    assert (error.sqlstate, error.message) == ("08006", message)
    assert isinstance(error, errors.LinkError)
    assert isinstance(error, errors.OperationalError)


def test_with_sqlstate_and_no_message() -> None:
    error = rules.relay(Diagnostics({"C": "57P01"}), rules.EXECUTING_QUERY, None)
    assert error.sqlstate == "57P01"
    assert error.message == "could not obtain message string for remote error"


def test_soften_makes_a_notice_of_it() -> None:
    told = rules.soften(REMOTE, rules.EXECUTING_COMMAND, None)
    assert isinstance(told, Notice)
    assert (told.severity, told.severity_nonlocalized, told.sqlstate) == (
        "NOTICE",
        "NOTICE",
        "ZZ123",
    )
    error = rules.relay(REMOTE, rules.EXECUTING_COMMAND, None)
    assert error.diagnostics is not None
    assert {**error.diagnostics.fields, "S": "NOTICE", "V": "NOTICE"} == told.fields
    assert rules.soften(None, "x", None).sqlstate == "08006"


def test_could_not_send() -> None:
    told = rules.could_not_send("no connection to the server")
    assert told.message_primary == "could not send query: no connection to the server"
    assert (told.sqlstate, told.severity) == ("00000", "NOTICE")


OLD = "password is required"
NEW = "password or GSSAPI delegated credentials required"
BEFORE = {
    None: (OLD, "Non-superusers must provide a password in the connection string.", None),
    18: (
        NEW,
        (
            "Non-superusers must provide a password in the connection string"
            " or send delegated GSSAPI credentials."
        ),
        None,
    ),
}
AFTER = {
    None: (
        OLD,
        "Non-superuser cannot connect if the server does not request a password.",
        "Target server's authentication method must be changed.",
    ),
    18: (
        NEW,
        (
            "Non-superusers may only connect using credentials they provide,"
            " eg: password in connection string or delegated GSSAPI credentials"
        ),
        "Ensure provided credentials match target server's authentication method.",
    ),
}
WORDS_OF = {None: None, 15: None, 16: 18, 17: 18, 18: 18}


@pytest.mark.parametrize("version", WORDS_OF)
def test_the_words_of_the_two_refusals(version: int | None) -> None:
    before = rules.check_before(superuser=False, password_in_string=False, version=version)
    after = rules.check_after(
        superuser=False, password_in_string=True, password_used=False, version=version
    )
    for error, texts in ((before, BEFORE), (after, AFTER)):
        assert error is not None
        assert (error.message, error.detail, error.hint) == texts[WORDS_OF[version]]
        assert error.sqlstate == "2F003"
        assert isinstance(error, errors.LinkError)
        assert isinstance(error, errors.OperationalError)


@pytest.mark.parametrize("version", WORDS_OF)
@pytest.mark.parametrize("facts", list(itertools.product([False, True], repeat=4)))
def test_who_may_connect(version: int | None, facts: tuple[bool, bool, bool, bool]) -> None:
    superuser, in_string, used, through = facts
    before = rules.check_before(
        superuser=superuser, password_in_string=in_string, pass_through=through, version=version
    )
    assert (before is None) == (superuser or in_string or through)
    after = rules.check_after(
        superuser=superuser,
        password_in_string=in_string,
        password_used=used,
        pass_through=through,
        version=version,
    )
    with_password = used if version == 15 else used and in_string
    assert (after is None) == (superuser or with_password or through)


KEYS = {"scram_client_key": "a", "scram_server_key": "b", "require_auth": "scram-sha-256"}


@pytest.mark.parametrize(
    ("settings", "has_keys", "version", "intact"),
    [
        (KEYS, True, None, True),
        (KEYS, True, 18, True),
        (KEYS, True, 17, False),
        (KEYS, False, 18, False),
        ({**KEYS, "require_auth": "none"}, True, 18, False),
        ({**KEYS, "require_auth": "scram-sha-256,none"}, True, 18, False),
        ({**KEYS, "scram_client_key": ""}, True, 18, False),
        ({**KEYS, "scram_server_key": ""}, True, 18, False),
        ({}, True, 18, False),
    ],
)
def test_pass_through_intact(
    settings: dict[str, str], has_keys: bool, version: int | None, intact: bool
) -> None:
    assert rules.pass_through_intact(settings, has_keys, version) is intact


def test_mapping_missing() -> None:
    for version in (None, 17, 18):
        error = rules.mapping_missing("fu", "srv", version)
        assert error.message == 'user mapping not found for user "fu", server "srv"'
    for version in (15, 16):
        error = rules.mapping_missing("fu", "srv", version)
        assert error.message == 'user mapping not found for "fu"'
    assert error.sqlstate == "42704"
    assert isinstance(error, errors.ProgrammingError)


def test_versions() -> None:
    for version in (None, 15, 16, 17, 18):
        assert rules.checked_version(version) == version
    for bad in (14, 19, "18"):
        with pytest.raises(errors.InterfaceError, match="dblink_version must be"):
            rules.checked_version(bad)  # type: ignore[arg-type]
