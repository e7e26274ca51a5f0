"""The checks before the first socket; their order and texts are in the conformance checks (H)."""

from __future__ import annotations

import pytest

from purelink.conninfo import Surroundings, resolve
from purelink.conninfo.validate import scram_key
from purelink.errors import ConninfoError

HERE = Surroundings(user="u")
BARE = Surroundings(user="u", tls=False)


def refusal(text: str, around: Surroundings = HERE) -> str:
    with pytest.raises(ConninfoError) as caught:
        resolve(text, surroundings=around)
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "sslmode=verify-full sslrootcert=system sslnegotiation=direct",
        "require_auth=!md5,!none gssencmode=prefer sslcertmode=require",
        "ssl_min_protocol_version=tlsv1.1 ssl_max_protocol_version=TLSV1.3",
        "ssl_min_protocol_version='' ssl_max_protocol_version=TLSv1",
        "min_protocol_version=3.2",
        "min_protocol_version=3.0 max_protocol_version=latest",
        "scram_client_key=" + "eHh4" * 10 + "eHg=",
        "load_balance_hosts=random target_session_attrs=prefer-standby",
    ],
)
def test_accepted(text: str) -> None:
    assert resolve(text, surroundings=HERE)["user"] == "u"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("require_auth=md5,", 'invalid require_auth value: ""'),
        ("require_auth=md5,md5", 'require_auth method "md5" is specified more than once'),
        (
            "require_auth=md5,!none",
            'negative require_auth method "!none" cannot be mixed with non-negative methods',
        ),
        (
            "require_auth=!md5,none",
            'require_auth method "none" cannot be mixed with negative methods',
        ),
        ("sslmode=x", 'invalid sslmode value: "x"'),
        ("sslcertmode=x", 'invalid sslcertmode value: "x"'),
        (
            "sslnegotiation=direct",
            (
                'weak sslmode "prefer" may not be used with sslnegotiation=direct '
                '(use "require", "verify-ca", or "verify-full")'
            ),
        ),
        (
            "sslrootcert=system sslmode=require",
            'weak sslmode "require" may not be used with sslrootcert=system (use "verify-full")',
        ),
        # the Kelvin sign is no K, nor is anything else outside ASCII a letter
        (
            "ssl_min_protocol_version=TLſv1",
            'invalid "ssl_min_protocol_version" value: "TLſv1"',
        ),
        ("ssl_max_protocol_version=TLSv1.1", "invalid SSL protocol version range"),
        (
            "gssencmode=require",
            'gssencmode value "require" invalid when GSSAPI support is not compiled in',
        ),
        ("min_protocol_version=3.1", 'invalid min_protocol_version value: "3.1"'),
        (
            "min_protocol_version=3.2 max_protocol_version=3.0",
            '"min_protocol_version" is greater than "max_protocol_version"',
        ),
    ],
)
def test_refused(text: str, message: str) -> None:
    assert refusal(text) == message


@pytest.mark.parametrize(
    ("text", "keyword", "value"),
    [
        ("sslmode=require", "sslmode", "require"),
        ("sslmode=verify-ca", "sslmode", "verify-ca"),
        ("sslnegotiation=direct", "sslnegotiation", "direct"),
        ("sslcertmode=require", "sslcertmode", "require"),
        ("sslrootcert=system sslmode=x", "sslrootcert", "system"),
    ],
)
def test_refused_where_python_has_no_tls(text: str, keyword: str, value: str) -> None:
    expected = f'{keyword} value "{value}" invalid when SSL support is not compiled in'
    assert refusal(text, BARE) == expected


def test_defaults_without_tls() -> None:
    settings = resolve("sslcertmode=allow", surroundings=BARE)
    assert (settings["sslmode"], settings["channel_binding"]) == ("disable", "disable")
    assert resolve("", surroundings=BARE)["sslcertmode"] == "disable"


def test_scram_keys() -> None:
    assert scram_key("eHh4" * 10 + "eHg=", "client") == b"x" * 32
    # libpq reads on after the padding, and so do we
    assert scram_key("AA=A" * 32, "client") == b"\0" * 32
    assert scram_key("AAA=" * 16, "server") == b"\0" * 32


@pytest.mark.parametrize("text", ["x", "=", "A=", "AA A", "é", "AA==A", "====", "AAAA\n"])
def test_no_scram_keys(text: str) -> None:
    with pytest.raises(ConninfoError) as caught:
        scram_key(text, "client")
    assert str(caught.value) == "invalid SCRAM client key"
    assert caught.value.keyword == "scram_client_key"


def test_scram_keys_of_another_length() -> None:
    with pytest.raises(ConninfoError, match=r"^invalid SCRAM server key length: 3$"):
        scram_key("AAAA", "server")
