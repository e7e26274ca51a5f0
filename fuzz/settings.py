"""Random combinations of string, environment, service files and passfiles for one connection.

Used by `fuzz.resolve_differential`. Hosts are socket directories where nobody listens and
loopback addresses with port 1, so that no run waits for a network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Optional

from purelink.conninfo.keywords import table

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

__all__ = ["Case", "Cases"]


class Case(NamedTuple):
    """environment; a string, or pairs instead (None: the other one)."""

    environment: dict[str, str]
    conninfo: Optional[str]
    pairs: Optional[list[tuple[str, str]]]


HOSTS = ["/n", "/m", "/m,/n", "", ",", "@abs", "/n,,/m", "/n,/m,/o", "/n ", "/é"]
ADDRESSES = ["127.0.0.1", "127.0.0.1,127.0.0.2", ",127.0.0.1", ""]
PORTS = ["1", "1", "", "1,1", "1,", "2,1", "x", " 1 ", "+1", "0", "65536", "1,2,3", "05432", "0x1"]
USERS = ["u", "", "u:v", "*", "back\\slash", "é", "\udcff", "other", "a b"]
NAMES = ["db", "", "*", "d:b", "host=/q", "postgres://%2Fq/r", "service=a", "é", "a b"]
SWITCHES = ["0", "1", "", "x", "10", "true"]
NUMBERS = ["0", "1", "-1", "", " 5 ", "x", "99999999999"]
VALUES = {
    "host": HOSTS,
    "hostaddr": ADDRESSES,
    "port": PORTS,
    "user": USERS,
    "dbname": NAMES,
    "password": ["pw", "", "p w", "it's", "é"],
    "service": ["a", "b", "", "none", "a]b"],
    "channel_binding": ["disable", "prefer", "require", "", "x"],
    "sslmode": ["disable", "allow", "prefer", "require", "verify-ca", "verify-full", "", "Allow"],
    "sslnegotiation": ["postgres", "direct", "", "x"],
    "sslcertmode": ["disable", "allow", "require", "", "prefer"],
    "sslrootcert": ["system", "/r.crt", "", "SYSTEM"],
    "gssencmode": ["disable", "prefer", "require", "", "x"],
    "target_session_attrs": ["any", "read-write", "primary", "prefer-standby", "", "x"],
    "load_balance_hosts": ["disable", "random", "", "x"],
    "min_protocol_version": ["3.0", "3.2", "latest", "", "3.1", "3.9999"],
    "max_protocol_version": ["3.0", "3.2", "latest", "", "3.1", "3.9999"],
    "ssl_min_protocol_version": ["TLSv1", "TLSv1.1", "tlsv1.2", "TLSV1.3", "", "x"],
    "ssl_max_protocol_version": ["TLSv1", "TLSv1.1", "tlsv1.2", "TLSV1.3", "", "x"],
    "client_encoding": ["auto", "UTF8", "", "x", "AUTO"],
    "require_auth": [
        *("md5", "!md5", "md5,none", "!md5,!none", "", "x", "!", "md5,md5", "!md5,none"),
        *("md5,!none", "password,scram-sha-256,gss,sspi,oauth", "md5,", "! md5", "!x,md5"),
    ],
}
KEYS = ["", "AAAA", "eHh4" * 10 + "eHg=", "eHh4" * 10 + "eHg", "x", "AA=A", "A" * 43 + "=", "é"]
PASSWORDS = ["p1", "p2", "a\\:b", "a:b", "end\\", "", " sp ", "é", "\udcff"]
VALID = {
    "sslmode": ["disable", "prefer", "require", "verify-full"],
    "port": ["1", "1,1", "", " 1 "],
    "load_balance_hosts": ["random"],
}
# files: PGSERVICEFILE, the user's and the system's
SERVICES = ["extra/service.conf", "home/.pg_service.conf", "sys/pg_service.conf"]


class Cases:
    """Makes cases below one folder.

    Args:
        random: where chance comes from.
        root: a folder of our own; its files are made anew for each case.
        socket_directory: libpq's compiled default.
        gss: leave gssencmode=require out.
    """

    def __init__(
        self, random: Random, root: Path, socket_directory: str, *, gss: bool = False
    ) -> None:
        self._random = random
        self._root = root
        self._directory = socket_directory
        self._values = dict(VALUES)
        if gss:
            self._values["gssencmode"] = ["disable", "prefer", "", "x"]
        self._keywords = [keyword.name for keyword in table()]
        self._variables = [keyword for keyword in table() if keyword.variable]
        self._passfiles = ["", *(str(root / name) for name in ("home/.pgpass", "p", "extra"))]
        self._passfiles += [str(root / "none"), "/dev/null", "~/.pgpass"]
        for folder in ("home", "sys", "extra"):
            (root / folder).mkdir()

    def lay_out(self) -> Case:
        """Write this case's files and return the rest of it."""
        random = self._random
        self._tidy = random.random() < 0.6  # most cases should get past the first check
        environment = self._environment()
        for name in SERVICES:
            self._write(name, self._service_file() if random.random() < 0.6 else None)
        for name in ("home/.pgpass", "p"):
            self._write(name, self._passfile() if random.random() < 0.7 else None)
            if (self._root / name).exists():
                mode = random.choice((0o600, 0o600, 0o600, 0o400, 0o700, 0o640, 0o601, 0o604))
                (self._root / name).chmod(mode)
        settings = self._settings(random.choice((0, 1, 2, 3, 5)))
        if random.random() < 0.6:
            settings.append(("host", random.choice(("/n", "/m,/n", self._directory, "/n,/m"))))
        if random.random() < 0.1:
            settings.append(("hostaddr", "127.0.0.1"))
        if random.random() < 0.3:
            settings.append(("service", random.choice(("a", "a", "b", "none"))))
        if random.random() < 0.4:
            return Case(environment, None, self._pairs(settings))
        return Case(environment, self._string(settings), None)

    def _write(self, name: str, content: Optional[str]) -> None:
        path = self._root / name
        if path.is_dir():
            path.rmdir()
        elif path.exists():
            path.unlink()
        if content is None:
            return
        if self._random.random() < 0.02:
            path.mkdir()
            return
        path.write_bytes(content.encode("utf-8", "surrogateescape"))

    def _value(self, keyword: str) -> str:
        random = self._random
        if keyword == "passfile":
            return random.choice(self._passfiles)
        if keyword == "host" and random.random() < 0.2:
            return self._directory + random.choice(("", "/", ",/n"))
        if self._tidy and keyword in VALID:
            return random.choice(VALID[keyword])
        if keyword in self._values:
            values = self._values[keyword]
            # the last ones are wrong: rare enough to meet every check behind them
            return random.choice(values[:3] if self._tidy else values)
        if keyword.startswith("scram_"):
            return KEYS[2] if self._tidy else random.choice(KEYS)
        if keyword.startswith(("keep", "tcp", "connect_")):
            return random.choice(NUMBERS[:3])
        return random.choice(SWITCHES)

    def _settings(self, count: int) -> list[tuple[str, str]]:
        chosen = [self._random.choice(self._keywords) for _ in range(count)]
        return [(keyword, self._value(keyword)) for keyword in chosen]

    def _environment(self) -> dict[str, str]:
        random = self._random
        root = self._root
        environment = {"LC_ALL": "C", "PGSYSCONFDIR": str(root / "sys"), "HOME": str(root / "home")}
        if random.random() < 0.05:
            environment["HOME"] = random.choice(("", str(root / "none")))
        for keyword in random.sample(self._variables, random.choice((0, 0, 1, 2, 4))):
            if keyword.name != "service" or random.random() < 0.3:
                environment[keyword.variable] = self._value(keyword.name)
        if random.random() < 0.15:
            paths = [str(root / name) for name in (SERVICES[0], "none", "extra")]
            environment["PGSERVICEFILE"] = random.choice((*paths, ""))
        if random.random() < 0.1:
            environment["PGREQUIRESSL"] = random.choice(("1", "0", "", "10"))
        return environment

    def _service_file(self) -> str:
        random = self._random
        lines = []
        for _ in range(random.choice((1, 2, 3))):
            lines.append(random.choice(("[a]", "[a]", "[b]", "[]", " [a] x", "[a]b]", "[a")))
            for keyword, value in self._settings(random.choice((0, 1, 2, 4))):
                if keyword == "service" and random.random() < 0.8:
                    continue
                lines.append(f"{keyword}={value}")
                if random.random() < 0.05:
                    lines.append(random.choice(("# c", "", "nosuch=1", "host", "\thost=/s ", "=x")))
        if random.random() < 0.03:
            length = random.choice((1020, 1021, 1022))
            lines.insert(random.randint(0, len(lines)), "#" + "x" * length)
        return random.choice(("\n", "\n", "\r\n")).join(lines) + random.choice(("\n", ""))

    def _passfile(self) -> str:
        random = self._random
        lines = []
        for _ in range(random.choice((1, 2, 4))):
            host = random.choice(("*", "*", "/n", "/m", "localhost", self._directory, "127.0.0.1"))
            port = random.choice(("*", "*", "*", "5432", "1", " 1 ", "05432"))
            dbname = random.choice(("*", "*", "db", "\\*", "d\\:b", "d:b", "root", "u", "é"))
            user = random.choice(("*", "*", "u", "u\\:v", "u:v", "\\u", "root", "back\\\\slash"))
            password = random.choice(PASSWORDS)
            lines.append(f"{host}:{port}:{dbname}:{user}:{password}")
            if random.random() < 0.1:
                lines.append(random.choice(("", "#*:*:*:*:c", " *:*:*:*:c", "*:*:*:*", "\0x")))
        return random.choice(("\n", "\n", "\r\n")).join(lines) + random.choice(("\n", "", "\r"))

    def _string(self, settings: list[tuple[str, str]]) -> str:
        random = self._random
        if random.random() < 0.3:
            query = "&".join(f"{keyword}={_percent(value)}" for keyword, value in settings)
            host = random.choice(("", "", "%2Fn", "%2Fn,%2Fm", "%2Fn:1", "u@", "u:pw@%2Fn"))
            return f"postgresql://{host}/{random.choice(('', 'db'))}?{query}"
        words = []
        for keyword, value in settings:
            escaped = value.replace("\\", "\\\\").replace("'", "\\'")
            words.append(f"{keyword}='{escaped}'")
        return " ".join(words)

    def _pairs(self, settings: list[tuple[str, str]]) -> list[tuple[str, str]]:
        random = self._random
        pairs = list(settings)
        if random.random() < 0.5:
            inner = self._string(self._settings(random.choice((0, 1, 2))))
            pairs.insert(random.randint(0, len(pairs)), ("dbname", inner))
        if random.random() < 0.1:
            pairs.append((random.choice(("nosuch", "requiressl")), random.choice(("1", ""))))
        return pairs


def _percent(text: str) -> str:
    return "".join(
        letter
        if letter.isalnum() and letter.isascii()
        else "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogateescape"))
        for letter in text
    )
