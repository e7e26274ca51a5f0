"""Addresses and the networks they lie in: loopback, private, link-local, public, and disguises.

Floor 1, pure. For `policy`: an address is judged as what is really reached by it, so that an IPv4
address in IPv6's clothes is one.

Source: IANA's registries of special-purpose addresses; RFC 4291, 6052, 3056, 4380.
"""

from __future__ import annotations

import ipaddress
from typing import Iterable, Union

from .errors import InterfaceError

__all__ = ["NEVER", "PUBLIC", "Networks"]

#: a word among networks: every address of the internet at large
PUBLIC = "public"

#: Where no database server is: "this network", link-local addresses (of which 169.254.169.254 gives
#: a cloud machine's own credentials to whoever asks from it), what other clouds use for the same,
#: multicast, broadcast.
NEVER = (
    "0.0.0.0/8",
    "169.254.0.0/16",
    "100.100.100.200/32",  # Alibaba
    "168.63.129.16/32",  # Azure; it looks public
    "192.0.0.192/32",  # Oracle
    "224.0.0.0/4",
    "255.255.255.255/32",
    "::/128",
    "fe80::/10",
    "fd00:ec2::/32",  # Amazon
    "fd20:ce::254/128",  # Google
    "ff00::/8",
)

_Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
_IP = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


def _networks(text: str) -> tuple[_Network, ...]:
    return tuple(ipaddress.ip_network(each) for each in text.split())


# Python's own `is_global` differs by version.
_SPECIAL_4 = _networks(
    """0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24
    192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24
    198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3"""
)
_GLOBAL_6 = ipaddress.IPv6Network("2000::/3")
_SPECIAL_6 = _networks("2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20")

#: ends in an IPv4 address that is what is really reached (RFC 6052, RFC 4291 2.5.5.1)
_ENDS_IN_4 = _networks("64:ff9b::/96 ::/96")
_6TO4 = ipaddress.IPv6Network("2002::/16")
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
_LOW = 0xFFFFFFFF


class Networks:
    """Which addresses are allowed.

    Args:
        allowed: networks (`"10.1.0.0/16"`, `"2001:db8::/32"`) and the word "public"; None: all.
        denied: networks that are not, whatever `allowed` says.

    Raises:
        InterfaceError: what is neither.
    """

    __slots__ = ("_allowed", "_denied", "_public")

    def __init__(self, allowed: Iterable[str] | None, denied: Iterable[str] = ()) -> None:
        wanted = None if allowed is None else _texts(allowed)
        self._public = wanted is not None and PUBLIC in wanted
        self._allowed = (
            None if wanted is None else tuple(_network(each) for each in wanted if each != PUBLIC)
        )
        self._denied = tuple(_network(each) for each in _texts(denied))

    def allow(self, address: str) -> bool:
        """Tell whether a numeric address is allowed. What is no address is not."""
        try:
            ip = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        reached = _reached(ip)
        if any(_lies(each, self._denied) for each in (ip, reached, *_carried(ip))):
            return False
        if self._allowed is None or _lies(ip, self._allowed) or _lies(reached, self._allowed):
            return True
        return self._public and is_public(reached)


def is_public(ip: _IP) -> bool:
    """Tell whether an address is one of the internet at large."""
    if isinstance(ip, ipaddress.IPv4Address):
        return not _lies(ip, _SPECIAL_4)
    return ip in _GLOBAL_6 and not _lies(ip, _SPECIAL_6)


def _texts(given: Iterable[str]) -> list[str]:
    if isinstance(given, str):
        raise InterfaceError(f"networks are a list of texts, not the text {given!r}")
    return list(given)


def _network(text: str) -> _Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        told = str(error)
    raise InterfaceError(f"not a network: {told}")


def _lies(ip: _IP, networks: Iterable[_Network]) -> bool:
    return any(ip in network for network in networks)


def _reached(ip: _IP) -> _IP:
    """Return the IPv4 address that an IPv6 address stands for, or the address itself."""
    if not isinstance(ip, ipaddress.IPv6Address):
        return ip
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    # ::1 and :: lie among those that end in an IPv4 address, but are none
    if int(ip) > 1 and _lies(ip, _ENDS_IN_4):
        return ipaddress.IPv4Address(int(ip) & _LOW)
    return ip


def _carried(ip: _IP) -> list[_IP]:
    """Return the IPv4 addresses that a tunnel may make of an IPv6 address."""
    if not isinstance(ip, ipaddress.IPv6Address):
        return []
    number = int(ip)
    if ip in _6TO4:
        return [ipaddress.IPv4Address(number >> 80 & _LOW)]
    if ip in _LOCAL_NAT64:
        return [ipaddress.IPv4Address(number & _LOW)]
    teredo = ip.teredo
    return [] if teredo is None else list(teredo)
