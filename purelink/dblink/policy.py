"""What a session may connect to: rules for tools that take connection strings from strangers.

Floor 2, pure. A `ConnectPolicy` is asked at four moments: about a string as it was given
(`check_string`), about what it came to with defaults and service files (`check_settings`), about
the addresses that a name was found to have (`screen`), and about the number of links. It also says
what is laid over every string (`laid_over`). Every refusal is a `LinkError` with SQLSTATE 42501
and a HINT.

`screen` runs inside the connect conversation on the very addresses that are then opened, so that a
name cannot be looked up once more and lead elsewhere (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, Collection, Iterable, Mapping, Sequence, Union

from purelink.conninfo import integer, mask
from purelink.dblink.refusals import Refusal, file_refused
from purelink.errors import ConninfoError, InterfaceError

if TYPE_CHECKING:
    from purelink.conninfo import Settings, Target
    from purelink.wire.wants import Address

__all__ = ["FILE_KEYWORDS", "PUBLIC_ADDRESSES", "ConnectPolicy"]

#: Settings that make us read or write a local file: refused in a string that a session which is
#: not a superuser was given (docs/differences.md). A foreign server's options are the program's.
FILE_KEYWORDS = (
    "passfile",
    "sslcert",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslkeylogfile",
    "sslrootcert",
)
#: A word among `networks`: every address of the internet at large.
PUBLIC_ADDRESSES = "public"

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
_IP = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]

# IANA's special-purpose registries, kept here since Python's `is_global` differs by version.
_SPECIAL_4 = [
    ipaddress.IPv4Network(text)
    for text in """0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12
    192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24
    203.0.113.0/24 224.0.0.0/3""".split()
]
_GLOBAL_6 = ipaddress.IPv6Network("2000::/3")
_SPECIAL_6 = [
    ipaddress.IPv6Network(text) for text in "2001::/23 2001:db8::/32 2002::/16 3fff::/20".split()
]
#: ends in an IPv4 address that is what is really reached (RFC 6052)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

#: What a stranger's string may say: who, where, how safe. Nothing that names a file, a service,
#: another identity of ours, or a way around the policy.
_STRANGERS = frozenset(
    """user password dbname host hostaddr port application_name fallback_application_name
    client_encoding options connect_timeout keepalives keepalives_idle keepalives_interval
    keepalives_count tcp_user_timeout sslmode sslnegotiation sslsni channel_binding require_auth
    ssl_min_protocol_version ssl_max_protocol_version min_protocol_version max_protocol_version
    gssencmode target_session_attrs load_balance_hosts""".split()
)
_SSLMODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

_option = Refusal(
    "42501",
    'connection refused by policy: option "%s" is not allowed',
    hint="Leave the option out of the connection string.",
)
_host = Refusal(
    "42501",
    'connection refused by policy: host "%s" is not allowed',
    hint="Connect to a host that the policy names (ConnectPolicy.hosts).",
)
_port = Refusal(
    "42501",
    "connection refused by policy: port %s is not allowed",
    hint="Connect to a port that the policy names (ConnectPolicy.ports).",
)
_socket = Refusal(
    "42501",
    "connection refused by policy: unix sockets are not allowed",
    "A connection string without a host may mean the local socket.",
    "Give a host name.",
)
# The address itself is not told: a stranger could learn from it what names mean inside.
_address = Refusal(
    "42501",
    'connection refused by policy: the address of host "%s" is not allowed',
    "Its name leads to an address in a network that may not be connected to.",
    "Connect to a server in a network that the policy names (ConnectPolicy.networks).",
)
_tls = Refusal(
    "42501",
    'connection refused by policy: sslmode "%s" is too weak',
    hint="Leave sslmode out, or use sslmode=%s or better.",
)
_authentication = Refusal(
    "42501",
    'connection refused by policy: require_auth "%s" is too weak',
    hint="Leave require_auth out, or use require_auth=%s.",
)
_count = Refusal(
    "42501",
    "connection refused by policy: too many connections (at most %s)",
    hint="Disconnect one first.",
)


class ConnectPolicy:
    """What a session may connect to. Immutable; without arguments it allows everything.

    Args:
        keywords: the options that a string may hold; None: all of libpq's.
        deny_keywords: options that it may not.
        files: options that name local files may stand in a string (`FILE_KEYWORDS`); None: only
            in a superuser's session. `sslrootcert=system` names none.
        unix_sockets: the local sockets may be used, also as the default host.
        hosts: names as they may be written, or `*.example.com` for whatever ends so; None: any.
            A `hostaddr` must itself be named here then.
        deny_hosts: names, or patterns, that may not.
        ports: numbers and ranges (`range(5432, 5440)`); None: any.
        networks: where addresses must lie, after names have been looked up: `"10.1.0.0/16"`,
            `"2001:db8::/32"`, or `"public"`, the internet without loopback, private, link-local,
            multicast and the like; None: anywhere.
        deny_networks: where they must not, whatever `networks` says.
        sslmode: the least; a string that says nothing gets it, one that says less is refused.
        require_auth: the methods that a server may ask for, `"scram-sha-256,md5"`; a string that
            says nothing gets it, one that allows others is refused.
        max_connections: open at a time in a session, temporary ones included; None: any number.
        connect_timeout: seconds for making a connection, over all hosts; None: no limit.
        statement_timeout: seconds for a statement, reading its rows included; None: no limit.
        settings: options laid over every string: `{"application_name": "our form"}`.
        foreign_servers: the policy holds for a foreign server's string too. False: that one is
            the program's own, and only counts and times hold.

    Raises:
        InterfaceError: an argument that means nothing.
    """

    __slots__ = (
        "_networks",
        "_never",
        "_public",
        "connect_timeout",
        "deny_hosts",
        "deny_keywords",
        "files",
        "foreign_servers",
        "hosts",
        "keywords",
        "max_connections",
        "ports",
        "require_auth",
        "settings",
        "sslmode",
        "statement_timeout",
        "unix_sockets",
    )

    def __init__(
        self,
        *,
        keywords: Collection[str] | None = None,
        deny_keywords: Collection[str] = (),
        files: bool | None = None,
        unix_sockets: bool = True,
        hosts: Iterable[str] | None = None,
        deny_hosts: Iterable[str] = (),
        ports: Iterable[int | range] | None = None,
        networks: Iterable[str] | None = None,
        deny_networks: Iterable[str] = (),
        sslmode: str | None = None,
        require_auth: str | None = None,
        max_connections: int | None = None,
        connect_timeout: float | None = None,
        statement_timeout: float | None = None,
        settings: Mapping[str, str] | None = None,
        foreign_servers: bool = False,
    ) -> None:
        if sslmode is not None and sslmode not in _SSLMODES:
            raise InterfaceError(f"sslmode must be one of {', '.join(_SSLMODES)}, not {sslmode!r}")
        if require_auth is not None and (not require_auth or "!" in require_auth):
            raise InterfaceError("require_auth names the methods that are allowed")
        self.keywords = None if keywords is None else frozenset(keywords)
        self.deny_keywords = frozenset(deny_keywords)
        self.files = files
        self.unix_sockets = unix_sockets
        self.hosts = None if hosts is None else tuple(map(_plain, hosts))
        self.deny_hosts = tuple(map(_plain, deny_hosts))
        self.ports = None if ports is None else tuple(ports)
        wanted = None if networks is None else list(networks)
        self._public = wanted is not None and PUBLIC_ADDRESSES in wanted
        self._networks = (
            None
            if wanted is None
            else tuple(_network(each) for each in wanted if each != PUBLIC_ADDRESSES)
        )
        self._never = tuple(map(_network, deny_networks))
        self.sslmode = sslmode
        self.require_auth = require_auth
        self.max_connections = max_connections
        self.connect_timeout = connect_timeout
        self.statement_timeout = statement_timeout
        self.settings = dict(settings or {})
        self.foreign_servers = foreign_servers

    @classmethod
    def for_strangers(cls, **changes: Any) -> ConnectPolicy:
        """Return the policy for strings that strangers give; `changes` as `ConnectPolicy`'s.

        Only harmless options; no files, no service, no unix socket; public addresses alone; TLS
        and SCRAM; ten connections, 10 s to connect, 30 s a statement.
        """
        preset: dict[str, Any] = {
            "keywords": _STRANGERS,
            "files": False,
            "unix_sockets": False,
            "networks": (PUBLIC_ADDRESSES,),
            "sslmode": "require",
            "require_auth": "scram-sha-256",
            "max_connections": 10,
            "connect_timeout": 10.0,
            "statement_timeout": 30.0,
        }
        return cls(**{**preset, **changes})

    def __repr__(self) -> str:
        said = {name: getattr(self, name) for name in self.__slots__ if name[0] != "_"}
        said["settings"] = {name: mask.shown(name, text) for name, text in self.settings.items()}
        said["keywords"] = None if self.keywords is None else sorted(self.keywords)
        return f"ConnectPolicy({', '.join(f'{name}={value!r}' for name, value in said.items())})"

    # -- the four moments -------------------------------------------------------------------

    def check_string(self, given: Mapping[str, str], *, superuser: bool) -> None:
        """Refuse what may not stand in a string.

        Args:
            given: the string parsed: its own options, nothing laid under it.
            superuser: the session is one, which decides about files where the policy is silent.

        Raises:
            LinkProgrammingError: 42501.
        """
        if not (superuser if self.files is None else self.files):
            for keyword in FILE_KEYWORDS:
                value = given.get(keyword)
                if value and not (keyword == "sslrootcert" and value == "system"):
                    raise file_refused(keyword)
        for keyword in given:
            if keyword in self.deny_keywords or (
                self.keywords is not None and keyword not in self.keywords
            ):
                raise _option(keyword)
        least, said = self.sslmode, given.get("sslmode")
        if least and said and said in _SSLMODES and _SSLMODES.index(said) < _SSLMODES.index(least):
            raise _tls(said, hint=f"Leave sslmode out, or use sslmode={least} or better.")
        methods = given.get("require_auth")
        if self.require_auth is not None and methods:
            allowed = self.require_auth.split(",")
            if not set(methods.split(",")) <= set(allowed):
                raise _authentication(
                    methods,
                    hint=f"Leave require_auth out, or use require_auth={self.require_auth}.",
                )

    def laid_over(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the options to lay over a string that `check_string` let pass."""
        over: dict[str, str] = {}
        if self.sslmode is not None and given.get("sslmode") not in _SSLMODES:
            over["sslmode"] = self.sslmode
        if self.require_auth is not None and not given.get("require_auth"):
            over["require_auth"] = self.require_auth
        return {**over, **self.settings}

    def check_settings(self, settings: Settings) -> None:
        """Refuse hosts, ports and sockets, given or by default, before any is tried.

        Raises:
            LinkProgrammingError: 42501.
        """
        for target in settings.targets:
            if target.kind == "socket":
                if not self.unix_sockets:
                    raise _socket()
            else:
                self._check_host(target)
                self._check_port(target.port)

    def screen(self, target: Target, found: Sequence[Address]) -> list[Address]:
        """Return those of a target's addresses that may be connected to.

        Args:
            target: of the settings. found: what its name was looked up to.

        Raises:
            LinkProgrammingError: 42501, none may be.
        """
        allowed = [address for address in found if self.allows(address.host)]
        if not allowed:
            raise _address(target.hostaddr if target.kind == "address" else target.host)
        return allowed

    def check_count(self, others: int) -> None:
        """Refuse one connection more than are allowed. Raises: LinkProgrammingError 42501."""
        if self.max_connections is not None and others >= self.max_connections:
            raise _count(self.max_connections)

    # -- inside -----------------------------------------------------------------------------

    def allows(self, address: str) -> bool:
        """Tell whether a numeric address lies where it may. What is no address, does not."""
        if self._networks is None and not self._never:
            return True
        try:
            ip = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        reached = _reached(ip)
        # An IPv4 address in IPv6's clothes is judged as both.
        if any(_lies(each, self._never) for each in {ip, reached}):
            return False
        if self._networks is None or any(_lies(each, self._networks) for each in {ip, reached}):
            return True
        return self._public and _is_public(reached)

    def _check_host(self, target: Target) -> None:
        name = target.hostaddr if target.kind == "address" else target.host
        plain = _plain(name)
        if any(_fits(plain, pattern) for pattern in self.deny_hosts):
            raise _host(name)
        if self.hosts is not None and not any(_fits(plain, pattern) for pattern in self.hosts):
            raise _host(name)

    def _check_port(self, text: str) -> None:
        if self.ports is None:
            return
        try:
            port = integer(text, "port")
        except ConninfoError:
            return  # told when this host's turn comes: nothing is opened for it
        for allowed in self.ports:
            if port == allowed or (isinstance(allowed, range) and port in allowed):
                return
        raise _port(port)


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise InterfaceError(f"not a network: {error}") from None


def _plain(host: str) -> str:
    """Return a host name as it is compared: lower case, without the root's dot."""
    return host.lower().rstrip(".")


def _fits(host: str, pattern: str) -> bool:
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def _reached(ip: _IP) -> _IP:
    """Return the IPv4 address that an IPv6 address stands for, or the address itself."""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return ip.ipv4_mapped
        if ip in _NAT64:
            return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip


def _lies(ip: _IP, networks: Iterable[Network]) -> bool:
    return any(ip in network for network in networks)


def _is_public(ip: _IP) -> bool:
    if isinstance(ip, ipaddress.IPv4Address):
        return not _lies(ip, _SPECIAL_4)
    return ip in _GLOBAL_6 and not _lies(ip, _SPECIAL_6)
