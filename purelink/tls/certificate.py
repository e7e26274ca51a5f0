"""Reads X.509 certificates: the hash for channel binding, and the names of the server.

Floor 2, pure. A certificate is hostile bytes: every length is checked against the part that
holds it, nothing is recursive, nothing is read twice. Only what DER allows is read (no
indefinite lengths, no long tags); all else is `Malformed`. `ssl.getpeercert()` is not used,
as it is empty for unverified certificates and turns names into text of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .failure import TLSFailure

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Element", "Malformed", "Names", "end_point_hash", "key_label", "names"]


class Malformed(ValueError):
    """These bytes are not the DER that was expected. Never leaves `purelink.tls`."""


class Element(NamedTuple):
    """One DER element: its tag byte, and where its content begins and ends."""

    tag: int
    start: int
    end: int


_BOOLEAN, _INTEGER, _BIT_STRING, _OCTET_STRING, _OID = 0x01, 0x02, 0x03, 0x04, 0x06
_SEQUENCE, _SET = 0x30, 0x31
_EXTENSIONS = 0xA3  # [3], explicit, in a TBSCertificate
_DNS_NAME, _IP_ADDRESS = 0x82, 0x87  # [2] and [7], implicit, in a GeneralName


def _elements(data: bytes, start: int, end: int) -> Iterator[Element]:
    """Yield the elements that fill `data[start:end]` exactly; raises `Malformed`."""
    while start < end:
        if end - start < 2:
            raise Malformed("cut short")
        tag, length = data[start], data[start + 1]
        start += 2
        if tag & 0x1F == 0x1F:
            raise Malformed("long tag")
        if length >= 0x80:
            size = length & 0x7F
            # four bytes of length hold anything that fits into memory
            if not 1 <= size <= 4 or end - start < size:
                raise Malformed("bad length")
            length = int.from_bytes(data[start : start + size], "big")
            start += size
        if length > end - start:
            raise Malformed("longer than what holds it")
        yield Element(tag, start, start + length)
        start += length


def _inside(data: bytes, element: Element, tag: int) -> list[Element]:
    """Return what a constructed element holds; raises `Malformed`, also if it is another."""
    if element.tag != tag:
        raise Malformed(f"tag {element.tag:#x} where {tag:#x} should be")
    return list(_elements(data, element.start, element.end))


def _only(data: bytes, start: int, end: int, tag: int) -> list[Element]:
    """Return what the one element of `data[start:end]` holds; raises `Malformed`."""
    outer = list(_elements(data, start, end))
    if len(outer) != 1:
        raise Malformed("not exactly one element")
    return _inside(data, outer[0], tag)


def _identifier(data: bytes, element: Element) -> str:
    """Return an OBJECT IDENTIFIER with dots; raises `Malformed`."""
    content = data[element.start : element.end]
    # the real ones have at most a dozen bytes
    if element.tag != _OID or not content or len(content) > 64 or content[-1] & 0x80:
        raise Malformed("bad object identifier")
    arcs: list[int] = []
    arc = 0
    for byte in content:
        arc = arc << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, [first, arcs[0] - 40 * first, *arcs[1:]]))


# Signature algorithm to the hash of the certificate; MD5 and SHA-1 are replaced by SHA-256
# (RFC 5929, section 4.1).
_HASHES = {
    # RSA, PKCS #1
    "1.2.840.113549.1.1.4": "sha256",  # MD5
    "1.2.840.113549.1.1.5": "sha256",  # SHA-1
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
    "1.2.840.113549.1.1.14": "sha224",
    "2.16.840.1.101.3.4.3.13": "sha3_224",
    "2.16.840.1.101.3.4.3.14": "sha3_256",
    "2.16.840.1.101.3.4.3.15": "sha3_384",
    "2.16.840.1.101.3.4.3.16": "sha3_512",
    # ECDSA
    "1.2.840.10045.4.1": "sha256",  # SHA-1
    "1.2.840.10045.4.3.1": "sha224",
    "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384",
    "1.2.840.10045.4.3.4": "sha512",
    "2.16.840.1.101.3.4.3.9": "sha3_224",
    "2.16.840.1.101.3.4.3.10": "sha3_256",
    "2.16.840.1.101.3.4.3.11": "sha3_384",
    "2.16.840.1.101.3.4.3.12": "sha3_512",
    # DSA
    "1.2.840.10040.4.3": "sha256",  # SHA-1
    "2.16.840.1.101.3.4.3.1": "sha224",
    "2.16.840.1.101.3.4.3.2": "sha256",
    "2.16.840.1.101.3.4.3.3": "sha384",
    "2.16.840.1.101.3.4.3.4": "sha512",
}
_PSS = "1.2.840.113549.1.1.10"
_PSS_HASHES = {
    # RSA, PKCS #1
    "1.3.14.3.2.26": "sha256",  # SHA-1, replaced
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.7": "sha3_224",
    "2.16.840.1.101.3.4.2.8": "sha3_256",
    "2.16.840.1.101.3.4.2.9": "sha3_384",
    "2.16.840.1.101.3.4.2.10": "sha3_512",
}


def end_point_hash(certificate: bytes) -> bytes:
    """Return the channel binding data `tls-server-end-point` for a server's certificate.

    Args:
        certificate: DER, as the server sent it.

    Raises:
        TLSFailure: no hash belongs to the signature algorithm (Ed25519, Ed448, unknown ones),
            or the bytes are no certificate. There is no other hash to fall back to, and going
            on without channel binding would be a downgrade. No fallback to plaintext.

    Source: libpq, pgtls_get_peer_certificate_hash; RFC 5929, section 4.1.
    """
    try:
        name = _hash_name(certificate)
    except Malformed as error:
        raise TLSFailure(
            "could not determine server certificate signature algorithm", False
        ) from error
    if name is None:
        raise TLSFailure("could not find digest for NID UNDEF", False)
    import hashlib  # slow to load, and of use only for channel binding

    return hashlib.new(name, certificate).digest()


def _hash_name(data: bytes) -> str | None:
    parts = _only(data, 0, len(data), _SEQUENCE)
    if len(parts) != 3:
        raise Malformed("not a certificate")
    algorithm = _inside(data, parts[1], _SEQUENCE)
    if not algorithm:
        raise Malformed("empty algorithm")
    identifier = _identifier(data, algorithm[0])
    if identifier != _PSS:
        return _HASHES.get(identifier)
    if len(algorithm) < 2:
        raise Malformed("RSASSA-PSS without parameters")
    for parameter in _inside(data, algorithm[1], _SEQUENCE):
        if parameter.tag == 0xA0:  # [0], explicit: the hash; absent is SHA-1
            inner = _only(data, parameter.start, parameter.end, _SEQUENCE)
            return _PSS_HASHES.get(_identifier(data, inner[0])) if inner else None
    return "sha256"


class Names(NamedTuple):
    """The names in a certificate, in its order, as raw bytes.

    `alternatives`: the subject alternative names, each ("DNS" | "IP", content); other kinds are
    left out. `common`: the subject's first common name, or None.
    """

    alternatives: list[tuple[str, bytes]]
    common: bytes | None


def names(certificate: bytes) -> Names:
    """Return the names in a certificate (DER).

    Raises:
        Malformed: the bytes are no certificate, or have two lists of alternative names.
    """
    data = certificate
    parts = _only(data, 0, len(data), _SEQUENCE)
    if len(parts) != 3:
        raise Malformed("not a certificate")
    body = _inside(data, parts[0], _SEQUENCE)
    if body and body[0].tag == 0xA0:  # [0], explicit: the version
        del body[0]
    # serial number, signature, issuer, validity, subject, key, then what is optional
    if len(body) < 6:
        raise Malformed("not a certificate")
    common = _common_name(data, body[4])
    alternatives: list[tuple[str, bytes]] | None = None
    for element in body[6:]:
        if element.tag != _EXTENSIONS:
            continue
        for extension in _only(data, element.start, element.end, _SEQUENCE):
            fields = _inside(data, extension, _SEQUENCE)
            if not fields or fields[-1].tag != _OCTET_STRING:
                raise Malformed("bad extension")
            if _identifier(data, fields[0]) != "2.5.29.17":
                continue
            if alternatives is not None:
                raise Malformed("two subjectAltName extensions")
            alternatives = [
                ("DNS" if name.tag == _DNS_NAME else "IP", data[name.start : name.end])
                for name in _only(data, fields[-1].start, fields[-1].end, _SEQUENCE)
                if name.tag in (_DNS_NAME, _IP_ADDRESS)
            ]
    return Names(alternatives or [], common)


def _common_name(data: bytes, subject: Element) -> bytes | None:
    for relative in _inside(data, subject, _SEQUENCE):
        for attribute in _inside(data, relative, _SET):
            fields = _inside(data, attribute, _SEQUENCE)
            if len(fields) != 2:
                raise Malformed("bad attribute")
            if _identifier(data, fields[0]) == "2.5.4.3":
                return data[fields[1].start : fields[1].end]
    return None


def key_label(key: bytes) -> str | None:
    """Return the PEM label that belongs to an unencrypted private key in DER, or None.

    PKCS #8 begins with a version and an algorithm, a PKCS #1 key with nine integers, a DSA
    key with six, an EC key (SEC 1) with a version and an octet string.
    """
    try:
        parts = _only(key, 0, len(key), _SEQUENCE)
    except Malformed:
        return None
    tags = [part.tag for part in parts]
    if tags[:3] == [_INTEGER, _SEQUENCE, _OCTET_STRING]:
        return "PRIVATE KEY"
    if tags[:2] == [_INTEGER, _OCTET_STRING]:
        return "EC PRIVATE KEY"
    if len(tags) >= 6 and set(tags) == {_INTEGER}:
        return "DSA PRIVATE KEY" if len(tags) == 6 else "RSA PRIVATE KEY"
    return None
