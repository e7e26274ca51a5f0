"""require_auth and channel_binding as truth tables, and the words of each refusal."""

from __future__ import annotations

import pytest

from purelink.errors import AuthenticationError, ConninfoError
from purelink.wire.policy import OAUTHBEARER, SCRAM, SCRAM_PLUS, Policy

REQUESTS = {
    3: "server requested a cleartext password",
    5: "server requested a hashed password",
    7: "server requested GSSAPI authentication",
    8: "server requested GSSAPI authentication",
    9: "server requested SSPI authentication",
    10: "server requested SASL authentication",
    11: "server requested SASL authentication",
    12: "server requested SASL authentication",
    1: "server requested an unknown authentication type",
    99: "server requested an unknown authentication type",
    4294967295: "server requested an unknown authentication type",
}
EVERY = set(REQUESTS) - {1, 99, 4294967295}
SASL = {10, 11, 12}
MECHANISMS = {SCRAM, SCRAM_PLUS, OAUTHBEARER}

#: option -> requests allowed, mechanisms allowed, Ok without an exchange allowed
ALLOWED: dict[str, tuple[set[int], set[str], bool]] = {
    "": (set(), set(), True),
    "none": (set(), set(), True),
    "password": ({3}, set(), False),
    "md5": ({5}, set(), False),
    "gss": ({7, 8}, set(), False),
    "sspi": ({8, 9}, set(), False),
    "scram-sha-256": (SASL, {SCRAM, SCRAM_PLUS}, False),
    "oauth": (SASL, {OAUTHBEARER}, False),
    "password,none": ({3}, set(), True),
    "none,oauth,scram-sha-256": (SASL, MECHANISMS, True),
    "gss,sspi,md5": ({5, 7, 8, 9}, set(), False),
    "!none": (EVERY, MECHANISMS, False),
    "!password": (EVERY - {3}, MECHANISMS, True),
    "!md5": (EVERY - {5}, MECHANISMS, True),
    "!gss": (EVERY - {7, 8}, MECHANISMS, True),
    "!sspi": (EVERY - {8, 9}, MECHANISMS, True),
    "!scram-sha-256": (EVERY, {OAUTHBEARER}, True),
    "!oauth": (EVERY, {SCRAM, SCRAM_PLUS}, True),
    "!oauth,!scram-sha-256": (EVERY - SASL, set(), True),
    "!password,!none,!md5": (EVERY - {3, 5}, MECHANISMS, False),
}


def unmet(option: str, reason: str) -> str:
    return f'authentication method requirement "{option}" failed: {reason}'


@pytest.mark.parametrize("code", REQUESTS)
@pytest.mark.parametrize("option", ALLOWED)
def test_requests(option: str, code: int) -> None:
    policy = Policy(option)
    if code in ALLOWED[option][0]:
        policy.check_request(code)
        return
    with pytest.raises(AuthenticationError) as refusal:
        policy.check_request(code)
    assert str(refusal.value) == unmet(option, REQUESTS[code])


@pytest.mark.parametrize("mechanism", sorted(MECHANISMS))
@pytest.mark.parametrize("option", ALLOWED)
def test_mechanisms(option: str, mechanism: str) -> None:
    policy = Policy(option)
    if mechanism in ALLOWED[option][1]:
        policy.check_mechanism(mechanism)
        return
    with pytest.raises(AuthenticationError) as refusal:
        policy.check_mechanism(mechanism)
    assert str(refusal.value) == unmet(option, f"server requested {mechanism} authentication")


@pytest.mark.parametrize("option", ALLOWED)
def test_ok_without_an_exchange(option: str) -> None:
    policy = Policy(option)
    policy.check_ok(finished=True, bound=False)
    if ALLOWED[option][2]:
        policy.check_ok(finished=False, bound=False)
        return
    with pytest.raises(AuthenticationError) as refusal:
        policy.check_ok(finished=False, bound=False)
    assert str(refusal.value) == unmet(option, "server did not complete authentication")


@pytest.mark.parametrize("code", REQUESTS)
def test_without_the_option_every_request_may_be_answered(code: int) -> None:
    policy = Policy()
    policy.check_request(code)
    policy.check_ok(finished=False, bound=False)
    policy.check_mechanism(SCRAM)


@pytest.mark.parametrize(
    ("option", "word"),
    [
        ("foo", "foo"),
        ("PASSWORD", "PASSWORD"),
        ("password,", ""),
        (" md5", " md5"),
        ("md5,foo", "foo"),
        ("!", "!"),
        ("!!md5", "!!md5"),
        ("password,!md5", "!md5"),
        ("!password,md5", "md5"),
    ],
)
def test_an_option_that_cannot_be_obeyed_is_not_ignored(option: str, word: str) -> None:
    with pytest.raises(ConninfoError) as refusal:
        Policy(option)
    assert str(refusal.value) == f'invalid require_auth value: "{word}"'
    assert refusal.value.keyword == "require_auth"


@pytest.mark.parametrize("option", ["foo", "", "Require"])
def test_channel_binding_spelling(option: str) -> None:
    with pytest.raises(ConninfoError) as refusal:
        Policy(None, option)
    assert str(refusal.value) == f'invalid channel_binding value: "{option}"'
    assert refusal.value.keyword == "channel_binding"


def test_channel_binding_flags() -> None:
    found = {
        option: (Policy(None, option).binding_allowed, Policy(None, option).binding_required)
        for option in ("disable", "prefer", "require")
    }
    assert found == {
        "disable": (False, False),
        "prefer": (True, False),
        "require": (True, True),
    }


@pytest.mark.parametrize("code", REQUESTS)
def test_binding_required_lets_only_sasl_through(code: int) -> None:
    policy = Policy(None, "require")
    if code in SASL:
        policy.check_request(code)
        return
    with pytest.raises(AuthenticationError) as refusal:
        policy.check_request(code)
    assert (
        str(refusal.value)
        == "channel binding required but not supported by server's authentication request"
    )


@pytest.mark.parametrize("mechanism", [SCRAM, OAUTHBEARER])
def test_binding_required_lets_only_plus_through(mechanism: str) -> None:
    policy = Policy(None, "require")
    policy.check_mechanism(SCRAM_PLUS)
    with pytest.raises(AuthenticationError) as refusal:
        policy.check_mechanism(mechanism)
    assert (
        str(refusal.value) == "channel binding is required, but server did not offer an"
        " authentication method that supports channel binding"
    )


@pytest.mark.parametrize("finished", [False, True])
def test_binding_required_before_ok(finished: bool) -> None:
    policy = Policy(None, "require")
    policy.check_ok(finished=finished, bound=True)
    with pytest.raises(AuthenticationError) as refusal:
        policy.check_ok(finished=finished, bound=False)
    assert (
        str(refusal.value)
        == "channel binding required, but server authenticated client without channel binding"
    )
