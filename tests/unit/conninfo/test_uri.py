"""URIs: pieces, places, and every refusal; the grammar's corners are in the conformance checks."""

from __future__ import annotations

import pytest

from purelink.conninfo.keywords import names
from purelink.conninfo.uri import scan_uri
from purelink.errors import ConninfoError


def test_every_piece_has_its_place() -> None:
    assert scan_uri("postgres://u:p@a:1,[::1]:2/d?sslmode=x&ssl=true", names()) == [
        ("user", "u", 12),
        ("password", "p", 14),
        ("host", "a,::1", 16),
        ("port", "1,2", 18),
        ("dbname", "d", 28),
        ("sslmode", "x", 30),
        ("sslmode", "require", 40),
    ]


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("postgres://", []),
        ("postgres://:@/?", []),
        ("postgres://,", [("host", ",", 12), ("port", ",", 12)]),
        ("postgres://%2C%C3%A9%ff", [("host", ",é\udcff", 12)]),
        ("postgres:// a ", [("host", "a", 12)]),
        ("postgres:///d", [("dbname", "d", 13)]),
        (
            "postgres://?requiressl=1&requiressl=0&",
            [("sslmode", "require", 13), ("sslmode", "prefer", 26)],
        ),
        ("postgres://? u%73er = u ", [("user", "u", 13)]),
    ],
)
def test_accepted(text: str, items: list[tuple[str, str, int]]) -> None:
    assert scan_uri(text, names()) == items


MISSING = 'missing key/value separator "=" in URI query parameter: '
EXTRA = 'extra key/value separator "=" in URI query parameter: '
SPACES = ", use percent-encoded spaces (%20) instead"


@pytest.mark.parametrize(
    ("text", "message", "keyword", "position"),
    [
        ("postgres://%zz@h", 'invalid percent-encoded token: "%zz"', "user", 12),
        ("postgres://u:%zz@h", 'invalid percent-encoded token: "***"', "password", 14),
        (
            "postgres://u:%00@h",
            'forbidden value %00 in percent-encoded value: "***"',
            "password",
            14,
        ),
        ("postgres://u:p w@h", f'unexpected spaces found in "***"{SPACES}', "password", 14),
        ("postgres://u:p%zz", 'invalid percent-encoded token: "p%zz"', "port", 14),
        ("postgres://h/a b", f'unexpected spaces found in "a b"{SPACES}', "dbname", 14),
        (
            "postgres://u:pw@h,[::1",
            (
                'end of string reached when looking for matching "]" in IPv6 host address '
                'in URI: "postgres://u:***@h,[::1"'
            ),
            "host",
            19,
        ),
        ("postgres://[]", 'IPv6 host address may not be empty in URI: "postgres://[]"', "host", 12),
        (
            "postgres://é,[a]é?password=pw",
            (
                'unexpected character "\udcc3" at position 18 in URI (expected ":" or "/"): '
                '"postgres://é,[a]é?password=***"'
            ),
            "host",
            17,
        ),
        ("postgres://h?user", MISSING + '"user"', "user", 14),
        ("postgres://h?x", MISSING + '"x"', None, 14),
        ("postgres://h?&", MISSING + '""', None, 14),
        ("postgres://h?user==", EXTRA + '"user"', "user", 14),
        ("postgres://h?password=a=b", EXTRA + '"password"', "password", 14),
        ("postgres://h?password=my&secret", MISSING + '"***"', None, 26),
        ("postgres://h?password=my&user", MISSING + '"user"', "user", 26),
        ("postgres://h?password=my&secret=1", 'invalid URI query parameter: "***"', None, 26),
        ("postgres://h?password=my&s%zz=1", 'invalid percent-encoded token: "***"', None, 26),
        ("postgres://h?password=my&s=%zz", 'invalid percent-encoded token: "***"', None, 28),
        ("postgres://h?password=my&user=%zz", 'invalid percent-encoded token: "%zz"', "user", 31),
        ("postgres://h?password=%zz", 'invalid percent-encoded token: "***"', "password", 23),
        ("postgres://h?nosuch=1", 'invalid URI query parameter: "nosuch"', "nosuch", 14),
        ("postgres://h?ssl=yes", 'invalid URI query parameter: "ssl"', "ssl", 14),
        ("postgres://h?%zz=1", 'invalid percent-encoded token: "%zz"', None, 14),
    ],
)
def test_refused(text: str, message: str, keyword: str | None, position: int) -> None:
    with pytest.raises(ConninfoError) as caught:
        scan_uri(text, names())
    assert str(caught.value) == message
    assert caught.value.keyword == keyword
    assert caught.value.position == position


def test_a_name_that_looks_like_a_mask_is_none() -> None:
    with pytest.raises(ConninfoError, match='unexpected spaces found in "a b"'):
        scan_uri("postgresql://h?***=a b", names())
