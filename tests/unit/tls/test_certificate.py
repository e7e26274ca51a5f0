"""The certificate reader: channel binding hashes, names, and hostile bytes.

The certificates are made by `tests/certificates.py`; `ssl` only takes their PEM armour off.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import ssl
from pathlib import Path

import pytest

from purelink.tls import TLSFailure, end_point_hash
from purelink.tls.certificate import Malformed, Names, key_label, names

CERTIFICATES = Path(__file__).parent / "certificates"


def der(file: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert((CERTIFICATES / f"{file}.pem").read_text())


def element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    return bytes([tag, 0x84]) + size.to_bytes(4, "big") + content


def signed_with(algorithm: bytes) -> bytes:
    """A certificate of which only the algorithm is there."""
    return element(0x30, element(0x30, b"") + element(0x30, algorithm) + element(3, b"\0"))


# check 138, and beyond it
@pytest.mark.parametrize(
    ("file", "algorithm"),
    [
        ("rsa-md5", "sha256"),
        ("rsa-sha1", "sha256"),
        ("rsa-sha224", "sha224"),
        ("rsa-sha256", "sha256"),
        ("rsa-sha384", "sha384"),
        ("rsa-sha512", "sha512"),
        ("rsa-sha3-256", "sha3_256"),
        ("ecdsa-sha1", "sha256"),
        ("ecdsa-sha224", "sha224"),
        ("ecdsa-sha256", "sha256"),
        ("ecdsa-sha384", "sha384"),
        ("ecdsa-sha512", "sha512"),
        ("ecdsa-sha3-256", "sha3_256"),
        ("pss-sha1", "sha256"),
        ("pss-sha224", "sha224"),
        ("pss-sha256", "sha256"),
        ("pss-sha384", "sha384"),
        ("pss-sha512", "sha512"),
        ("pss-sha3-256", "sha3_256"),
    ],
)
def test_the_hash_is_that_of_the_signature(file: str, algorithm: str) -> None:
    certificate = der(f"hash-{file}")
    assert end_point_hash(certificate) == hashlib.new(algorithm, certificate).digest()


# check 139
@pytest.mark.parametrize("file", ["ed25519", "ed448"])
def test_a_signature_without_a_hash_is_an_error_and_no_downgrade(file: str) -> None:
    with pytest.raises(TLSFailure, match=r"^could not find digest for NID UNDEF$") as caught:
        end_point_hash(der(f"hash-{file}"))
    assert not caught.value.fallback_allowed


PSS = element(6, bytes.fromhex("2a864886f70d01010a"))


@pytest.mark.parametrize(
    ("algorithm", "text"),
    [
        (element(6, bytes.fromhex("2a864886f70d010163")), "find digest for NID UNDEF"),
        (PSS + element(0x30, element(0xA0, element(0x30, b""))), "find digest for NID UNDEF"),
        (PSS + element(0x30, element(0xA0, element(0x30, element(6, b"\x2a")))), "find digest"),
        (PSS, "determine server certificate signature algorithm"),
        (PSS + element(0x30, element(0xA0, b"")), "determine server certificate"),
        (b"", "determine server certificate signature algorithm"),
        (element(5, b""), "determine server certificate signature algorithm"),
        (element(6, b""), "determine server certificate signature algorithm"),
        (element(6, b"\x80"), "determine server certificate signature algorithm"),
        (element(6, b"\xff" * 64 + b"\1"), "determine server certificate signature algorithm"),
    ],
)
def test_unknown_and_broken_algorithms_are_errors(algorithm: bytes, text: str) -> None:
    with pytest.raises(TLSFailure, match=text):
        end_point_hash(signed_with(algorithm))


def test_pss_without_a_named_hash_is_sha1_and_so_sha256() -> None:
    certificate = signed_with(PSS + element(0x30, element(0xA1, b"")))
    assert end_point_hash(certificate) == hashlib.sha256(certificate).digest()


@pytest.mark.parametrize(
    ("file", "alternatives", "common"),
    [
        ("cn-localhost", [], b"localhost"),
        ("san-localhost", [("DNS", b"localhost")], b"other.example.com"),
        ("nameless", [], None),
        ("nul-san", [("DNS", b"localhost\0.evil.example")], None),
        ("nul-cn", [], b"localhost\0.evil.example"),
        ("short-address", [("IP", b"\x7f\0\0")], None),
        ("other-kinds", [], b"localhost"),
        (
            "three-names",
            [
                ("DNS", b"a.example.com"),
                ("IP", b"\x0a\0\0\1"),
                ("IP", bytes.fromhex("20010db8000000000000000000000001")),
            ],
            None,
        ),
    ],
)
def test_names_are_read_raw(
    file: str, alternatives: list[tuple[str, bytes]], common: bytes | None
) -> None:
    assert names(der(file)) == Names(alternatives, common)


def body(*, version: bytes = b"", subject: bytes = element(0x30, b""), extensions: bytes) -> bytes:
    """A certificate of which only the subject and the extensions mean something."""
    empty = element(0x30, b"")
    first = version + element(2, b"\1") + empty * 3 + subject + empty
    return element(0x30, element(0x30, first + extensions) + element(0x30, b"") + element(3, b"\0"))


def alternatives(*content: bytes, critical: bytes = b"") -> bytes:
    inner = element(0x30, b"".join(content))
    return element(0x30, element(6, b"\x55\x1d\x11") + critical + element(4, inner))


def test_a_certificate_of_version_1_has_no_extensions() -> None:
    assert names(body(extensions=b"")) == Names([], None)


def test_a_critical_extension_and_unique_identifiers_are_read_over() -> None:
    critical = element(1, b"\xff")
    listed = element(0x30, alternatives(element(0x82, b"x"), critical=critical))
    found = names(body(extensions=element(0x81, b"\0\1") + element(0xA3, listed)))
    assert found == Names([("DNS", b"x")], None)


@pytest.mark.parametrize(
    "certificate",
    [
        b"",
        b"\x30",
        b"\x30\x80\0\0",  # indefinite length
        b"\x30\x85\0\0\0\0\0",  # five bytes of length
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x82\0",
        b"\x1f\x81\0\0",  # long tag
        b"\x31\0",
        b"\x30\0",
        b"\x30\0\x30\0",
        element(0x30, element(0x30, b"") * 3),
        element(0x30, element(0x31, b"") * 3),
        body(extensions=element(0xA3, element(0x30, alternatives() * 2))),
        body(extensions=element(0xA3, element(0x30, element(0x30, b"")))),
        body(extensions=element(0xA3, element(0x30, element(0x30, element(6, b"\x55"))))),
        body(extensions=element(0xA3, b"")),
        body(
            extensions=b"", subject=element(0x30, element(0x31, element(0x30, element(6, b"\5"))))
        ),
    ],
)
def test_what_is_no_certificate_is_malformed(certificate: bytes) -> None:
    with pytest.raises(Malformed):
        names(certificate)


def test_damaged_certificates_raise_nothing_but_what_is_said() -> None:
    chance = random.Random(152)
    originals = [der(file) for file in ("three-names", "hash-pss-sha384", "nul-cn")]
    for original in originals:
        for size in range(len(original)):
            with pytest.raises(Malformed):
                names(original[:size])
            with pytest.raises(TLSFailure):
                end_point_hash(original[:size])
    for _ in range(3000):
        damaged = bytearray(chance.choice(originals))
        for _ in range(chance.randrange(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        with contextlib.suppress(Malformed):
            names(bytes(damaged))
        with contextlib.suppress(TLSFailure):
            end_point_hash(bytes(damaged))


def test_deep_nesting_costs_no_recursion() -> None:
    deep = b""
    for _ in range(5000):
        deep = element(0x30, deep)
    with pytest.raises(Malformed):
        names(deep)
    with pytest.raises(TLSFailure):
        end_point_hash(deep)


@pytest.mark.parametrize(
    ("file", "label"),
    [
        ("client-der", "EC PRIVATE KEY"),
        ("client-pkcs8-der", "PRIVATE KEY"),
        ("rsa-der", "RSA PRIVATE KEY"),
        ("client-locked-der", None),
        ("client", None),
    ],
)
def test_a_key_in_der_gets_its_label(file: str, label: str | None) -> None:
    assert key_label((CERTIFICATES / f"{file}.key").read_bytes()) == label


def test_six_integers_are_a_dsa_key() -> None:
    assert key_label(element(0x30, element(2, b"\0") * 6)) == "DSA PRIVATE KEY"
    assert key_label(element(0x30, element(2, b"\0") * 5)) is None
