"""`ConnectPolicy`: what may be connected to, for tools that take connection strings from strangers.

Floor 2, pure. The faces ask it about a string (`laid_over`); the connect conversation about the
settings that came of it, the addresses behind each name, how many connections there are, and what
was reached. The addresses are those that are then opened, so that a name cannot be looked up once
more and lead elsewhere (DNS rebinding). Every refusal is a `PolicyError`.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Collection, Iterable, Mapping, NoReturn, Sequence, Union
from weakref import WeakSet

from .conninfo import integer, mask, parse
from .errors import ConninfoError, Diagnostics, InterfaceError, PolicyError, server_error
from .networks import NEVER, PUBLIC, Networks

if TYPE_CHECKING:
    from .conninfo import Settings, Target
    from .wire.wants import Address

__all__ = ["FILE_KEYWORDS", "STRANGERS", "ConnectPolicy"]

#: Options that make us read or write a local file. (`sslrootcert=system` names none.)
FILE_KEYWORDS = (
    "passfile",
    "service",
    "servicefile",
    "sslcert",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslkeylogfile",
    "sslrootcert",
)
#: What a stranger's string may say: who, where, how safe. Nothing that names a file, another
#: identity of ours, or a way around the policy.
STRANGERS = frozenset(
    """user password dbname host hostaddr port application_name fallback_application_name
    client_encoding options connect_timeout keepalives keepalives_idle keepalives_interval
    keepalives_count tcp_user_timeout sslmode sslnegotiation sslsni sslrootcert channel_binding
    require_auth ssl_min_protocol_version ssl_max_protocol_version min_protocol_version
    max_protocol_version gssencmode target_session_attrs load_balance_hosts""".split()
)
_SSLMODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_TLS_VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_BINDINGS = ("disable", "prefer", "require")

Ports = Iterable[Union[int, range]]


def _refuse(rule: str, message: str, hint: str, detail: str | None = None) -> NoReturn:
    fields = {"S": "ERROR", "V": "ERROR", "C": "42501"}
    fields["M"] = f"connection refused by policy: {message}"
    if detail is not None:
        fields["D"] = detail
    fields["H"] = hint
    diagnostics = Diagnostics(fields)
    error = PolicyError(str(server_error(diagnostics)), diagnostics=diagnostics)
    error.rule = rule
    raise error


class Seat:
    """One connection's place among those that a policy allows."""

    __slots__ = ("__weakref__", "session")

    def __init__(self) -> None:
        #: the wire's session, once there is one
        self.session: Any = None

    @property
    def taken(self) -> bool:
        """The connection is being made, or open."""
        return self.session is None or not self.session.closed


class _Seats:
    """All places of one policy."""

    def __init__(self, number: int | None) -> None:
        self._number = number
        self._lock = threading.Lock()
        self._seats: WeakSet[Seat] = WeakSet()

    def take(self) -> Seat:
        seat = Seat()
        with self._lock:
            if self._number is not None:
                if sum(each.taken for each in self._seats) >= self._number:
                    _refuse(
                        "connections",
                        f"too many connections (at most {self._number})",
                        "Close one first, or try again later.",
                    )
                self._seats.add(seat)
        return seat

    def leave(self, seat: Seat) -> None:
        with self._lock:
            self._seats.discard(seat)


