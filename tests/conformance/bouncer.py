"""A throw-away pgbouncer in front of a server of tests: a pooler as people really have one."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from purelink.testing.server import Server


def program() -> str:
    """Return pgbouncer's path; skip aloud where there is none."""
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip("no pgbouncer on this machine")
    return found


def version() -> tuple[int, ...]:
    """Return (1, 18) or so."""
    told = subprocess.run([program(), "--version"], capture_output=True, text=True, check=True)
    return tuple(int(part) for part in told.stdout.split()[1].split(".")[:2])


@contextlib.contextmanager
def bouncer(server: Server, **settings: Any) -> Iterator[str]:
    """Run one in transaction mode; give the DSN of a superuser through it.

    Args:
        settings: more lines of its [pgbouncer] section.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="purelink-bouncer-"))
    users = folder / "users.txt"
    users.write_text(f'"{server.superuser}" "{server.password}"\n', encoding="ascii")
    lines = {
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "trust",
        "auth_file": users,
        "pool_mode": "transaction",
        "default_pool_size": 1,
        "max_client_conn": 200,
        "server_tls_sslmode": "disable",
        "admin_users": server.superuser,
        **settings,
    }
    config = folder / "pgbouncer.ini"
    config.write_text(
        f"[databases]\n* = host=127.0.0.1 port={server.port}\n[pgbouncer]\n"
        + "".join(f"{name} = {value}\n" for name, value in lines.items()),
        encoding="ascii",
    )
    command = [program(), str(config)]
    if hasattr(os, "getuid") and os.getuid() == 0:
        # It refuses to run as root.
        command[1:1] = ["-u", "nobody"]
        for path in (folder, users, config):
            shutil.chown(path, "nobody")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail("pgbouncer did not start: " + (folder / "log").read_text("utf-8"))
            time.sleep(0.05)
        yield (
            f"host=127.0.0.1 port={port} user={server.superuser} password={server.password}"
            " dbname=postgres"
        )
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)
