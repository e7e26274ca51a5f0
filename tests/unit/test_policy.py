"""`ConnectPolicy`: what it refuses, in which words, and that the conversation opens nothing else.

The conversation is driven by hand: what it wants to be looked up and opened is all it could reach.
"""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from purelink.conninfo import Surroundings
from purelink.conninfo.keywords import names
from purelink.conversation.connect import connect
from purelink.errors import ConnectError, ConninfoError, Error, InterfaceError, PolicyError
from purelink.face import plan_for
from purelink.policy import FILE_KEYWORDS, STRANGERS, ConnectPolicy
from purelink.wire.wants import Address, Close, Deliver, Exchange, Open, Opened, Resolve

#: of libpq 18: servicefile is 19's
KNOWN = names(18)
GOOD = "host=db.example.com user=ann password=secret"
PUBLIC_ADDRESS = "93.184.216.34"
AROUND = Surroundings({}, user="me", socket_directory="/tmp")


class Walk:
    """A connect conversation on a made-up network, where nobody answers."""

    def __init__(
        self,
        conninfo: str,
        policy: ConnectPolicy,
        found: dict[str, list[str]] | None = None,
        around: Surroundings = AROUND,
        **keywords: Any,
    ) -> None:
        self.looked_up: list[str] = []
        self.opened: list[str] = []
        self.error: Error | None = None
        try:
            plan = plan_for(conninfo, keywords, surroundings=around, policy=policy)
            self._walk(connect(plan), found or {})
        except Error as error:
            self.error = error

    def _walk(self, dialogue: Any, found: dict[str, list[str]]) -> None:
        want = next(dialogue)
        while True:
            if isinstance(want, Resolve):
                self.looked_up.append(want.host)
                own = want.numeric or want.host[-1].isdigit() or ":" in want.host
                hosts = [want.host] if own else found.get(want.host, [PUBLIC_ADDRESS])
                want = dialogue.send([Address("tcp", host, want.port) for host in hosts])
            elif isinstance(want, Open):
                self.opened.append(want.address.host)
                want = dialogue.throw(ConnectionRefusedError(111, "Connection refused"))
            else:
                assert isinstance(want, Close)
                want = dialogue.send(None)

    @property
    def rule(self) -> str:
        assert isinstance(self.error, PolicyError), self.error
        assert self.error.sqlstate == "42501"
        assert self.error.message.startswith("connection refused by policy: ")
        assert self.error.hint
        assert "secret" not in str(self.error)
        assert not self.error.safe_to_retry
        return self.error.rule


def test_a_good_string_is_tried() -> None:
    walk = Walk(GOOD, ConnectPolicy())
    assert walk.opened == [PUBLIC_ADDRESS]
    assert isinstance(walk.error, ConnectError)


@pytest.mark.parametrize(
    ("rule", "string"),
    [
        *(
            ("file", f"{GOOD} {keyword}=/etc/passwd")
            for keyword in FILE_KEYWORDS
            if keyword != "servicefile"
        ),
        ("keyword", f"{GOOD} replication=database"),
        ("keyword", f"{GOOD} scram_client_key=x"),
        ("keyword", f"{GOOD} oauth_issuer=https://example.com"),
        ("keyword", f"{GOOD} requirepeer=root"),
        ("keyword", "postgresql://ann:secret@db.example.com/?krbsrvname=x"),
        ("required", "user=ann password=secret"),
        ("required", "host='' user=ann password=secret"),
        ("required", "host=db.example.com password=secret"),
        ("credentials", "host=db.example.com user=ann"),
        ("credentials", "host=db.example.com user=ann password=''"),
        ("socket", "host=/tmp user=ann password=secret"),
        ("socket", "host=@abstract user=ann password=secret"),
        ("socket", "host=db.example.com,/tmp user=ann password=secret"),
        ("socket", "host=db.example.com, user=ann password=secret"),
        ("socket", "postgresql://ann:secret@%2Ftmp/db"),
        ("port", f"{GOOD} port=22"),
        ("port", "host=a,b port=5432,80 user=ann password=secret"),
        ("tls", f"{GOOD} sslmode=prefer"),
        ("tls", f"{GOOD} sslmode=disable"),
        ("tls", f"{GOOD} ssl_min_protocol_version=TLSv1"),
        ("authentication", f"{GOOD} require_auth=scram-sha-256,md5"),
        ("authentication", f"{GOOD} require_auth=!none"),
        ("authentication", f"{GOOD} require_auth=none"),
        ("hosts", "host=a,b,c,d,e,f user=ann password=secret"),
    ],
)
def test_refused_before_anything_is_looked_up(rule: str, string: str) -> None:
    walk = Walk(string, ConnectPolicy())
    assert walk.rule == rule
    assert (walk.looked_up, walk.opened) == ([], [])


def test_a_string_that_is_none_is_libpqs_error() -> None:
    walk = Walk("host", ConnectPolicy())
    assert isinstance(walk.error, ConninfoError)


@pytest.mark.parametrize(
    "inside",
    ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "0.0.0.0", "fe80::1"],
)
def test_a_name_that_leads_inside(inside: str) -> None:
    walk = Walk(GOOD, ConnectPolicy(), {"db.example.com": [inside]})
    assert walk.rule == "address"
    assert walk.opened == []
    assert walk.looked_up == ["db.example.com"]
    assert inside not in str(walk.error)
    # also as the address itself, by either keyword
    for string in (
        f"host={inside}",
        f"hostaddr={inside}",
        f"host=good.example.com hostaddr={inside}",
    ):
        walk = Walk(f"{string} user=ann password=secret", ConnectPolicy())
        assert walk.rule == "address"
        assert walk.opened == []


def test_what_is_opened_is_what_was_looked_up() -> None:
    """One look-up; those of its addresses that are allowed are tried, the others never."""
    found = {"db.example.com": ["127.0.0.1", PUBLIC_ADDRESS, "::ffff:10.0.0.1", "2606:4700::1"]}
    walk = Walk(GOOD, ConnectPolicy(), found)
    assert walk.looked_up == ["db.example.com"]
    assert walk.opened == [PUBLIC_ADDRESS, "2606:4700::1"]
    assert isinstance(walk.error, ConnectError)


def test_a_second_host_is_no_way_around() -> None:
    found = {"evil.example.com": ["127.0.0.1"]}
    string = "host=db.example.com,evil.example.com user=ann password=secret"
    walk = Walk(string, ConnectPolicy(), found)
    assert walk.rule == "address"
    assert walk.opened == [PUBLIC_ADDRESS]


def test_hosts_by_name() -> None:
    policy = ConnectPolicy(hosts=["*.example.com", "db.other.org"], deny_hosts=["bad.example.com"])
    for good in ("db.example.com", "DB.Example.COM.", "a.b.example.com", "db.other.org"):
        assert Walk(f"host={good} user=ann password=secret", policy).opened == [PUBLIC_ADDRESS]
    for bad in (
        "example.com",
        "example.com.evil.org",
        "evilexample.com",
        "bad.example.com",
        "x.org",
    ):
        assert Walk(f"host={bad} user=ann password=secret", policy).rule == "host"
    # a hostaddr would lead elsewhere than the name
    walk = Walk(f"{GOOD} hostaddr={PUBLIC_ADDRESS}", policy)
    assert walk.rule == "host"
    assert Walk(f"{GOOD} hostaddr={PUBLIC_ADDRESS}", ConnectPolicy(hosts=[PUBLIC_ADDRESS])).opened


