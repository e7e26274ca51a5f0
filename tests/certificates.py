"""Makes the certificates that the TLS tests use; needs `cryptography`, the tests do not.

Run `python tests/certificates.py` to write `tests/unit/tls/certificates/` anew. The keys in it
belong to nobody: they are made for tests, are public, and secure nothing.
"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import datetime as dt
import ipaddress
import subprocess
import sys
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

FOLDER = Path(__file__).parent / "unit" / "tls" / "certificates"

BEGIN = dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)
END = dt.datetime(2120, 1, 1, tzinfo=dt.timezone.utc)
PAST = dt.datetime(2021, 1, 1, tzinfo=dt.timezone.utc)

PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
PKCS8 = serialization.PrivateFormat.PKCS8
TRADITIONAL = serialization.PrivateFormat.TraditionalOpenSSL
PLAIN = serialization.NoEncryption()
PASSPHRASE = b"open sesame"


def name(common: str | None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "purelink tests")]
    if common is not None:
        attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, common))
    return x509.Name(attributes)


class Authority:
    """A certificate authority with its own key."""

    def __init__(self, common: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.serial = 1
        usage = x509.KeyUsage(
            digital_signature=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
            encipher_only=False, decipher_only=False,
        )  # fmt: skip
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name(common)).issuer_name(name(common))
            .public_key(self.key.public_key()).serial_number(1)
            .not_valid_before(BEGIN).not_valid_after(END)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False
            )
            .sign(self.key, hashes.SHA256())
        )  # fmt: skip

    def issue(
        self,
        key: Any,
        common: str | None,
        alternatives: x509.ExtensionType | None = None,
        *,
        client: bool = False,
        until: dt.datetime = END,
    ) -> x509.Certificate:
        """Return a certificate for `key`."""
        self.serial += 1
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(common)).issuer_name(self.certificate.subject)
            .public_key(key.public_key()).serial_number(self.serial)
            .not_valid_before(BEGIN).not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
        )  # fmt: skip
        if alternatives is not None:
            builder = builder.add_extension(alternatives, critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def revoke(self, *certificates: x509.Certificate) -> x509.CertificateRevocationList:
        """Return a list of revoked certificates, perhaps empty."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject).last_update(BEGIN).next_update(END)
        )  # fmt: skip
        for certificate in certificates:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(certificate.serial_number).revocation_date(BEGIN).build()
            )  # fmt: skip
        return builder.sign(self.key, hashes.SHA256())


def raw(*names: tuple[int, bytes]) -> x509.UnrecognizedExtension:
    """Return a subjectAltName extension of short names that the library itself would refuse."""
    content = b"".join(bytes([tag, len(value)]) + value for tag, value in names)
    assert len(content) < 128
    return x509.UnrecognizedExtension(
        x509.ObjectIdentifier("2.5.29.17"), bytes([0x30, len(content)]) + content
    )


def alternatives(*names: str) -> x509.SubjectAlternativeName:
    """Return the extension; a name that begins with "ip:" is an address."""
    return x509.SubjectAlternativeName(
        [
            x509.IPAddress(ipaddress.ip_address(text[3:]))
            if text.startswith("ip:")
            else x509.DNSName(text)
            for text in names
        ]
    )


#: file name: (common name, subjectAltName)
SERVERS: dict[str, tuple[str | None, x509.ExtensionType | None]] = {
    "cn-localhost": ("localhost", None),
    "cn-address": ("127.0.0.1", None),
    "san-localhost": ("other.example.com", alternatives("localhost")),
    "san-address": ("localhost", alternatives("ip:127.0.0.1")),
    "san-address-only": (None, alternatives("ip:127.0.0.1", "ip:::1")),
    "san-dns-address": (None, alternatives("127.0.0.1")),
    "san-other-address": ("127.0.0.1", alternatives("ip:10.0.0.1")),
    "san-dns-cn-address": ("127.0.0.1", alternatives("db.example.com")),
    "wildcard": (None, alternatives("*.example.com")),
    "star": (None, raw((0x82, b"*"))),
    "partial-wildcard": (None, raw((0x82, b"f*.example.com"))),
    "two-names": (None, alternatives("a.example.com", "b.example.com")),
    "three-names": (None, alternatives("a.example.com", "ip:10.0.0.1", "ip:2001:db8::1")),
    "nameless": (None, None),
    "nul-san": (None, raw((0x82, b"localhost\0.evil.example"))),
    "nul-cn": ("localhost\0.evil.example", None),
    "short-address": (None, raw((0x87, b"\x7f\0\0"))),
    "other-kinds": ("localhost", raw((0x81, b"dba@example.com"))),
}