class ConnectPolicy:
    """What may be connected to. Without arguments it is fit for strings that strangers give.

    Args:
        keywords: the options that a string may hold; None: all of libpq's. What the program says by
            keyword arguments, or in a foreign server, is its own affair.
        required: the options that a string must hold; `hostaddr` stands for "host".
        files: options that name local files may stand in a string (`FILE_KEYWORDS`).
        lend: True: the process's own credentials (PGPASSWORD, passfiles, certificates …) may serve.
            False: the string must bring a password, and the server must really ask for it.
        unix_sockets: the local sockets may be used: all, or those in these directories. An abstract
            one is named as it is written, "@…".
        hosts: names, or `"*.example.com"` for whatever ends so; None: any. An address in place of a
            name, and a `hostaddr`, must be named here too then.
        deny_hosts: names, or patterns, that may not.
        ports: numbers and ranges; None: any.
        networks: where addresses must lie, after names were looked up: `"10.1.0.0/16"`,
            `"2001:db8::/32"`, or "public", the internet without loopback, private, link-local,
            multicast and the like; None: anywhere.
        deny_networks: where they must not, whatever `networks` says.
        sslmode, tls_version, channel_binding: the least; a string that says nothing gets it, one
            that says less is refused. None: anything goes. A unix socket has no TLS.
        require_auth: the methods that a server may ask for, "scram-sha-256,md5"; a string that says
            nothing gets them, one that allows others is refused. None: any.
        max_iterations: of SCRAM, that a server may make us count.
        max_hosts: in a string. max_connections: open, or being made, at a time under this policy,
            by whomever; None: any number.
        connect_timeout: seconds for making a connection, over all hosts; None: no limit.
        statement_timeout: seconds for a call on the connection that names no time itself; None: no
            limit.
        settings: options laid over every string: `{"application_name": "our form"}`.
        foreign_servers: the policy holds for a foreign server's options too. False: they are the
            program's own, and only numbers and times hold.

    Raises:
        InterfaceError: an argument that means nothing.

    A policy may be used by any number of connections, sessions and threads at once.
    """

    def __init__(
        self,
        *,
        keywords: Collection[str] | None = STRANGERS,
        required: Collection[str] = ("host", "user"),
        files: bool = False,
        lend: bool = False,
        unix_sockets: bool | Iterable[str] = False,
        hosts: Iterable[str] | None = None,
        deny_hosts: Iterable[str] = (),
        ports: Ports | None = (range(1024, 65536),),
        networks: Iterable[str] | None = (PUBLIC,),
        deny_networks: Iterable[str] = NEVER,
        sslmode: str | None = "require",
        tls_version: str | None = "TLSv1.2",
        channel_binding: str | None = None,
        require_auth: str | None = "scram-sha-256",
        max_iterations: int = 1_000_000,
        max_hosts: int | None = 5,
        max_connections: int | None = 20,
        connect_timeout: float | None = 10.0,
        statement_timeout: float | None = 30.0,
        settings: Mapping[str, str] | None = None,
        foreign_servers: bool = False,
    ) -> None:
        for name, value, known in (
            ("sslmode", sslmode, _SSLMODES),
            ("tls_version", tls_version, _TLS_VERSIONS),
            ("channel_binding", channel_binding, _BINDINGS),
        ):
            if value is not None and value not in known:
                raise InterfaceError(f"{name} must be one of {', '.join(known)}, not {value!r}")
        if require_auth is not None and (not require_auth or "!" in require_auth):
            raise InterfaceError("require_auth names the methods that are allowed")
        self.keywords = None if keywords is None else frozenset(_several(keywords, "keywords"))
        self.required = tuple(_several(required, "required"))
        self.files = files
        self.lend = lend
        self.unix_sockets: bool | tuple[str, ...] = (
            unix_sockets if isinstance(unix_sockets, bool) else tuple(unix_sockets)
        )
        self.hosts = None if hosts is None else tuple(map(_plain, _several(hosts, "hosts")))
        self.deny_hosts = tuple(map(_plain, _several(deny_hosts, "deny_hosts")))
        self.ports = None if ports is None else tuple(ports)
        self._networks = Networks(networks, deny_networks)
        self.sslmode = sslmode
        self.tls_version = tls_version
        self.channel_binding = channel_binding
        self.require_auth = require_auth
        self.max_iterations = max_iterations
        self.max_hosts = max_hosts
        self.max_connections = max_connections
        self.connect_timeout = connect_timeout
        self.statement_timeout = statement_timeout
        self.settings = dict(settings or {})
        self.foreign_servers = foreign_servers
        self._seats = _Seats(max_connections)
        self._counting_only = False

    def __repr__(self) -> str:
        said = {name: value for name, value in vars(self).items() if name[0] != "_"}
        said["settings"] = {name: mask.shown(name, text) for name, text in self.settings.items()}
        said["keywords"] = None if self.keywords is None else sorted(self.keywords)
        return f"ConnectPolicy({', '.join(f'{name}={value!r}' for name, value in said.items())})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a ConnectPolicy cannot be pickled: it counts connections")

    def for_own_strings(self) -> ConnectPolicy:
        """Return what holds for the program's own strings: the same numbers and times, no more."""
        if self.foreign_servers:
            return self
        own = ConnectPolicy.__new__(ConnectPolicy)
        own.__dict__.update(vars(self))
        own._counting_only = True  # noqa: SLF001 - our own class
        return own

    # -- before: the string -------------------------------------------------------------------

    def laid_over(self, conninfo: str, keywords: Mapping[str, Any]) -> dict[str, Any]:
        """Refuse what may not stand in a string; return the keywords to lay over it.

        Args:
            conninfo: the string, a stranger's. keywords: the program's own.

        Raises:
            PolicyError: an option that is not allowed, or is not there. ConninfoError: no string.
        """
        over = dict(keywords)
        if self._counting_only:
            return over
        given = parse(conninfo)
        for keyword, value in given.items():
            named = keyword in FILE_KEYWORDS and value
            if named and not self.files and (keyword, value) != ("sslrootcert", "system"):
                _refuse(
                    "file",
                    f'option "{keyword}" names a local file',
                    "Leave the option out of the connection string.",
                )
            if self.keywords is not None and keyword not in self.keywords:
                _refuse(
                    "keyword",
                    f'option "{keyword}" is not allowed',
                    "Leave the option out of the connection string.",
                )
        here = {name for name, value in {**given, **keywords}.items() if value}
        for keyword in self.required:
            if keyword not in here and not (keyword == "host" and "hostaddr" in here):
                _refuse(
                    "required",
                    f'the connection string must have the option "{keyword}"',
                    f"Add {keyword}=… to the connection string.",
                )
        least = {
            "sslmode": self.sslmode,
            "ssl_min_protocol_version": self.tls_version,
            "channel_binding": self.channel_binding,
            "require_auth": self.require_auth,
        }
        # the system's authorities are good for nothing less
        if "system" in (given.get("sslrootcert"), {**keywords, **self.settings}.get("sslrootcert")):
            least["sslmode"] = _SSLMODES[-1]
        silent = {name: value for name, value in least.items() if value and name not in here}
        return {**over, **silent, **self.settings}

    # -- while connecting: the conversation asks ------------------------------------------------

    def seat(self) -> Seat:
        """Take a place for one more connection. Raises: PolicyError, there is none."""
        return self._seats.take()

    def leave(self, seat: Seat) -> None:
        """Give the place of a connection back that was not made."""
        self._seats.leave(seat)

    def check_settings(self, settings: Settings, *, credentials: bool) -> None:
        """Refuse hosts, ports, sockets and weak settings, given or by default, before any is tried.

        Args:
            credentials: the program brings some of its own: a password's provider, a token.

        Raises:
            PolicyError.
        """
        if self._counting_only:
            return
        self._check_strength(settings)
        brought = credentials or settings["password"] or settings["scram_client_key"]
        if not (self.lend or brought):
            _refuse(
                "credentials",
                "the connection string must bring a password",
                "Add password=… to the connection string.",
            )
        targets = settings.targets
        if self.max_hosts is not None and len(targets) > self.max_hosts:
            _refuse(
                "hosts",
                f"too many hosts (at most {self.max_hosts})",
                "Name fewer hosts in the string.",
            )
        for target in targets:
            if target.kind == "socket":
                self._check_socket(target.socket_directory)
            else:
                self._check_host(target.hostaddr if target.kind == "address" else target.host)
            self._check_port(target.port, socket=target.kind == "socket")

    def screen(self, target: Target, found: Sequence[Address]) -> list[Address]:
        """Return those of a target's addresses that may be connected to.

        Args:
            target: of the settings. found: what its name was looked up to.

        Raises:
            PolicyError: none may be. It does not tell the address: a stranger could learn from it
                what names mean inside.
        """
        if self._counting_only:
            return list(found)
        allowed = [
            each for each in found if each.family != "tcp" or self._networks.allow(each.host)
        ]
        if not allowed:
            name = target.hostaddr if target.kind == "address" else target.host
            _refuse(
                "address",
                f'the address of host "{name}" is not allowed',
                "Connect to a server in a network that is allowed.",
                "It lies in a network that may not be connected to.",
            )
        return allowed

    def check_reached(self, *, family: str, encrypted: bool, method: str | None) -> None:
        """Refuse a connection that was made otherwise than it should have been.

        Args:
            family: of its address. encrypted: TLS is up.
            method: by which the server authenticated us, in require_auth's words.

        Raises:
            PolicyError.
        """
        if self._counting_only:
            return
        wanted = self.sslmode is not None and _SSLMODES.index(self.sslmode) >= 3
        if wanted and family == "tcp" and not encrypted:
            _refuse("tls", "the connection has no TLS", "Connect to a server that offers TLS.")
        if not self.lend and method in (None, "none"):
            _refuse(
                "credentials",
                "the server did not ask for the password",
                "Change the server's authentication method, so that it asks for a password.",
            )

    # -- inside -------------------------------------------------------------------------------

    def _check_strength(self, settings: Settings) -> None:
        for rule, keyword, least, known in (
            ("tls", "sslmode", self.sslmode, _SSLMODES),
            ("tls", "ssl_min_protocol_version", self.tls_version, _TLS_VERSIONS),
            ("authentication", "channel_binding", self.channel_binding, _BINDINGS),
        ):
            said = settings[keyword]
            # what is not known here the conninfo floor has let through: it is no stronger
            rank = known.index(said) if said in known else -1
            if least is not None and rank < known.index(least):
                _refuse(
                    rule,
                    f'{keyword} "{said or ""}" is too weak',
                    f"Leave {keyword} out, or say {keyword}={least} or better.",
                )
        if self.require_auth is not None:
            said = settings["require_auth"] or ""
            if not said or not set(said.split(",")) <= set(self.require_auth.split(",")):
                _refuse(
                    "authentication",
                    f'require_auth "{said}" is too weak',
                    f"Leave require_auth out, or say require_auth={self.require_auth}.",
                )

    def _check_socket(self, directory: str) -> None:
        if self.unix_sockets is True or (self.unix_sockets and directory in self.unix_sockets):
            return
        _refuse(
            "socket",
            "unix sockets are not allowed" if not self.unix_sockets else "not that unix socket",
            "Give the name of a host.",
        )

    def _check_host(self, name: str) -> None:
        plain = _plain(name)
        denied = any(_fits(plain, pattern) for pattern in self.deny_hosts)
        if denied or not (
            self.hosts is None or any(_fits(plain, pattern) for pattern in self.hosts)
        ):
            _refuse("host", f'host "{name}" is not allowed', "Connect to a host that is allowed.")

    def _check_port(self, text: str, *, socket: bool) -> None:
        if self.ports is None or socket:
            return
        try:
            port = integer(text, "port")
        except ConninfoError:
            return  # told when this host's turn comes: nothing is opened for it
        for allowed in self.ports:
            if port == allowed or (isinstance(allowed, range) and port in allowed):
                return
        _refuse("port", f"port {port} is not allowed", "Connect to a port that is allowed.")


def _several(given: Iterable[str], what: str) -> list[str]:
    if isinstance(given, str):
        raise InterfaceError(f"{what} are a list of texts, not the text {given!r}")
    return list(given)


def _plain(host: str) -> str:
    """Return a host's name as it is compared: lower case, without the root's dot."""
    return host.lower().rstrip(".")


def _fits(host: str, pattern: str) -> bool:
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern
