"""Whatever a string says, under a policy nothing is opened but what the policy allows."""

from __future__ import annotations

import ipaddress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from purelink import conninfo
from purelink.conninfo import Surroundings
from purelink.conversation.connect import connect
from purelink.errors import Error
from purelink.face import plan_for
from purelink.policy import STRANGERS, ConnectPolicy
from purelink.testing import strategies
from purelink.wire.wants import Address, Close, Open, Resolve

AROUND = Surroundings(
    {"PGHOST": "127.0.0.1", "PGPASSWORD": "lent", "PGSERVICE": "", "PGSSLMODE": "disable"},
    user="me",
    socket_directory="/tmp",
)
POLICY = ConnectPolicy()
ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str) | st.sampled_from(
    "127.0.0.1 ::1 10.1.2.3 169.254.169.254 ::ffff:127.0.0.1 8.8.8.8 2606:4700::1 64:ff9b::a00:1"
    " 2002:7f00:1:: 0.0.0.0 fe80::1".split()
)
OTHERS = st.sampled_from(sorted(STRANGERS - {"host", "hostaddr", "port"}))
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
HOSTS = st.one_of(ADDRESSES, st.sampled_from(["db.example.com", "localhost", "/tmp", "@x", ""]))


def opened(text: str, found: list[str]) -> list[Address]:
    """Return what a connect conversation opens where every name leads to these addresses."""
    seen: list[Address] = []
    told = ""
    try:
        plan = plan_for(text, {}, surroundings=AROUND, policy=POLICY)
        assert plan.settings.lend is False
        dialogue = connect(plan)
        want = next(dialogue)
        while True:
            if isinstance(want, Resolve):
                hosts = [want.host] if want.numeric else found
                want = dialogue.send([Address("tcp", host, want.port) for host in hosts])
            elif isinstance(want, Open):
                seen.append(want.address)
                want = dialogue.throw(ConnectionRefusedError(111, "Connection refused"))
            else:
                assert isinstance(want, Close)
                want = dialogue.send(None)
    except Error as error:
        told = str(error)
    assert "s3cr3t" not in told
    return seen


def check(seen: list[Address]) -> None:
    for address in seen:
        assert address.family == "tcp"
        assert 1024 <= address.port <= 65535
        ip: Any = ipaddress.ip_address(address.host)
        if ip in NAT64:
            ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        ip = getattr(ip, "ipv4_mapped", None) or ip
        for wrong in ("private", "loopback", "link_local", "multicast", "reserved", "unspecified"):
            assert not getattr(ip, f"is_{wrong}"), (address, wrong)


@given(strategies.key_value_strings() | strategies.uris(), st.lists(ADDRESSES, max_size=3))
def test_any_string(written: strategies.Written, found: list[str]) -> None:
    check(opened(written.text, found))


@given(
    st.lists(HOSTS, min_size=1, max_size=3),
    st.lists(ADDRESSES, max_size=3),
    st.sampled_from(["", "5432", "22", "5432,80"]),
    st.dictionaries(
        st.sampled_from(sorted(STRANGERS - {"host", "hostaddr", "port"})), st.just("1")
    ),
    st.booleans(),
)
def test_a_stranger_who_knows_his_way(
    hosts: list[str], found: list[str], port: str, more: dict[str, str], numeric: bool
) -> None:
    settings = {**more, "user": "ann", "password": "s3cr3t", "port": port}
    for keyword in ("sslmode", "sslrootcert", "require_auth", "channel_binding"):
        settings.pop(keyword, None)
    settings["hostaddr" if numeric else "host"] = ",".join(hosts)
    check(opened(conninfo.format(settings), found))
