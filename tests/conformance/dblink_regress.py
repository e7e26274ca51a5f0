"""PostgreSQL's own regression script of dblink, played through `Session`.

`python -m tests.conformance.dblink_regress PATH_TO_contrib_dblink` reads `sql/dblink.sql` and
`expected/dblink.out` there (Debian: `apt-get source postgresql-15=15.18-0+deb12u1`), starts a
server, and compares what each statement prints. A call of dblink's is made on a `Session`
(its arguments are what the local server makes of them), and what it gives stands in the statement
in its place when the local server runs it: so WHERE, UNION and INSERT are PostgreSQL's own.

It prints the number of statements, how many agree, and every one that does not, with its reason.
Exit status 1: one disagrees that nobody has explained.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any, Iterator, NamedTuple

import purelink
from purelink.conninfo import Surroundings
from purelink.dblink.catalog import Catalog
from purelink.dblink.lookups import Filled
from purelink.dblink.session import Session
from purelink.errors import Error
from tests.conformance.dblink_pair import RECORDS, SETS, psycopg, text_of

DATABASE = "contrib_regression"

#: what a statement must hold -> why it is not played, or may differ
EXPLAINED = (
    (":'regresslib'", "needs PostgreSQL's regress library, which packages do not bring"),
    ("AS :'fnbody'", "calls that library"),
    ("set_pgservicefile", "calls that library (to see whether libldap crashes)"),
)

#: functions that look at the local database
LOCAL = frozenset(
    (
        "dblink_get_pkey",
        "dblink_build_sql_insert",
        "dblink_build_sql_update",
        "dblink_build_sql_delete",
    )
)

_CALL = re.compile(r"\b(dblink\w*)\s*\(", re.IGNORECASE)
_COLUMNS = re.compile(r"\s*as\s+(\w+)\s*\(([^()]*)\)", re.IGNORECASE)


class Statement(NamedTuple):
    """One statement (or psql command), and what psql printed for it."""

    text: str
    printed: list[str]


def statements(lines: list[str]) -> Iterator[tuple[str, int]]:
    """Split a script, as psql does; give each statement and the number of its last line.

    Comments are left out, a psql command is one line.
    """
    text, quote = "", ""
    for number, line in enumerate(lines):
        if not text.strip() and (line.startswith("\\") or line.lstrip().startswith("--")):
            if line.startswith("\\"):
                yield line, number
            continue
        place = 0
        while place < len(line):
            found = re.compile(r"'|\$\w*\$|--|;").search(line, place)
            if quote:
                end = line.find(quote, place)
                text += line[place:] if end < 0 else line[place : end + len(quote)]
                place = len(line) if end < 0 else end + len(quote)
                quote = quote if end < 0 else ""
            elif found is None or found.group() == "--":
                text += line[place : found.start() if found else None]
                break
            else:
                text += line[place : found.end()]
                place = found.end()
                if found.group() == ";":
                    yield text.strip(), number
                    text = ""
                else:
                    quote = found.group()
        text += "\n" if text.strip() else ""


def script(folder: Path) -> list[Statement]:
    """Return the statements with what each is expected to print."""
    sql = (folder / "sql" / "dblink.sql").read_text()
    out = (folder / "expected" / "dblink.out").read_text().splitlines()
    echoed = [line for line in sql.splitlines() if line.strip()]
    # Where each line of the script is echoed; what stands between two of them was printed.
    places, at = [], 0
    for line in echoed:
        at = out.index(line, at)
        places.append(at)
        at += 1
    return [
        Statement(text, out[places[line] + 1 : [*places, len(out)][line + 1]])
        for text, line in statements(echoed)
    ]


class Regress:
    """The local server and a `Session`."""

    def __init__(self, server: Any) -> None:
        self.server = server
        environment = {"PGHOST": str(server.socket_directory or server.host)}
        environment["PGUSER"] = server.superuser
        self.said: list[str] = []
        self.session = Session(
            superuser=True,
            user=server.superuser,
            dblink_version=15,
            catalog=Catalog(dblink_version=15, owner=server.superuser),
            surroundings=Surroundings(environment, user=server.superuser),
        )
        self.session.notice_handlers.append(lambda one: self.said.extend(_spelled(one)))
        self.connection: Any = None
        self.local: Any = None
        self.reconnect()

    def reconnect(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.local.close()
        self.session.close()
        self.local = purelink.connect(self.server.dsn, dbname=DATABASE, autocommit=True)
        self.connection = psycopg.connect(
            self.server.dsn, dbname=DATABASE, autocommit=True, options="-c timezone=PST8PDT"
        )
        self.connection.add_notice_handler(lambda one: self.said.extend(_spelled(one)))
        self.session.superuser, self.session.user = True, self.server.superuser

    def play(self, statement: str) -> list[str]:
        """Return what psql would print."""
        self.said = []
        if statement.startswith("\\c "):
            self.reconnect()
        if statement.startswith("\\"):
            return []
        names: list[str] = []
        rows: list[list[str]] | None = None
        try:
            sql = self.replaced(statement.replace(":'USER'", f"'{self.server.superuser}'"))
            self.follow(statement)
            if "test_dropped" in sql and "dblink" not in sql:
                self.local.script(sql)  # a temporary table: for both connections
            result = self.connection.execute(sql.rstrip(";")).pgresult
            names = [result.fname(column).decode() for column in range(result.nfields)]
            if result.nfields:
                rows = [
                    [(result.get_value(row, n) or b"").decode() for n in range(result.nfields)]
                    for row in range(result.ntuples)
                ]
        except psycopg.Error as error:
            self.said.extend(_spelled(error.diag))
        except Error as error:
            self.said.extend(_spelled(error.diagnostics))
        self.learn()
        told = self.said
        if rows is not None:
            told += [" | ".join(names), *(" | ".join(row) for row in rows), _counted(len(rows))]
        return told

    def replaced(self, sql: str) -> str:
        """Make the calls of dblink's in a statement, and put what they give in their places."""
        if sql.upper().startswith(("CREATE FUNCTION", "GRANT", "REVOKE", "CREATE EXTENSION", "DO")):
            return sql
        found = _CALL.search(sql)
        while found is not None:
            start, stop = found.start(), _closing(sql, found.end())
            function = found.group(1)
            value = self.called(function, sql[found.end() : stop - 1], sql[stop:])
            columns = _COLUMNS.match(sql, stop)
            if function in RECORDS:
                assert columns is not None, sql
                given = _values(value, columns.group(2)) + f" AS {columns.group(1)}"
                given += "(" + ", ".join(c.split()[0] for c in columns.group(2).split(",")) + ")"
                stop = columns.end()
            elif function == "dblink_get_notify":
                given = _values(value, "notify_name text, be_pid int, extra text")
                given += " AS n(notify_name, be_pid, extra)"
            elif function in SETS:
                given = _values(value, "position int, colname text")
                given += ' AS p("position", colname)'
            elif re.search(r"from\s+$", sql[:start], re.IGNORECASE):
                name = re.match(r"\s+as\s+(\w+)", sql[stop:], re.IGNORECASE)
                given = f"(SELECT {_literal(value)} AS {name.group(1) if name else function})"
                given += "" if name else f" AS {function}"
            else:
                given = _literal(value)
                if re.fullmatch(r"SELECT\s+", sql[:start], re.IGNORECASE):
                    given += f" AS {function}"
            sql = sql[:start] + given + sql[stop:]
            found = _CALL.search(sql, start + len(given))
        return sql

    def called(self, function: str, arguments: str, after: str) -> Any:
        if arguments.strip():
            row = self.connection.execute(f"select {arguments}").fetchone()
        else:
            row = ()
        if function in LOCAL:
            local = Session(superuser=True, dblink_version=15, local=self.local)
            return getattr(local, function)(*row)
        method = getattr(self.session, function)
        columns = _COLUMNS.match(after)
        if function in RECORDS:
            assert columns is not None, after
            return method(*row, columns=columns.group(2)).fetchall()
        return method(*row)

    def follow(self, statement: str) -> None:
        found = re.match(r"SET SESSION AUTHORIZATION (\w+)", statement)
        if found:
            self.session.superuser, self.session.user = False, found.group(1)

    def learn(self) -> None:
        """Take the local catalog over: servers, mappings, USAGE, EXECUTE."""
        catalog = Catalog(dblink_version=15, owner=self.server.superuser)
        with psycopg.connect(self.server.dsn, dbname=DATABASE) as reader:
            for name, wrapper, options in reader.execute(
                "select srvname, fdwname, srvoptions from pg_foreign_server s"
                " join pg_foreign_data_wrapper w on w.oid = srvfdw"
            ):
                catalog.create_server(name, _options(options), wrapper=wrapper)
            for user, name, options in reader.execute(
                "select usename, srvname, umoptions from pg_user_mappings"
            ):
                catalog.create_user_mapping(user, name, _options(options))
            for name, role in reader.execute(
                "select srvname, grantee::regrole::text from pg_foreign_server,"
                " aclexplode(srvacl) where privilege_type = 'USAGE' and grantee <> 0"
            ):
                catalog.grant_usage(name, role)
            for kinds, role in reader.execute(
                "select oidvectortypes(proargtypes), grantee::regrole::text from pg_proc,"
                " aclexplode(proacl) where proname = 'dblink_connect_u' and grantee <> 0"
            ):
                catalog.grant_execute(f"dblink_connect_u({kinds.replace(', ', ',')})", role)
        self.session._opening.lookups = Filled(catalog)


