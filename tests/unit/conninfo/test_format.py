"""Settings written as strings; that `parse` reads them back is a property test."""

from __future__ import annotations

import pytest

from purelink.conninfo import format, parse  # noqa: A004 - our own name
from purelink.errors import ConninfoError


@pytest.mark.parametrize(
    ("settings", "pairs", "uri"),
    [
        ({}, "", "postgresql://"),
        ({"host": "h", "port": "1", "user": None}, "host=h port=1", "postgresql://h:1"),
        ({"host": ""}, "host=''", "postgresql:///?host="),
        ({"host": "/tmp"}, "host=/tmp", "postgresql://%2Ftmp"),
        ({"host": "::1", "port": ""}, "host=::1 port=''", "postgresql://[::1]/?port="),
        ({"host": "fe80::1%lo"}, "host=fe80::1%lo", "postgresql://[fe80::1%25lo]"),
        ({"host": "a,b", "port": "1,2"}, "host=a,b port=1,2", "postgresql://a:1,b:2"),
        ({"host": "a,b", "port": ","}, "host=a,b port=,", "postgresql://a,b"),
        ({"host": "a,b", "port": "1"}, "host=a,b port=1", "postgresql:///?host=a,b&port=1"),
        ({"host": "a,b"}, "host=a,b", "postgresql:///?host=a,b"),
        ({"host": "a", "port": "1,2"}, "host=a port=1,2", "postgresql://a/?port=1,2"),
        ({"port": "1"}, "port=1", "postgresql://:1"),
        (
            {"user": "a@b", "password": "it's", "dbname": "d e"},
            "user=a@b password='it\\'s' dbname='d e'",
            "postgresql://a%40b:it%27s@/d%20e",
        ),
        ({"user": "u", "password": ""}, "user=u password=''", "postgresql://u@/?password="),
        ({"password": "p", "dbname": ""}, "password=p dbname=''", "postgresql://:p@/?dbname="),
        ({"options": "-c a=b\\"}, "options='-c a=b\\\\'", "postgresql:///?options=-c%20a%3Db%5C"),
        ({"user": "é\udcff"}, "user=é\udcff", "postgresql://%C3%A9%FF@"),
        ({"sslmode": "require", "dbname": "d"}, "sslmode=require dbname=d",
         "postgresql:///d?sslmode=require"),
    ],
)  # fmt: skip
def test_written(settings: dict[str, str | None], pairs: str, uri: str) -> None:
    given = {keyword: value for keyword, value in settings.items() if value is not None}
    assert format(settings) == pairs
    assert format(settings, "uri") == uri
    assert parse(pairs) == parse(uri) == given


def test_refused() -> None:
    with pytest.raises(ConninfoError, match='invalid connection option "nosuch"'):
        format({"nosuch": "1"})
    with pytest.raises(ConninfoError, match="NUL"):
        format({"host": "a\0b"})
    with pytest.raises(ValueError, match="style"):
        format({}, "toml")
    assert format({"servicefile": "/x"}, release=19) == "servicefile=/x"
