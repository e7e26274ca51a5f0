"""Addresses in all their clothes, and the networks they may lie in."""

from __future__ import annotations

import pytest

from purelink.errors import InterfaceError
from purelink.networks import NEVER, PUBLIC, Networks

INSIDE = """
127.0.0.1 127.255.255.254 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 0.0.0.0
0.1.2.3 100.64.0.1 192.0.2.1 198.18.0.1 198.51.100.7 203.0.113.9 224.0.0.1 240.0.0.1 255.255.255.255
::1 :: fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254 ff02::1 2001:db8::1 64:ff9b:1::7f00:1
::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:a9fe:a9fe ::127.0.0.1 ::10.0.0.1
64:ff9b::127.0.0.1 64:ff9b::a9fe:a9fe 2002:7f00:1:: 2002:a9fe:a9fe::1 2001::1 2001:0:7f00:1::1
168.63.129.16 100.100.100.200 192.0.0.192
""".split()
OUTSIDE = """
1.1.1.1 8.8.8.8 100.63.255.255 100.128.0.0 172.15.0.1 172.32.0.1 192.167.255.255 223.255.255.255
2606:4700::1111 2a00:1450:4001::1 ::ffff:8.8.8.8 64:ff9b::8.8.8.8
""".split()


@pytest.mark.parametrize("address", INSIDE)
def test_inside(address: str) -> None:
    assert not Networks([PUBLIC], NEVER).allow(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_outside(address: str) -> None:
    assert Networks([PUBLIC], NEVER).allow(address)


@pytest.mark.parametrize(
    "address", ["", "localhost", "1.2.3", "0x7f.1", "127.1", "::g", "1.1.1.1 "]
)
def test_what_is_no_address(address: str) -> None:
    assert not Networks(None).allow(address)


def test_named_networks() -> None:
    mine = Networks(["10.1.0.0/16", "2001:db8::/32"], NEVER)
    assert [mine.allow(each) for each in ("10.1.2.3", "::ffff:10.1.2.3", "2001:db8::5")] == [
        True
    ] * 3
    assert not any(mine.allow(each) for each in ("10.2.0.1", "8.8.8.8", "2001:db9::1", "127.0.0.1"))
    both = Networks([PUBLIC, "10.1.0.0/16"])
    assert both.allow("10.1.2.3")
    assert both.allow("8.8.8.8")
    assert not both.allow("10.2.2.3")


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "::ffff:169.254.169.254", "2002:a9fe:a9fe::", "64:ff9b:1::a9fe:a9fe"],
)
def test_denied_whatever_is_allowed(address: str) -> None:
    assert not Networks(["0.0.0.0/0", "::/0"], NEVER).allow(address)
    assert not Networks(None, NEVER).allow(address)
    assert Networks(["0.0.0.0/0", "::/0"]).allow(address)


def test_denied_networks_carried_by_teredo() -> None:
    assert not Networks(["::/0"], ["65.54.0.0/16"]).allow("2001:0:4136:e378:8000:63bf:3fff:fdd2")
    assert Networks(["::/0"], ["10.0.0.0/8"]).allow("2001:0:4136:e378:8000:63bf:3fff:fdd2")


@pytest.mark.parametrize("wrong", ["10.0.0.1/8", "example.com", "", "10.0.0.0/33"])
def test_what_is_no_network(wrong: str) -> None:
    with pytest.raises(InterfaceError, match="not a network"):
        Networks([wrong])


def test_one_text_is_no_list() -> None:
    with pytest.raises(InterfaceError, match="a list of texts"):
        Networks("10.0.0.0/8")
