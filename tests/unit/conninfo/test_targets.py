"""Hosts, addresses and ports; and the passwords that a passfile has for them."""

from __future__ import annotations

import pytest

from purelink.conninfo.surroundings import File, Surroundings
from purelink.conninfo.targets import integer, split_hosts, with_passwords
from purelink.errors import ConninfoError

HERE = Surroundings(socket_directory="/run")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        (" \t\n\v\f\r5 ", 5),
        ("+5", 5),
        ("-5", -5),
        ("2147483647", 2147483647),
        ("-2147483648", -2147483648),
        ("0" * 5000 + "7", 7),
        ("00", 0),
    ],
)
def test_integers(text: str, number: int) -> None:
    assert integer(text, "port") == number


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "abc", "0x10", "5x", "+", "--5", "+ 5", "1 2", "\x1c5", "\u00b2", "٥"),
        *("2147483648", "-2147483649", "9" * 5000, "1_000", "5\xa0"),
    ],
)
def test_no_integers(text: str) -> None:
    with pytest.raises(ConninfoError) as caught:
        integer(text, "port")
    assert str(caught.value) == f'invalid integer value "{text}" for connection option "port"'
    assert caught.value.keyword == "port"


@pytest.mark.parametrize(
    ("host", "hostaddr", "port", "targets"),
    [
        ("", "", "", [("socket", "", "", "5432", "/run")]),
        ("h", "", "1", [("name", "h", "", "1", "")]),
        ("h,/s,@a,", "", "1", [
            ("name", "h", "", "1", ""),
            ("socket", "/s", "", "1", "/s"),
            ("socket", "@a", "", "1", "@a"),
            ("socket", "", "", "1", "/run"),
        ]),
        ("/s,h", ",127.0.0.1", "1,", [
            ("socket", "/s", "", "1", "/s"),
            ("address", "h", "127.0.0.1", "5432", ""),
        ]),
        ("", "::1", "", [("address", "", "::1", "5432", "")]),
    ],
)  # fmt: skip
def test_targets(
    host: str, hostaddr: str, port: str, targets: list[tuple[str, str, str, str, str]]
) -> None:
    assert [target[:5] for target in split_hosts(host, hostaddr, port, HERE)] == targets


def test_without_sockets_the_default_is_localhost() -> None:
    (target,) = split_hosts("", "", "", Surroundings(socket_directory=""))
    assert target[:3] == ("name", "localhost", "")


def test_lists_must_match() -> None:
    with pytest.raises(ConninfoError, match="could not match 2 host names to 1 hostaddr values"):
        split_hosts("a,b", "::1", "", HERE)
    with pytest.raises(ConninfoError, match="could not match 2 port numbers to 1 hosts"):
        split_hosts("a", "", "1,2", HERE)


def passwords(host: str, hostaddr: str, file: File | None, **given: bool) -> list[str | None]:
    files = {} if file is None else {"/p": file}
    here = Surroundings(socket_directory="/run", files=files, **given)  # type: ignore[arg-type]
    targets = split_hosts(host, hostaddr, "", here)
    found, _, _ = with_passwords(targets, "/p", "d", "u", here)
    return [target.password for target in found]


def test_passwords_for_each_host() -> None:
    file = File(b"a:*:*:*:pa\nlocalhost:*:*:*:pl\n::1:*:*:*:p1\n")
    assert passwords("a,b,/run,/run/,", "", file) == ["pa", None, "pl", None, "pl"]
    assert passwords("", "::1", file) == ["p1"]
    # the default directory is `localhost` even beside an address
    assert passwords("/run", "::1", file) == ["pl"]
    assert passwords("a", "", None) == [None]
    assert passwords("a", "", File(None)) == [None]


def test_the_line_of_the_first_targets_password() -> None:
    here = Surroundings(files={"/p": File(b"b:*:*:*:pb\na:*:*:*:pa\n")})
    targets = split_hosts("a,b", "", "", here)
    assert with_passwords(targets, "/p", "d", "u", here)[2] == 2
    assert with_passwords(targets[1:], "/p", "d", "u", here)[2] == 1
    assert with_passwords(targets, "/none", "d", "u", here) == (targets, [], 0)


def test_warnings() -> None:
    targets = split_hosts("a,b", "", "", HERE)
    odd = Surroundings(files={"/p": File(b"", is_file=False), "/q": File(b"", mode=0o640)})
    _, warnings, _ = with_passwords(targets, "/p", "d", "u", odd)
    assert warnings == ['WARNING: password file "/p" is not a plain file'] * 2
    _, warnings, _ = with_passwords(targets, "/q", "d", "u", odd)
    assert warnings[0].startswith('WARNING: password file "/q" has group or world access; ')
    assert passwords("a", "", File(b"a:*:*:*:pa", mode=0o644), windows=True) == ["pa"]
