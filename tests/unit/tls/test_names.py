"""Name matching: check 154's table, libpq's texts, and addresses in every notation."""

from __future__ import annotations

import random
import socket

import pytest

from purelink.tls import TLSFailure
from purelink.tls.names import address4, address6, address_text, verify_name
from tests.unit.tls.test_certificate import der

NO_NAME = "could not get server's host name from server certificate"
NUL = "SSL certificate's name contains embedded null"


def mismatch(name: str, host: str, others: str = "") -> str:
    return f'server certificate for "{name}"{others} does not match host name "{host}"'


#: (certificate, host, None if it fits or the text); also run against the real libpq
TABLE: list[tuple[str, str, str | None]] = [
    ("cn-localhost", "localhost", None),
    ("cn-localhost", "LOCALHOST", None),
    ("cn-localhost", "localhost.", mismatch("localhost", "localhost.")),
    ("cn-address", "127.0.0.1", None),
    ("cn-address", "127.1", mismatch("127.0.0.1", "127.1")),
    ("san-localhost", "localhost", None),
    ("san-localhost", "localhost.", mismatch("localhost", "localhost.")),
    ("san-localhost", "other.example.com", mismatch("localhost", "other.example.com")),
    ("san-address", "127.0.0.1", None),
    ("san-address", "127.1", None),
    ("san-address", "0x7f000001", None),
    ("san-address", "0177.0.0.1", None),
    ("san-address", "localhost", None),
    ("san-address-only", "localhost",
     mismatch("127.0.0.1", "localhost", " (and 1 other name)")),
    ("san-address-only", "::1", None),
    ("san-address-only", "0:0::1", None),
    ("san-dns-address", "127.0.0.1", None),
    ("san-dns-address", "127.1", mismatch("127.0.0.1", "127.1")),
    ("san-other-address", "127.0.0.1", mismatch("10.0.0.1", "127.0.0.1")),
    ("san-dns-cn-address", "127.0.0.1", None),
    ("san-dns-cn-address", "127.0.0.2",
     mismatch("db.example.com", "127.0.0.2", " (and 1 other name)")),
    ("wildcard", "a.example.com", None),
    ("wildcard", "A.EXAMPLE.com", None),
    ("wildcard", "*.example.com", None),
    ("wildcard", "a.b.example.com", mismatch("*.example.com", "a.b.example.com")),
    ("wildcard", "example.com", mismatch("*.example.com", "example.com")),
    ("wildcard", ".example.com", mismatch("*.example.com", ".example.com")),
    ("wildcard", "a.example.org", mismatch("*.example.com", "a.example.org")),
    ("star", "localhost", mismatch("*", "localhost")),
    ("partial-wildcard", "foo.example.com", mismatch("f*.example.com", "foo.example.com")),
    ("two-names", "b.example.com", None),
    ("two-names", "c.example.com",
     mismatch("a.example.com", "c.example.com", " (and 1 other name)")),
    ("three-names", "10.0.0.1", None),
    ("three-names", "2001:db8::1", None),
    ("three-names", "c.example.com",
     mismatch("a.example.com", "c.example.com", " (and 2 other names)")),
    ("nameless", "localhost", NO_NAME),
    ("nul-san", "localhost", NUL),
    ("nul-cn", "localhost", NUL),
    ("short-address", "127.0.0.1", "certificate contains IP address with invalid length 3"),
    ("short-address", "localhost", "certificate contains IP address with invalid length 3"),
    ("other-kinds", "localhost", None),
    ("other-kinds", "dba@example.com", mismatch("localhost", "dba@example.com")),
]  # fmt: skip


@pytest.mark.parametrize(("certificate", "host", "text"), TABLE)
def test_the_table_of_names(certificate: str, host: str, text: str | None) -> None:
    if text is None:
        verify_name(host, der(certificate))
        return
    with pytest.raises(TLSFailure) as caught:
        verify_name(host, der(certificate))
    assert caught.value.text == text


def test_without_a_name_there_is_nothing_to_verify() -> None:
    with pytest.raises(TLSFailure, match=r"^host name must be specified for a verified SSL conn"):
        verify_name("", der("cn-localhost"))


def test_what_is_no_certificate_has_no_name() -> None:
    with pytest.raises(TLSFailure, match=f"^{NO_NAME}$"):
        verify_name("localhost", b"\x30\0")


def test_only_ascii_letters_are_folded() -> None:
    with pytest.raises(TLSFailure):
        verify_name("lo\u212aalhost", der("cn-localhost"))  # KELVIN SIGN


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "7f000001"),
        ("127.1", "7f000001"),
        ("0x7f000001", "7f000001"),
        ("0177.0X0.1", "7f000001"),
        ("2130706433", "7f000001"),
        ("1.2.3", "01020003"),
        ("0", "00000000"),
        ("127.0.0.1 whatever", "7f000001"),
        ("1.2.3.256", None),
        ("1.2.65536", None),
        ("256.1", None),
        ("4294967296", None),
        ("1.2.3.4.5", None),
        ("1..2", None),
        ("08", None),
        ("0x", None),
        ("", None),
        ("localhost", None),
        ("٣", None),
        ("0" * 65, None),
    ],
)
def test_addresses_are_read_as_inet_aton_does(host: str, address: str | None) -> None:
    assert address4(host) == (None if address is None else bytes.fromhex(address))


@pytest.mark.skipif(not hasattr(socket, "inet_pton"), reason="no C library to compare with")
def test_addresses_agree_with_the_c_library() -> None:
    chance = random.Random(4)
    kinds = [
        ("0123456789.xXaAfF 8", address4, socket.inet_aton),
        ("0123456789abF:.%", address6, lambda host: socket.inet_pton(socket.AF_INET6, host)),
    ]
    for letters, mine, theirs in kinds:
        for _ in range(20000):
            host = "".join(chance.choices(letters, k=chance.randrange(1, 13)))
            try:
                expected: bytes | None = theirs(host)
            except OSError:
                expected = None
            assert mine(host) == expected, host


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("7f000001", "127.0.0.1"),
        ("00" * 15 + "01", "::1"),
        ("00" * 16, "::"),
        ("00" * 12 + "01020304", "::1.2.3.4"),
        ("00" * 10 + "ffff01020304", "::ffff:1.2.3.4"),
        ("20010db8" + "00" * 11 + "01", "2001:db8::1"),
        ("00010000000200030004000500060007", "1:0:2:3:4:5:6:7"),
    ],
)
def test_addresses_are_shown_as_libpq_does(address: str, text: str) -> None:
    assert address_text(bytes.fromhex(address)) == text