def test_the_process_is_no_way_around() -> None:
    """What the environment says of host, port and TLS is judged, or overruled, too."""
    lent = {
        "PGHOST": "internal",
        "PGPORT": "22",
        "PGSSLMODE": "disable",
        "PGREQUIREAUTH": "none",
        "PGPASSWORD": "lent",
        "PGUSER": "lent",
    }
    around = Surroundings(lent, user="me", socket_directory="/tmp")
    assert Walk(GOOD, ConnectPolicy(), around=around).rule == "port"
    assert Walk(f"{GOOD} port=5432", ConnectPolicy(), around=around).opened == [PUBLIC_ADDRESS]
    loose = ConnectPolicy(required=(), ports=None)
    assert Walk("user=ann", loose, around=around).rule == "credentials"
    walk = Walk("password=x", loose, {"internal": ["10.0.0.1"]}, around=around)
    assert walk.rule == "address"


def test_loosened() -> None:
    anything = ConnectPolicy(
        keywords=None,
        required=(),
        files=True,
        lend=True,
        unix_sockets=True,
        ports=None,
        networks=None,
        deny_networks=(),
        sslmode=None,
        tls_version=None,
        require_auth=None,
        max_hosts=None,
        max_connections=None,
        connect_timeout=None,
        statement_timeout=None,
    )
    assert Walk("", anything).opened == ["/tmp/.s.PGSQL.5432"]
    assert Walk("host=127.0.0.1 port=1 sslmode=disable", anything).opened == ["127.0.0.1"]
    assert Walk("host=@sock", anything).opened == ["@sock/.s.PGSQL.5432"]


def test_some_sockets() -> None:
    policy = ConnectPolicy(unix_sockets=["/run/ours"], required=())
    assert Walk("host=/run/ours user=ann password=x", policy).opened == ["/run/ours/.s.PGSQL.5432"]
    for other in ("/run/ours/../theirs", "/run/ours/", "@/run/ours", "/run"):
        assert Walk(f"host={other} user=ann password=x", policy).rule == "socket"


def test_the_programs_own_keywords_are_its_own() -> None:
    policy = ConnectPolicy()
    walk = Walk("user=ann host=db.example.com", policy, password="x", replication="database")
    assert walk.opened == [PUBLIC_ADDRESS]
    assert Walk("", policy, host="127.0.0.1", user="ann", password="x").rule == "address"
    # and their dbname is a name, not one more string
    walk = Walk("", policy, dbname="host=/tmp sslcert=/etc/passwd", host="db", user="a")
    assert walk.rule == "credentials"


def test_what_is_laid_over() -> None:
    policy = ConnectPolicy(settings={"application_name": "our form", "sslrootcert": "system"})
    over = policy.laid_over("host=db user=ann", {})
    assert over == {
        "sslmode": "verify-full",
        "ssl_min_protocol_version": "TLSv1.2",
        "require_auth": "scram-sha-256",
        "application_name": "our form",
        "sslrootcert": "system",
    }
    over = ConnectPolicy().laid_over("host=db user=ann sslmode=verify-ca require_auth=md5", {})
    assert over == {"ssl_min_protocol_version": "TLSv1.2"}
    assert ConnectPolicy().laid_over(f"{GOOD} sslrootcert=system", {})["sslmode"] == "verify-full"


def test_what_was_reached_is_looked_at() -> None:
    policy = ConnectPolicy()
    policy.check_reached(family="tcp", encrypted=True, method="scram-sha-256")
    policy.check_reached(family="unix", encrypted=False, method="scram-sha-256")
    for reached, rule in (
        ({"family": "tcp", "encrypted": False, "method": "scram-sha-256"}, "tls"),
        ({"family": "tcp", "encrypted": True, "method": "none"}, "credentials"),
        ({"family": "tcp", "encrypted": True, "method": None}, "credentials"),
    ):
        with pytest.raises(PolicyError) as refused:
            policy.check_reached(**reached)  # type: ignore[arg-type]  # a test's table
        assert refused.value.rule == rule


