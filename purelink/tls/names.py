"""Does a server's certificate belong to the host that was asked for? libpq's rules.

Floor 2, pure. Python's own matcher knows no common name, no address in a dNSName and no
`inet_aton` notation, and OpenSSL's knows other wildcards: neither is used.
"""

from __future__ import annotations

import re

from .certificate import Malformed, names
from .failure import TLSFailure

__all__ = ["address4", "address6", "address_text", "verify_name"]

_NO_NAME = "could not get server's host name from server certificate"


def verify_name(host: str, certificate: bytes) -> None:
    """Check that a certificate (DER) names `host`, as sslmode=verify-full demands.

    Alternative names of both kinds are compared first, in their order. The common name counts
    unless there is an alternative name of the host's own kind (name or address).

    Raises:
        TLSFailure: it does not, or holds a name that must not be believed.

    Source: libpq, pq_verify_peer_name_matches_certificate.
    """
    if not host:
        raise TLSFailure("host name must be specified for a verified SSL connection")
    try:
        found = names(certificate)
    except Malformed as error:
        raise TLSFailure(_NO_NAME) from error
    wanted = host.encode("utf-8", "surrogateescape")
    kind = "DNS" if address4(host) is None and address6(host) is None else "IP"
    common_counts = True
    examined: list[str] = []
    for its_kind, content in found.alternatives:
        if its_kind == kind:
            common_counts = False
        fits, shown = (_name_fits if its_kind == "DNS" else _address_fits)(content, host, wanted)
        if fits:
            return
        examined.append(shown)
    if common_counts and found.common is not None:
        fits, shown = _name_fits(found.common, host, wanted)
        if fits:
            return
        examined.append(shown)
    raise TLSFailure(_mismatch(examined, host))


def _mismatch(examined: list[str], host: str) -> str:
    if not examined:
        return _NO_NAME
    others = ""
    if len(examined) > 1:
        others = f" (and {len(examined) - 1} other name{'s' if len(examined) > 2 else ''})"
    return f'server certificate for "{examined[0]}"{others} does not match host name "{host}"'


def _name_fits(name: bytes, _host: str, wanted: bytes) -> tuple[bool, str]:
    # CVE-2009-4034: what stands before a NUL is not the name.
    if b"\0" in name:
        raise TLSFailure("SSL certificate's name contains embedded null")
    pattern, wanted = name.lower(), wanted.lower()  # bytes.lower() folds ASCII only, as libpq
    fits = pattern == wanted or (
        pattern.startswith(b"*.")
        and 3 <= len(pattern) <= len(wanted)
        and wanted.endswith(pattern[1:])
        # the star stands for one label
        and wanted.find(b".") >= len(wanted) - len(pattern)
    )
    return fits, name.decode("utf-8", "surrogateescape")


def _address_fits(content: bytes, host: str, _wanted: bytes) -> tuple[bool, str]:
    if len(content) == 4:
        mine = address4(host)
    elif len(content) == 16:
        mine = address6(host)
    else:
        raise TLSFailure(f"certificate contains IP address with invalid length {len(content)}")
    return mine == content, address_text(content)


_PART = re.compile(r"0[xX](?P<hex>[0-9a-fA-F]+)|0(?P<octal>[0-7]*)|(?P<decimal>[1-9][0-9]*)")


def address4(host: str) -> bytes | None:
    """Return the four bytes that `inet_aton` reads from a host, or None.

    One to four numbers with dots, decimal, octal (0…) or hexadecimal (0x…); the last fills the
    remaining bytes. As in the C library, what follows white space does not count.
    """
    parts = re.split(r"[ \t\n\v\f\r]", host, maxsplit=1)[0].split(".")
    if len(parts) > 4:
        return None
    numbers: list[int] = []
    for part in parts:
        found = _PART.fullmatch(part)
        if found is None or len(part) > 64:
            return None
        if found.group("hex") is not None:
            numbers.append(int(found.group("hex"), 16))
        elif found.group("decimal") is not None:
            numbers.append(int(found.group("decimal")))
        else:
            numbers.append(int(found.group("octal") or "0", 8))
    last = numbers.pop()
    if any(number > 255 for number in numbers) or last >= 1 << 8 * (4 - len(numbers)):
        return None
    return bytes(numbers) + last.to_bytes(4 - len(numbers), "big")


def address6(host: str) -> bytes | None:
    """Return the sixteen bytes that `inet_pton` reads from a host, or None."""
    if ":" not in host or "%" in host:  # Python would take a scope
        return None
    from ipaddress import AddressValueError, IPv6Address

    try:
        return IPv6Address(host).packed
    except AddressValueError:
        return None


def address_text(content: bytes) -> str:
    """Return an address of 4 or 16 bytes as libpq shows it.

    Source: pg_inet_net_ntop, which shows IPv4-compatible and -mapped addresses with dots.
    """
    if len(content) == 4:
        return ".".join(map(str, content))
    from ipaddress import IPv6Address

    head, tail = content[:12], ".".join(map(str, content[12:]))
    if head == b"\0" * 10 + b"\xff\xff":
        return f"::ffff:{tail}"
    if head == b"\0" * 12 and content[12:14] != b"\0\0":
        return f"::{tail}"
    return str(IPv6Address(content))