def _options(options: list[str] | None) -> dict[str, str]:
    return dict(option.split("=", 1) for option in options or ())


def _closing(sql: str, place: int) -> int:
    """Return the place behind the parenthesis that closes the one before `place`."""
    depth = 1
    for found in re.compile(r"'(?:[^']|'')*'|[()]").finditer(sql, place):
        depth += {"(": 1, ")": -1}.get(found.group(), 0)
        if not depth:
            return found.end()
    raise AssertionError(sql)


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    text = text_of(value) or ""
    kind = "::text[]" if isinstance(value, list) else "::text"
    return "'" + text.replace("'", "''") + "'" + kind


def _values(rows: Any, columns: str) -> str:
    kinds = [column.split(None, 1)[1] for column in columns.split(",")]
    if not rows:
        return "(SELECT " + ", ".join(f"NULL::{kind}" for kind in kinds) + " WHERE false)"
    lines = (
        ", ".join(
            "NULL" if value is None else f"'{(text_of(value) or '')}'::{kind}"
            for value, kind in zip(row, kinds)
        )
        for row in rows
    )
    return "(VALUES " + ", ".join(f"({line})" for line in lines) + ")"


def _spelled(said: Any) -> list[str]:
    text = f"{said.severity}:  {said.message_primary}"
    for title, more in (
        ("DETAIL", said.message_detail),
        ("HINT", said.message_hint),
        ("CONTEXT", said.context),
    ):
        if more:
            text += f"\n{title}:  {more}"
    return text.split("\n")


