"""The cluster that server tests run on: the set-up of the dblink checks, as data.

Databases `loc` (with the extension) and `rem` (UTF8), `latin` (LATIN1). Roles, password `pw` for
each: `u_scram`, `u_md5`, `u_clear` are asked for it in that way, by TCP and unix socket; everybody
else is trusted: `postgres`, and `plain`, who is no superuser. Table `foo`, ten rows, in `loc` and
`rem`. `python -m tests.cluster` starts one, prints its DSN and holds it until its input ends: for
an interpreter that can't install the server's wheel, which then takes `pytest --dsn`.
"""

from __future__ import annotations

import sys

from purelink.testing.server import Server

PASSWORD = "pw"

#: role -> the method that pg_hba.conf asks for it with
METHODS = {"u_scram": "scram-sha-256", "u_md5": "md5", "u_clear": "password", "all": "trust"}

HBA = [
    f"{door} {role} {address} {method}"
    for role, method in METHODS.items()
    for door, address in (
        ("local all,replication", ""),
        ("host all,replication", "127.0.0.1/32"),
        ("host all,replication", "::1/128"),
    )
]

SETUP = f"""
set client_min_messages = error;
create role u_scram login password '{PASSWORD}';
create role u_clear login password '{PASSWORD}';
set password_encryption = md5;
create role u_md5 login password '{PASSWORD}';
set password_encryption = 'scram-sha-256';
create role plain login;
create database loc;
create database rem;
create database latin encoding 'LATIN1' lc_collate 'C' lc_ctype 'C' template template0;
\\c loc
create extension dblink;
create table foo (f1 int, f2 text, f3 text[], primary key (f1, f2));
insert into foo select n, chr(97 + n), array['a' || n, 'b' || n, 'c' || n]
    from generate_series(0, 9) n;
grant select on foo to public;
\\c rem
create table foo (f1 int, f2 text, f3 text[], primary key (f1, f2));
insert into foo select n, chr(97 + n), array['a' || n, 'b' || n, 'c' || n]
    from generate_series(0, 9) n;
grant select on foo to public;
"""


def cluster() -> Server:
    """Return the server, not yet started. It prepares transactions, unlike one out of the box."""
    return Server(hba=HBA, setup=SETUP, config={"max_prepared_transactions": 10})


if __name__ == "__main__":
    with cluster() as server:
        sys.stdout.write(f"{server.dsn}\n")
        sys.stdout.flush()
        sys.stdin.read()
