"""What can befall a connection: each fault as one function that makes it happen, and its mending.

Test code only. `Site` is a server of our own, a breaking proxy before it and, where one is
installed, a pgbouncer.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, Optional

from purelink import conninfo
from tests.faults.proxy import Proxy
from tests.portability.place import Missing, Place, program
from tests.portability.servers import pooled

if TYPE_CHECKING:
    import subprocess

    from purelink.testing.server import Server

__all__ = ["FAULTS", "Fault", "Site"]


class Site:
    """Where one cell of the table happens.

    Attributes:
        dsn: what the connection under test is made with.
        proxy: between it and the server. pooler: pgbouncer's process, where the fault wants one.
    """

    def __init__(self, server: Server, dsn: str, proxy: Proxy) -> None:
        self.server = server
        self.dsn = dsn
        self.proxy = proxy
        self.pooler: Optional[subprocess.Popen[bytes]] = None
        self.backend: Optional[int] = None

    def send(self, pid: Optional[int], number: int) -> None:
        """Send a signal to a process that may have gone."""
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


@contextlib.contextmanager
def site(server: Server, fault: Fault, place: Place) -> Iterator[Site]:
    """Return a site; a server that was broken is mended behind it."""
    settings = conninfo.parse(server.dsn)
    with contextlib.ExitStack() as stack:
        if fault.pooled:
            program("pgbouncer")
            port, process = stack.enter_context(pooled(place, server.dsn, "session"))
        else:
            port, process = int(settings["port"]), None
        proxy = stack.enter_context(Proxy(("127.0.0.1", port)))
        made = Site(server, conninfo.format({**settings, "port": str(proxy.port)}), proxy)
        made.pooler = process
        try:
            yield made
        finally:
            for pid in (made.backend, process.pid if process else None):
                if pid is not None:
                    made.send(pid, signal.SIGCONT)
            if not server.running:
                # A busy backend outlives its postmaster for a while, and keeps its memory.
                made.send(made.backend, signal.SIGKILL)
                time.sleep(0.5)
            _mend(server)


def _mend(server: Server) -> None:
    """Wait until the server takes connections, starting it if it is gone."""
    if not server.running:
        server.start()
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(server.pid, signal.SIGCONT)
    for _ in range(200):
        try:
            server.psql("select 1")
        except Exception:
            time.sleep(0.1)
        else:
            return


class Fault:
    """One fault.

    Args:
        strike: makes it happen. pooled: a pgbouncer stands between proxy and server.
        silent: nobody tells the client: only its own deadline ends the wait.
    """

    def __init__(
        self, strike: Callable[[Site], Any], *, silent: bool = False, pooled: bool = False
    ) -> None:
        self.strike = strike
        self.silent = silent
        self.pooled = pooled


def _pooler(number: int) -> Callable[[Site], Any]:
    def strike(where: Site) -> None:
        assert where.pooler is not None
        where.send(where.pooler.pid, number)

    return strike


FAULTS: Dict[str, Fault] = {
    "backend terminated": Fault(lambda site: site.send(site.backend, signal.SIGTERM)),
    "backend kill -9": Fault(lambda site: site.send(site.backend, signal.SIGKILL)),
    "backend SIGSTOP": Fault(lambda site: site.send(site.backend, signal.SIGSTOP), silent=True),
    "postmaster kill -9": Fault(lambda site: site.server.halt("kill")),
    "server stopped (fast)": Fault(lambda site: site.server.halt("fast")),
    "connection closed": Fault(lambda site: site.proxy.close_all()),
    "connection reset": Fault(lambda site: site.proxy.reset_all()),
    "half-open (nothing comes)": Fault(lambda site: site.proxy.stall(), silent=True),
    "pgbouncer kill -9": Fault(_pooler(signal.SIGKILL), pooled=True),
    "pgbouncer SIGSTOP": Fault(_pooler(signal.SIGSTOP), silent=True, pooled=True),
}
__all__ += ["Missing", "site"]