def write(file: str, *parts: Any) -> None:
    """Write certificates, lists and keys one after the other, in PEM."""
    content = b"".join(
        part if isinstance(part, bytes)
        else part.public_bytes(PEM) if hasattr(part, "public_bytes")
        else part.private_bytes(PEM, PKCS8, PLAIN)
        for part in parts
    )  # fmt: skip
    (FOLDER / file).write_bytes(content)


def chains() -> None:
    """Write the authorities, the servers' certificates and the client's."""
    authority, stranger = Authority("purelink test CA"), Authority("nobody's CA")
    write("ca.pem", authority.certificate)
    write("stranger-ca.pem", stranger.certificate)
    key = ec.generate_private_key(ec.SECP256R1())
    write("server.key", key)
    for file, (common, extension) in SERVERS.items():
        write(f"{file}.pem", authority.issue(key, common, extension))
    expired = authority.issue(key, None, alternatives("localhost"), until=PAST)
    write("expired.pem", expired)
    write("stranger.pem", stranger.issue(key, None, alternatives("localhost")))
    revoked = authority.issue(key, None, alternatives("localhost"))
    write("revoked.pem", revoked)
    write("revoked.crl", authority.revoke(revoked))
    write("empty.crl", authority.revoke())

    mine = ec.generate_private_key(ec.SECP256R1())
    write("client.pem", authority.issue(mine, "alice", client=True))
    write("client.key", mine)
    (FOLDER / "client-der.key").write_bytes(mine.private_bytes(DER, TRADITIONAL, PLAIN))
    (FOLDER / "client-pkcs8-der.key").write_bytes(mine.private_bytes(DER, PKCS8, PLAIN))
    locked = serialization.BestAvailableEncryption(PASSPHRASE)
    write("client-locked.key", mine.private_bytes(PEM, PKCS8, locked))
    write("client-locked-traditional.key", mine.private_bytes(PEM, TRADITIONAL, locked))
    (FOLDER / "client-locked-der.key").write_bytes(mine.private_bytes(DER, PKCS8, locked))
    other = ec.generate_private_key(ec.SECP256R1())
    write("other.key", other)
    (FOLDER / "other-der.key").write_bytes(other.private_bytes(DER, PKCS8, PLAIN))
    wide = rsa.generate_private_key(65537, 2048)
    write("rsa.key", wide)
    (FOLDER / "rsa-der.key").write_bytes(wide.private_bytes(DER, TRADITIONAL, PLAIN))
    write("rsa-client.pem", authority.issue(wide, "alice", client=True))


def signed() -> None:
    """Write self-signed certificates, one for each signature algorithm, with their keys."""
    elliptic, wide = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
    write("hash-ecdsa.key", elliptic)
    write("hash-rsa.key", wide)

    def write_signed(file: str, key: Any, algorithm: Any, **options: Any) -> None:
        try:
            certificate = (
                x509.CertificateBuilder()
                .subject_name(name("localhost")).issuer_name(name("localhost"))
                .public_key(key.public_key()).serial_number(7)
                .not_valid_before(BEGIN).not_valid_after(END)
                .sign(key, algorithm, **options)
            )  # fmt: skip
        except UnsupportedAlgorithm as error:
            sys.stderr.write(f"{file}: {error}\n")
            return
        write(f"hash-{file}.pem", certificate)

    # `cryptography` signs no certificate with these any more; the `openssl` command does
    for algorithm in ("md5", "sha1"):
        for file in ("rsa", "ecdsa", "pss"):
            more = ["-sigopt", "rsa_padding_mode:pss"] if file == "pss" else []
            target = FOLDER / f"hash-{file}-{algorithm}.pem"
            by = FOLDER / ("hash-ecdsa.key" if file == "ecdsa" else "hash-rsa.key")
            subprocess.run(
                ["openssl", "req", "-x509", f"-{algorithm}", "-key", by, "-out", target,
                 "-days", "36500", "-subj", "/CN=localhost", *more],
                check=file == "rsa",
            )  # fmt: skip
    for modern in (hashes.SHA224(), hashes.SHA256(), hashes.SHA384(),
                      hashes.SHA512(), hashes.SHA3_256()):  # fmt: skip
        write_signed(f"rsa-{modern.name}", wide, modern)
        write_signed(f"ecdsa-{modern.name}", elliptic, modern)
        pss = padding.PSS(padding.MGF1(modern), modern.digest_size)
        write_signed(f"pss-{modern.name}", wide, modern, rsa_padding=pss)
    for file, key in (
        ("ed25519", ed25519.Ed25519PrivateKey.generate()),
        ("ed448", ed448.Ed448PrivateKey.generate()),
    ):
        write(f"hash-{file}.key", key)
        write_signed(file, key, None)


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    chains()
    signed()