def test_a_server_that_trusts_is_left() -> None:
    """It lets a stranger in without asking: the connection is ended, politely."""
    policy = ConnectPolicy(sslmode=None, require_auth=None, networks=None, max_connections=1)
    dialogue = connect(plan_for(GOOD, {}, surroundings=AROUND, policy=policy))
    want = next(dialogue)
    assert isinstance(want, Resolve)
    want = dialogue.send([Address("tcp", PUBLIC_ADDRESS, 5432)])
    assert isinstance(want, Open)
    want = dialogue.send(Opened(None, None))
    assert isinstance(want, Exchange)  # TLS?
    want = dialogue.send(b"N")
    assert isinstance(want, Exchange)
    ready = b"R\0\0\0\x08\0\0\0\0" + b"Z\0\0\0\x05I"
    want = dialogue.send(ready)
    assert isinstance(want, Deliver)
    assert want.data == b"X\0\0\0\x04"
    want = dialogue.send(False)
    assert isinstance(want, Close)
    with pytest.raises(PolicyError) as refused:
        dialogue.send(None)
    assert refused.value.rule == "credentials"
    policy.seat()  # it is free again


def test_seats() -> None:
    class Wire:
        closed = False

    policy = ConnectPolicy(max_connections=2)
    first, second = policy.seat(), policy.seat()
    with pytest.raises(PolicyError, match="too many connections") as refused:
        policy.seat()
    assert refused.value.rule == "connections"
    policy.leave(second)
    third = policy.seat()
    first.session = Wire()
    with pytest.raises(PolicyError):
        policy.seat()
    first.session.closed = True
    fourth = policy.seat()
    # the program's own foreign servers count with the others
    with pytest.raises(PolicyError):
        policy.for_own_strings().seat()
    del third
    policy.for_own_strings().seat()
    assert fourth.taken


def test_a_failed_attempt_leaves_its_seat() -> None:
    policy = ConnectPolicy(max_connections=1)
    for _ in range(3):
        assert isinstance(Walk(GOOD, policy).error, ConnectError)


def test_own_strings_are_only_counted() -> None:
    own = ConnectPolicy().for_own_strings()
    walk = Walk("host=127.0.0.1 port=1 sslmode=disable sslcert=/x", own)
    assert walk.opened == ["127.0.0.1"]
    whole = ConnectPolicy(foreign_servers=True)
    assert whole.for_own_strings() is whole


@pytest.mark.parametrize(
    "wrong",
    [
        {"sslmode": "best"},
        {"tls_version": "1.2"},
        {"channel_binding": "yes"},
        {"require_auth": ""},
        {"require_auth": "!none"},
        {"hosts": "db.example.com"},
        {"keywords": "host"},
        {"required": "host"},
        {"deny_hosts": "x"},
        {"networks": ["nowhere"]},
        {"networks": "public"},
    ],
)
def test_arguments_that_mean_nothing(wrong: dict[str, Any]) -> None:
    with pytest.raises(InterfaceError):
        ConnectPolicy(**wrong)


def test_what_it_shows() -> None:
    policy = ConnectPolicy(settings={"password": "hidden", "dbname": "d"})
    assert "hidden" not in repr(policy)
    assert "'dbname': 'd'" in repr(policy)
    assert frozenset(FILE_KEYWORDS) & STRANGERS == {"sslrootcert"}
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(policy)
    with pytest.raises(TypeError, match="cannot be pickled"):
        copy.copy(policy)


def test_a_policy_error_travels() -> None:
    error = Walk(f"{GOOD} port=22", ConnectPolicy()).error
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, PolicyError)
    assert (again.rule, str(again)) == ("port", str(error))


def test_channel_binding() -> None:
    policy = ConnectPolicy(channel_binding="require")
    assert Walk(f"{GOOD} channel_binding=prefer", policy).rule == "authentication"
    assert Walk(GOOD, policy).opened == [PUBLIC_ADDRESS]
