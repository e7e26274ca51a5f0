"""What may be shown: secrets as `***`, and not a letter more hidden."""

from __future__ import annotations

import pytest

from purelink.conninfo import mask


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgres://u:pw@h/d", "postgres://u:***@h/d"),
        ("postgres://u@h/d", "postgres://u@h/d"),
        ("postgres://h:5432/d", "postgres://h:5432/d"),
        ("postgres://u:@h", "postgres://u:@h"),
        ("postgres://h?user=u", "postgres://h?user=u"),
        ("postgres://h?password=", "postgres://h?password="),
        ("postgres://h?password=a=b&user=u", "postgres://h?password=***&user=u"),
        ("postgres://h?pass%77ord=a&", "postgres://h?pass%77ord=***&"),
        ("postgres://h? password =a&word&x=1", "postgres://h? password =***&***&***"),
        ("postgres://u:p?q@h?sslpassword=s", "postgres://u:***@h?sslpassword=***"),
    ],
)
def test_uri(text: str, masked: str) -> None:
    assert mask.uri(text) == masked


def test_echo() -> None:
    assert mask.echo("host x", 5, 6, secret_before=False) == "x"
    assert mask.echo("host x", 5, 6, secret_before=True) == "***"
    text = "jdbc:postgres://u:my pw@h postgres://v:q@h"
    assert mask.echo(text, 0, 20, secret_before=False) == "jdbc:postgres://u:***"


def test_shown() -> None:
    assert mask.shown("password", "pw") == "***"
    assert mask.shown("password", "") == ""
    assert mask.shown("host", "pw") == "pw"
    assert mask.shown("dbname", "postgres://u:pw@h") == "postgres://u:***@h"
    assert mask.shown("dbname", "host=h password = 'a b' user=u") == (
        "host=h password = *** user=u"
    )
