"""Real servers with TLS for the matrix: which builds there are, and one server of each.

Test code only. The first build is the one that `purelink.testing` finds; Debian's, and those whose
`bin` folders `$PURELINK_TEST_PGBINS` lists (parted by `os.pathsep`), join with `--slow`.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from purelink.testing.programs import Programs, ProgramsMissing, find
from purelink.testing.server import Server, TLSFiles

__all__ = ["CERTIFICATES", "builds", "certify", "server"]

CERTIFICATES = Path(__file__).parents[1] / "unit" / "tls" / "certificates"
ROLES = ("u_any", "u_tls", "u_plain", "u_ca")
METHODS = ("scram", "md5", "clear", "trust")

#: Who may come how: everybody, over TLS only, not over TLS, with a certificate of the authority's,
#: with one that bears the name (`alice`), and nobody; then each method, over each transport.
HBA = [
    "local all u_any,u_tls,u_ca,alice trust",
    "host all u_any all trust",
    "hostssl all u_tls all trust",
    "hostnossl all u_plain all trust",
    "hostssl all u_ca all trust clientcert=verify-ca",
    "hostssl all alice all cert",
    *(
        f"{door} all {role} {where} {method}"
        for door, where in (("local", ""), ("host", "all"))
        for role, method in (
            ("u_scram", "scram-sha-256"),
            ("u_md5", "md5"),
            ("u_clear", "password"),
            ("u_trust", "trust"),
        )
    ),
    "local all nobody,root peer",
    "local all postgres scram-sha-256",
]
SETUP = """
set password_encryption = 'md5';
create role u_md5 login password 'pw';
set password_encryption = 'scram-sha-256';
create role u_scram login password 'pw';
create role u_clear login password 'pw';
"""


def builds() -> list[Programs]:
    """Return the builds with TLS that are here, the default one first."""
    found = []
    try:
        found.append(find("tls"))
    except ProgramsMissing:
        return []
    folders = [
        Path(text) for text in os.environ.get("PURELINK_TEST_PGBINS", "").split(os.pathsep) if text
    ]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    for folder in folders:
        if folder != found[0].folder and (folder / "initdb").is_file():
            found.append(Programs(folder, str(folder)))
    return found


def server(programs: Programs) -> Server:
    """Return a server of this build, not yet started; its certificate is for `localhost`."""
    files = TLSFiles(
        CERTIFICATES / "san-localhost.pem", CERTIFICATES / "server.key", CERTIFICATES / "ca.pem"
    )
    names = dict.fromkeys((*ROLES, "alice", "u_trust", "nobody", "root"))
    return Server(programs=programs, tls=files, hba=HBA, setup=SETUP, users=names)


def certify(running: Server, certificate: str) -> None:
    """Have the server show another of the test certificates."""
    assert running.folder is not None
    shutil.copyfile(CERTIFICATES / certificate, running.folder / "ssl_cert_file")
    running.reload()
