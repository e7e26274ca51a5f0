"""The refusals: classes, fields, texts; secrets never; pickles."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purelink import errors
from purelink.dblink import refusals
from purelink.dblink.refusals import (
    LinkConnectError,
    Notice,
    Refusal,
    checked_text,
    clipped,
    notice,
    shown,
)

ALL = {name: one for name, one in vars(refusals).items() if isinstance(one, Refusal)}

SPEC_16 = """
08003 connection "%s" not available
08003 connection not available
0A000 function returning record called in context that cannot accept type record
0A000 set-valued function called in context that cannot accept a set
0A000 materialize mode required, but it is not allowed in this context
21000 source row not found
21000 source criteria matched more than one record
2202E %s key array length must match number of key attributes
22023 number of key attributes must be > 0
22023 invalid attribute number %s
2F003 statement returning results not allowed
34000 cursor "%s" does not exist
42601 use_scram_passthrough requires a Boolean value
42704 undefined connection name
42710 duplicate connection name
42804 remote query result rowtype does not match the specified FROM clause rowtype
HV00J invalid option "%s"
HV001 out of memory
XX000 could not send query: %s
XX000 failed to set single-row mode for dblink query
XX000 begin error: %s
XX000 commit error: %s
XX000 return type must be a row type
XX000 wrong number of arguments
XX000 could not encode SCRAM %s key
"""


@pytest.mark.parametrize("line", SPEC_16.strip().splitlines())
def test_every_local_error_of_the_spec_is_there(line: str) -> None:
    sqlstate, message = line.split(" ", 1)
    assert (sqlstate, message) in {(one.sqlstate, one.message) for one in ALL.values()}


@pytest.mark.parametrize("name", ALL)
def test_each_is_a_link_error_of_its_branch(name: str) -> None:
    refusal = ALL[name]
    words = ["word"] * refusal.message.count("%s")
    error = refusal(*words)
    assert isinstance(error, errors.LinkError)
    assert isinstance(error, errors.class_for_sqlstate(refusal.sqlstate))
    assert error.sqlstate == refusal.sqlstate
    assert error.message == refusal.message.replace("%s", "word")
    assert error.diagnostics is not None
    assert error.diagnostics.severity == error.diagnostics.severity_nonlocalized == "ERROR"
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (str(again), again.sqlstate, again.diagnostics) == (
        str(error),
        error.sqlstate,
        error.diagnostics,
    )


def test_detail_and_hint() -> None:
    error = refusals.has_dependents("server", "s", detail="this does")
    assert str(error) == (
        "cannot drop server s because other objects depend on it\nDETAIL:  this does\n"
        "HINT:  Use DROP ... CASCADE to drop the dependent objects too."
    )
    assert (error.detail, error.hint) == (
        "this does",
        "Use DROP ... CASCADE to drop the dependent objects too.",
    )
    assert refusals.invalid_option("x", hint="y").hint == "y"
    assert refusals.out_of_memory().detail == "Could not get libpq's default connection options."


def test_names_are_put_raw() -> None:
    assert refusals.not_available('a"%s%d').message == 'connection "a"%s%d" not available'
    assert refusals.not_available(None).message == "connection not available"
    assert refusals.not_available("").message == 'connection "" not available'


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("plain", "plain"),
        ("na=me", "na=me"),
        ("pass=1", "pass=***"),
        ("host=h password=s3cret dbname=d", "host=h password=*** dbname=d"),
        ("host=h password = 's3 \\' cret' dbname=d", "host=h password = *** dbname=d"),
        ("host=h password='s3 \\' dbname=d", "host=h password=***"),
        ("host=h password='s3 x=1'junk dbname=d", "host=h password=*** dbname=d"),
        ("password=my s3cret user=u", "password=*** user=u"),
        ("password=a\\ s3cret", "password=***"),
        ("password=s3cret\\", "password=***"),
        ("sslpassword=s3cret scram_client_key=s3cret", "sslpassword=*** scram_client_key=***"),
        ("PASSWORD=s3cret", "PASSWORD=***"),
        ("postgresql://u:s3cret@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u:s3@cret@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u:s3/cret@h/d", "postgresql://u:***@h/d"),
        ("postgresql://h/d", "postgresql://h/d"),
        ("postgresql://u@h:5/d", "postgresql://u@h:5/d"),
        ("postgresql://h/d?a?password=s3cret", "postgresql://h/d?a?password=***"),
        ("password=s3cret   dbname = d", "password=*** dbname = d"),
        ("postgresql://h/d?user=u&pass%77ord=s3cret", "postgresql://h/d?user=***&pass%77ord=***"),
        ("postgresql://h/d?password=s3 cret&user=u", "postgresql://h/d?password=***"),
    ],
)
def test_no_secret_is_shown(name: str, seen: str) -> None:
    assert shown(name) == seen
    assert "cret" not in str(refusals.not_available(name))


@pytest.mark.parametrize(
    "piece", ["://a:", "?", "&", "pass", "password=", " ", "password=a '", "\\", "a b=", "://@"]
)
def test_hiding_takes_linear_time(piece: str) -> None:
    for start in ("", "password=a", "://u:", "://?"):
        shown(start + piece * 100_000)


@given(st.text(max_size=200), st.integers(0, 100))
def test_clipped_is_the_longest_prefix_that_fits(text: str, limit: int) -> None:
    cut = clipped(text, limit)
    assert text.startswith(cut)
    assert len(cut.encode("utf-8", "surrogatepass")) <= limit
    if cut != text:
        longer = text[: len(cut) + 1]
        assert len(longer.encode("utf-8", "surrogatepass")) > limit


def test_text_must_be_text() -> None:
    assert checked_text("é") == "é"
    for bad, told in (
        ("a\0", "0x00"),
        ("a\udc80", "0xed 0xb2 0x80"),
        ("\ud800b\0", "0xed 0xa0 0x80"),
    ):
        with pytest.raises(errors.DataError) as caught:
            checked_text(bad)
        assert caught.value.sqlstate == "22021"
        assert caught.value.message == f'invalid byte sequence for encoding "UTF8": {told}'
        assert caught.value.__context__ is None


def test_notices() -> None:
    told = notice("42622", "m", "d")
    assert told.fields == {"S": "NOTICE", "V": "NOTICE", "C": "42622", "M": "m", "D": "d"}
    assert isinstance(told, errors.Diagnostics)
    again = pickle.loads(pickle.dumps(told))
    assert type(again) is Notice
    assert again == told
    assert copy.copy(told) == told


def test_not_established_tells_the_story() -> None:
    cause = errors.ConnectError("a failed: refused\nb failed: refused\n", attempts=[("a", "x")])
    error = refusals.not_established(cause)
    assert error.message == "could not establish connection"
    assert error.detail == "a failed: refused\nb failed: refused"
    assert error.hint is None
    assert str(error) == (
        "could not establish connection\nDETAIL:  a failed: refused\nb failed: refused"
    )
    assert (error.sqlstate, error.attempts, error.safe_to_retry) == ("08001", (("a", "x"),), True)
    assert isinstance(error, errors.OperationalError)
    again = pickle.loads(pickle.dumps(error))
    assert (again.detail, again.attempts, again.message) == (
        error.detail,
        error.attempts,
        error.message,
    )


def test_not_established_retries_as_its_cause() -> None:
    refused = refusals.not_established(errors.AuthenticationError("no"))
    assert not refused.safe_to_retry
    assert not pickle.loads(pickle.dumps(refused)).safe_to_retry
    assert not refusals.not_established(errors.ConninfoError("bad", keyword="x")).safe_to_retry
    plain = refusals.not_established("timeout expired\n")
    assert isinstance(plain, LinkConnectError)
    assert plain.detail == "timeout expired"
    assert plain.attempts == ()
