"""A connection that is cut at every byte offset of a whole conversation with a real server.

Test code only. `python -m tests.faults.offsets [--step N]` cuts at each Nth byte of what the server
says, by a close and by a reset, under both faces. Each time the program gets an error of the
documented class, and nothing hangs.
"""

from __future__ import annotations

import argparse
import collections
import sys
from typing import Any, Counter, List, Optional

from purelink import conninfo
from purelink.errors import ConnectError, ConnectionLost
from purelink.testing.server import HBA_TRUST, Server
from tests.both import Door
from tests.faults.proxy import Proxy

__all__ = ["cut", "length", "scenario"]

#: nothing takes so long but what hangs
SECONDS = 20.0


def scenario(door: Door, dsn: str) -> None:
    """Do something of everything."""
    connection = door.connect(dsn, timeout=SECONDS)
    connection.query("CREATE TEMP TABLE kept (n int, t text)", timeout=SECONDS)
    for n in range(3):
        connection.query("SELECT $1::int, $2::text", n, "ä€", timeout=SECONDS)
    connection.script("SELECT 1; SELECT 2", timeout=SECONDS)
    connection.executemany("INSERT INTO kept VALUES ($1, $2)", [(1, "a"), (2, None)])
    connection.copy_in("COPY kept FROM STDIN", [(n, "x" * n) for n in range(20)], timeout=SECONDS)
    connection.query("SELECT n, t, n / 2.0::float8 FROM kept", timeout=SECONDS)
    with connection.stream("SELECT n FROM kept", chunk=7, timeout=SECONDS) as stream:
        list(stream)
    connection.copy_out("COPY kept TO STDOUT", timeout=SECONDS).read()
    with connection.pipeline(timeout=SECONDS) as pipeline:
        for n in range(5):
            pipeline.query("SELECT $1::int", n)
    connection.query("BEGIN", timeout=SECONDS)
    connection.query("INSERT INTO kept VALUES (1)", timeout=SECONDS)
    connection.commit()
    connection.close()


def length(proxy: Proxy, dsn: str) -> int:
    """Return how many bytes the server says in the scenario."""
    door = Door("blocking", dsn)
    try:
        scenario(door, dsn)
    finally:
        door.close()
    return len(proxy.said[-1])


def cut(proxy: Proxy, dsn: str, face: str, offset: int, ending: str) -> str:
    """Cut the connection there; return the class of the error, or "" if there was none."""
    proxy.limit, proxy.ending = offset, ending
    door = Door(face, dsn)
    error: Optional[BaseException] = None
    try:
        scenario(door, dsn)
    except (ConnectionLost, ConnectError) as caught:
        error = caught
        assert all(each.closed for each in door.opened)
    finally:
        door.close()
        proxy.limit = None
    return type(error).__name__ if error is not None else ""


def main() -> int:
    """Cut everywhere."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--step", type=int, default=1)
    options = parser.parse_args()
    wrong: List[Any] = []
    with Server(hba=HBA_TRUST) as server:
        settings = conninfo.parse(server.dsn)
        with Proxy(("127.0.0.1", int(settings["port"]))) as proxy:
            dsn = conninfo.format({**settings, "port": str(proxy.port)})
            whole = length(proxy, dsn)
            for face in ("blocking", "asyncio"):
                for ending in ("close", "reset"):
                    seen: Counter[str] = collections.Counter()
                    for offset in range(1, whole, options.step):
                        name = cut(proxy, dsn, face, offset, ending)
                        seen[name] += 1
                        if not name:
                            wrong.append((face, ending, offset))
                    told = ", ".join(f"{name or 'no error'} {n}" for name, n in seen.items())
                    sys.stdout.write(f"{face}, {ending}, {whole} bytes: {told}\n")
                    sys.stdout.flush()
    sys.stdout.write(f"no error: {wrong[:20]}\n" if wrong else "an error each time\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