def _counted(rows: int) -> str:
    return f"({rows} row{'' if rows == 1 else 's'})"


def _squeezed(printed: list[str]) -> list[str]:
    """Bring psql's tables to one form: no rulers, no padding."""
    kept = []
    for line in printed:
        if not line.strip() or re.fullmatch(r"[-+]+", line):
            continue
        if line.startswith("LINE ") or re.fullmatch(r"\s*\^", line):
            continue
        cells = re.split(r"\s*\|\s*", line.strip()) if "|" in line else [line.rstrip()]
        kept.append(" | ".join(cell.strip() for cell in cells))
    return kept


def run(server: Any, folder: Path) -> int:
    """Play it all; return the exit status."""
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(f"create database {DATABASE}")
        connection.execute(f"alter database {DATABASE} set datestyle = 'Postgres, MDY'")
    play = Regress(server)
    calls = agree = others = others_agree = unexplained = 0
    for statement in script(folder):
        reason = next((why for what, why in EXPLAINED if what in statement.text), None)
        ours = bool(_CALL.search(statement.text)) and not statement.text.upper().startswith(
            ("CREATE FUNCTION", "GRANT", "REVOKE")
        )
        calls, others = calls + ours, others + (not ours)
        expected = _squeezed(statement.printed)
        found = _squeezed(play.play(statement.text)) if reason is None else None
        if found == expected:
            agree, others_agree = agree + ours, others_agree + (not ours)
            continue
        shown = " ".join(statement.text.split())
        sys.stdout.write(f"{'dblink' if ours else 'local'}: {shown[:200]}\n")
        if reason is None and not ours and expected and found:
            # local SQL on a server of another version
            reason = f"local SQL, by {server.version} instead of 15: {found} for {expected}"
        if reason is None:
            unexplained += 1
            reason = f"UNEXPLAINED\n    expected: {expected}\n    found:    {found}"
        sys.stdout.write(f"  {reason}\n")
    play.session.close()
    play.connection.close()
    play.local.close()
    sys.stdout.write(
        f"{calls} statements that call dblink, {agree} agree;"
        f" {others} of other SQL, {others_agree} agree; {unexplained} unexplained\n"
    )
    return 1 if unexplained else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path, help="contrib/dblink of PostgreSQL's source")
    folder = parser.parse_args().folder
    from tests.cluster import cluster

    with cluster() as server:
        return run(server, folder)


if __name__ == "__main__":
    sys.exit(main())
