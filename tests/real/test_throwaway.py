"""The throw-away server itself: what it offers, and that nothing of it stays behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from purelink.testing.server import Server


def test_cluster_has_the_setup(server: Server) -> None:
    assert server.psql("select count(*), sum(f1) from foo", database="loc") == "10|45"
    assert server.psql("select * from foo where f1 = 3", database="rem") == "3|d|{a3,b3,c3}"


def test_tls(tls_server: Server) -> None:
    assert (
        tls_server.psql(
            "select ssl from pg_stat_ssl where pid = pg_backend_pid()",
            settings="host=127.0.0.1 sslmode=require",
            user="u_tls",
            password="pw",
        )
        == "t"
    )
