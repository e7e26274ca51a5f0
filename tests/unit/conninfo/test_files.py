"""Service files and passfiles, as bytes; most of their grammar is in the conformance checks."""

from __future__ import annotations

import pytest

from purelink.conninfo.files import password_for, service_section
from purelink.errors import ConninfoError


def test_a_section() -> None:
    content = b"# c\n[b]\nnosuch\n[a] x\r\n\thost=/s \nhost=/t\n\n[a]\nuser=u\n"
    assert service_section(content, "a", "F") == [("host", "/s", 5), ("host", "/t", 6)]
    assert service_section(content, "c", "F") is None
    assert service_section(b"[a]", "a", "F") == []


@pytest.mark.parametrize(
    ("content", "release", "message"),
    [
        (b"[a]\nhost", 18, 'syntax error in service file "F", line 2'),
        (b"[a]\nhost =/s", 18, 'syntax error in service file "F", line 2'),
        (b"[a]\nservicefile=/s", 18, 'syntax error in service file "F", line 2'),
        # what a build with LDAP would look up
        (
            b"[a]\nldap://h/dn?a?base?(cn=x)",
            18,
            'syntax error in service file "F", line 2',
        ),
        (b"[a]\nservice", 18, 'syntax error in service file "F", line 2'),
        (
            b"[a]\nservice=b",
            18,
            'nested service specifications not supported in service file "F", line 2',
        ),
        (
            b"[a]\nservice=b",
            19,
            'nested "service" specifications not supported in service file "F", line 2',
        ),
        (
            b"[a]\nservicefile=b",
            19,
            'nested "servicefile" specifications not supported in service file "F", line 2',
        ),
        (b"#" + b"x" * 1022 + b"\n", 18, 'line 1 too long in service file "F"'),
    ],
)
def test_refused(content: bytes, release: int, message: str) -> None:
    with pytest.raises(ConninfoError) as caught:
        service_section(content, "a", "F", release=release)
    assert str(caught.value) == message
    assert caught.value.position is None


def test_c_sees_nothing_behind_a_nul() -> None:
    # a long line in disguise: its second half is a line of its own
    content = b"[a]\n#\0" + b"x" * 1021 + b"host=/s\0junk\nuser=u"
    assert service_section(content, "a", "F") == [("host", "/s", 3), ("user", "u", 4)]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"h:1:d:u:pw", ("pw", 1)),
        (b"#h:1:d:u:no\n\nx:*:*:*:no\n*:*:*:*:pw\r\n", ("pw", 4)),
        (b"h:1:d:u:a\\:b\\\\c\\d:e", ("a:b\\cd", 1)),
        (b"h:1:d:u:a\\", ("a\\", 1)),
        (b"\\h:1:d:\\u:pw", ("pw", 1)),
        (b"\\hh:1:d:u:no\n\\x:*:*:*:no\nh:1:d:u\\", None),
        (b"h:1:d:u\\:no", None),
        (b"h\\:1:d:u:no", None),
        (b"h:1:d:u", None),
        (b"", None),
        (b"h:1:d:\0junk\nu:pw\n", ("pw", 2)),
        (b"h:1:d:u:p\0w", ("p", 1)),
        (b"x\0\ny\nz:1:d:u:no\n", None),
        (b"*\\", None),
        (b"h\\", None),
        (b"\\h", None),
    ],
)
def test_passwords(content: bytes, found: tuple[str, int] | None) -> None:
    assert password_for(content, "h", "1", "d", "u") == found


def test_colons_of_the_wanted_text_match_bare() -> None:
    assert password_for(b"::1:1:d:u:pw", "::1", "1", "d", "u") == ("pw", 1)
    assert password_for(b"\\:\\:1:1:d:u:pw", "::1", "1", "d", "u") == ("pw", 1)
