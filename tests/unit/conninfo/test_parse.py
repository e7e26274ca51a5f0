"""Key/value strings: the fast way, the exact way, and where an error points to."""

from __future__ import annotations

import pytest

from purelink.conninfo.parse import (
    checked,
    is_connection_string,
    item_places,
    parse,
    scan,
)
from purelink.errors import ConninfoError


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("", {}),
        ("host=h port=1", {"host": "h", "port": "1"}),
        ("  host=h   port=1 ", {"host": "h", "port": "1"}),
        ("host=a host=b", {"host": "b"}),
        ("host=a=b", {"host": "a=b"}),
        # these leave the fast way: a blank after "=", a repeated name hiding an empty value
        ("host= port=1 host=b", {"host": "b"}),
        ("host=", {"host": ""}),
        ("host = h", {"host": "h"}),
        ("host\n=\nh\tport=1", {"host": "h", "port": "1"}),
        ("host=a\\ b user='it\\'s'", {"host": "a b", "user": "it's"}),
        ("host=a\\", {"host": "a"}),
        ("user=é", {"user": "é"}),
        ("requiressl=1", {"sslmode": "require"}),
        ("requiressl=no", {"sslmode": "prefer"}),
        ("postgresql://h", {"host": "h"}),
        # the two halves of a character, apart in the text, are one character of the value
        ("user=\udcc3\\\udca9", {"user": "é"}),
        ("user=\udcc3\udca9", {"user": "é"}),
        ("user=\udcff", {"user": "\udcff"}),
    ],
)
def test_accepted(text: str, settings: dict[str, str]) -> None:
    assert parse(text) == settings


@pytest.mark.parametrize(
    ("text", "message", "keyword", "position"),
    [
        ("host", 'missing "=" after "host" in connection info string', "host", 1),
        ("port=1 host x=1", 'missing "=" after "host" in connection info string', "host", 8),
        ("a=1 host", 'invalid connection option "a"', "a", 1),
        ("host a=1", 'missing "=" after "host" in connection info string', "host", 1),
        ("host='a\\'", "unterminated quoted string in connection info string", "host", 6),
        ("user=é nosuch=1", 'invalid connection option "nosuch"', "nosuch", 8),
        # what stands after a secret may be half of it
        ("password=my secret", 'missing "=" after "***" in connection info string', None, 13),
        ("password='my'secret=1", 'invalid connection option "***"', None, 14),
        ("password=my port=1 x", 'missing "=" after "***" in connection info string', None, 20),
        ("password='my", "unterminated quoted string in connection info string", "password", 10),
        (
            "host=h password",
            'missing "=" after "password" in connection info string',
            "password",
            8,
        ),
        # a URI that is none, for a blank or another scheme
        (
            " postgres://u:pw@h",
            'missing "=" after "postgres://u:***@h" in connection info string',
            None,
            2,
        ),
        (" postgres://u:p=w@h", 'invalid connection option "postgres://u:***"', None, 2),
        ("servicefile=/x", 'invalid connection option "servicefile"', "servicefile", 1),
        ("host=a\0b", "connection string contains a NUL character", None, 7),
        ("host=a\ud800", "connection string contains a lone surrogate", None, 7),
    ],
)
def test_refused(text: str, message: str, keyword: str | None, position: int) -> None:
    with pytest.raises(ConninfoError) as caught:
        parse(text)
    assert str(caught.value) == message
    assert caught.value.keyword == keyword
    assert caught.value.position == position


def test_release_19_knows_servicefile() -> None:
    assert parse("servicefile=/x", release=19) == {"servicefile": "/x"}


def test_scan_tells_places() -> None:
    assert scan("host=h  user='u'host=g") == [
        ("host", "h", 1),
        ("user", "u", 9),
        ("host", "g", 17),
    ]


def test_connection_strings_are_recognized() -> None:
    assert is_connection_string("a=b")
    assert is_connection_string("postgres://")
    assert not is_connection_string("postgres:/")


def test_checked_leaves_good_text_alone() -> None:
    assert checked("é", "text") == "é"


def test_item_places_of_broken_strings() -> None:
    assert item_places(" host=h 'x'=1 password='a b") == [
        ("host", 6, 7),
        ("", 8, 14),
        ("password", 23, 27),
    ]
    assert item_places("user='u' lost word") == [("user", 6, 7), ("", 9, 18)]
    assert item_places("") == []
