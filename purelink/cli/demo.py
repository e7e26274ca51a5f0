"""`purelink demo`: dblink's example session, played on a real PostgreSQL server by our own Python.

Floor 6. A throw-away server is started in a temporary folder (SCRAM over TCP, so that a password is
really asked for), the session is played step by step, and server and folder are gone afterwards,
also after Ctrl-C. With `--dsn` it runs on a server of one's own, as a superuser.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from typing import TYPE_CHECKING, Any, Callable, Iterator

from ..connection import connect
from ..conninfo import Surroundings
from ..dblink.catalog import Catalog
from ..dblink.session import LinkRows, Session
from ..errors import Error
from ..surroundings import gather
from .table import aligned, printable

if TYPE_CHECKING:
    from ..connection import Connection

__all__ = ["main"]

DATABASE = "contrib_regression"
ROLE = "dblink_regression_test"
TRUSTED = "dblink_demo_trusted"
SECRET = "secret"  # noqa: S105 - the example's own
LETTERS = "abcdefghijk"


def main(argv: list[str]) -> int:
    """Play the demo; return 0 when everything happened as it should, 1 when not."""
    parser = argparse.ArgumentParser(
        prog="purelink demo",
        description="Play dblink's example session on a real PostgreSQL server.",
        epilog="examples:\n  purelink demo\n  purelink demo --dsn 'host=localhost user=postgres"
        " password=…'\n\nexit codes: 0 all went as it should, 1 it did not, 130 interrupted",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--dsn",
        help="play on this server, as a superuser, instead of a throw-away one;"
        f" it gets, and loses again, the database {DATABASE} and the role {ROLE}",
    )
    arguments = parser.parse_args(argv)
    try:
        with _server(arguments.dsn) as dsn:
            return _Demo(dsn, own=arguments.dsn is None).play()
    except KeyboardInterrupt:
        print("\ninterrupted; server and folder are gone", file=sys.stderr)
        return 130
    except Error as error:
        print(f"purelink demo: {printable(str(error))}", file=sys.stderr)
        return 1


@contextlib.contextmanager
def _server(dsn: str | None) -> Iterator[str]:
    """Give the DSN to play on, of a throw-away server unless there is one."""
    if dsn is not None:
        yield dsn
        return
    from ..testing.programs import ProgramsMissing
    from ..testing.server import HBA_SCRAM, Server

    # One role is let in without being asked: the refusal at the end needs a server like that.
    hba = [f"host all {TRUSTED} 127.0.0.1/32 trust", *HBA_SCRAM]
    try:
        server = Server(hba=hba, users={TRUSTED: None})
    except ProgramsMissing as missing:
        raise Error(f"{missing}\ninstall the server with: pip install 'purelink[demo]'") from None
    _say("Starting a throw-away PostgreSQL server in a temporary folder …")
    with server:
        _say(f"PostgreSQL {server.version} on {server.host}, port {server.port}.")
        yield server.dsn
    _say("\nThe server and its folder are gone.")


class _Demo:
    """One performance: where it plays, and whether everything went as it should."""

    def __init__(self, dsn: str, *, own: bool) -> None:
        self.dsn = dsn
        self.own = own
        self.good = True
        self.catalog = Catalog()
        #: what the demo made and will take away again; never anything that was there before
        self.made: list[str] = []

    def play(self) -> int:
        with connect(self.dsn, autocommit=True) as admin:
            around = self._surroundings(admin)
            try:
                self._prepare(admin)
                with Session(superuser=True, catalog=self.catalog, surroundings=around) as session:
                    self._connections(session)
                self._foreign_server(admin, around)
                self._refusals(around)
                self._revokes(admin, around)
            finally:
                self._remove(admin)
        _say("\nAll of it happened as it should." if self.good else "\nSomething went wrong.")
        return 0 if self.good else 1

    def _surroundings(self, admin: Connection) -> Surroundings:
        """Return an environment in which `dbname=postgres` finds this server, as libpq would."""
        found, target = gather(), admin.target
        environment = {
            "PGHOST": target.socket_directory or target.host or target.hostaddr,
            "PGPORT": target.port,
            "PGUSER": admin.settings["user"] or "",
        }
        if target.password:
            environment["PGPASSWORD"] = target.password
        for variable, keyword in (("PGSSLMODE", "sslmode"), ("PGSSLROOTCERT", "sslrootcert")):
            value = admin.settings[keyword]
            if value:
                environment[variable] = value
        return Surroundings(
            environment,
            user=found.user,
            uid=found.uid,
            passwd_home=None,
            socket_directory=found.socket_directory,
            tls=found.tls,
        )

    # -- the acts ---------------------------------------------------------------------------

    def _prepare(self, admin: Connection) -> None:
        _act("The stage: a database with the table foo")
        self._make(admin, f"CREATE DATABASE {DATABASE}", f"DROP DATABASE IF EXISTS {DATABASE}")
        rows = ", ".join(f"({n}, '{c}', '{{a{n},b{n},c{n}}}')" for n, c in enumerate(LETTERS))
        foo = "CREATE TABLE foo (f1 int, f2 text, f3 text[], PRIMARY KEY (f1, f2))"
        with connect(self.dsn, dbname=DATABASE, autocommit=True) as stage:
            _sql(foo)
            stage.query(foo)
            _sql("INSERT INTO foo VALUES (0, 'a', '{a0,b0,c0}'), …")
            stage.query(f"INSERT INTO foo VALUES {rows}")

    def _connections(self, session: Session) -> None:
        _act("As the superuser: connections, unnamed and named")
        connstr = "dbname=postgres"
        ask = "select pg_backend_pid()"
        self._value(
            "session.dblink_connect('dbname=postgres')",
            "OK",
            lambda: session.dblink_connect(connstr),
        )
        first = session.dblink(ask).fetchall()
        self._value(
            "session.dblink_connect('myconn', 'dbname=postgres')",
            "OK",
            lambda: session.dblink_connect("myconn", connstr),
        )
        _note("a second unnamed connection replaces the first:")
        self._value(
            "session.dblink_connect('dbname=postgres')",
            "OK",
            lambda: session.dblink_connect(connstr),
        )
        second = session.dblink(ask).fetchall()
        self._expect("another backend answers", first != second)
        _note("a name that is taken is refused:")
        self._refused(
            "session.dblink_connect('myconn', 'dbname=postgres')",
            "42710",
            lambda: session.dblink_connect("myconn", connstr),
        )
        self._value("session.dblink_get_connections()", ["myconn"], session.dblink_get_connections)
        self._value(
            "session.dblink_disconnect('myconn')", "OK", lambda: session.dblink_disconnect("myconn")
        )
        self._value("session.dblink_disconnect()", "OK", session.dblink_disconnect)

    def _foreign_server(self, admin: Connection, around: Surroundings) -> None:
        _act("A foreign server, a role, its mapping and its rights")
        catalog = self.catalog
        _call(f"catalog.create_server('fdtest', {{'hostaddr': '', 'dbname': '{DATABASE}'}})")
        catalog.create_server("fdtest", {"hostaddr": "", "dbname": DATABASE})
        self._make(
            admin,
            f"CREATE USER {ROLE} WITH PASSWORD '{SECRET}'",
            f"DROP USER IF EXISTS {ROLE}",
        )
        _call(
            f"catalog.create_user_mapping('{ROLE}', 'fdtest',"
            f" {{'user': '{ROLE}', 'password': '{SECRET}'}})"
        )
        catalog.create_user_mapping(ROLE, "fdtest", {"user": ROLE, "password": SECRET})
        _call(f"catalog.grant_usage('fdtest', '{ROLE}')")
        catalog.grant_usage("fdtest", ROLE)
        grant = f"GRANT SELECT ON TABLE foo TO {ROLE}"
        _sql(grant)
        with connect(self.dsn, dbname=DATABASE, autocommit=True) as stage:
            stage.query(grant)

        _act(f"\\c - {ROLE}")
        with Session(user=ROLE, catalog=catalog, surroundings=around) as session:
            self._value(
                "session.dblink_connect('myconn', 'fdtest')",
                "OK",
                lambda: session.dblink_connect("myconn", "fdtest"),
            )
            columns = "a int, b text, c text[]"
            _call(f"session.dblink('myconn', 'SELECT * FROM foo', columns='{columns}')")
            rows = session.dblink("myconn", "SELECT * FROM foo", columns=columns)
            self._table(rows, len(LETTERS))

    def _refusals(self, around: Surroundings) -> None:
        _act("Who is not a superuser may not connect with credentials that are not theirs")
        with Session(user=ROLE, catalog=self.catalog, surroundings=around) as session:
            _note("the string brings no password (PGPASSWORD is set, and not lent):")
            self._refused(
                "session.dblink_connect('dbname=postgres')",
                "2F003",
                lambda: session.dblink_connect("dbname=postgres"),
            )
            connstr = f"dbname=postgres user={TRUSTED} password=whatever"
            if not self.own:
                _note("(a server that asks for no password is needed for the next step)")
                return
            _note("it brings one, but the server asks for none:")
            self._refused(
                f"session.dblink_connect('{connstr}')",
                "2F003",
                lambda: session.dblink_connect(connstr),
            )

    def _revokes(self, admin: Connection, around: Surroundings) -> None:
        _act("The revokes and drops, and what the same calls say afterwards")
        catalog = self.catalog
        with Session(user=ROLE, catalog=catalog, surroundings=around) as session:
            shown = "session.dblink_connect('myconn', 'fdtest')"

            def again() -> Any:
                return session.dblink_connect("myconn", "fdtest")

            revoke = f"REVOKE SELECT ON TABLE foo FROM {ROLE}"
            self._value(shown, "OK", again)
            _sql(revoke)
            with connect(self.dsn, dbname=DATABASE, autocommit=True) as stage:
                stage.query(revoke)
            self._refused(
                "session.dblink('myconn', 'SELECT * FROM foo')",
                "42501",
                lambda: session.dblink("myconn", "SELECT * FROM foo"),
            )
            session.dblink_disconnect("myconn")
            _call(f"catalog.revoke_usage('fdtest', '{ROLE}')")
            catalog.revoke_usage("fdtest", ROLE)
            self._refused(shown, "42501", again)
            _call(f"catalog.drop_user_mapping('{ROLE}', 'fdtest')")
            catalog.drop_user_mapping(ROLE, "fdtest")
            self._refused(shown, "42704", again)
            _call("catalog.drop_server('fdtest')")
            catalog.drop_server("fdtest")
            _note("now 'fdtest' is no foreign server any more, but a string without a password:")
            self._refused(shown, "2F003", again)
            drop = f"DROP USER {ROLE}"
            _sql(drop)
            admin.query(drop)

    def _make(self, admin: Connection, create: str, drop: str) -> None:
        _sql(create)
        admin.query(create)
        self.made.append(drop)

    def _remove(self, admin: Connection) -> None:
        """Take away what was made, however far it came."""
        for sql in self.made:
            try:
                admin.query(sql)
            except Error as error:
                _say(f"could not clean up with {sql!r}: {printable(str(error))}")

    # -- what is shown ----------------------------------------------------------------------

    def _value(self, shown: str, wanted: Any, call: Callable[[], Any]) -> None:
        _call(shown)
        found = call()
        print(f"{found!r}", flush=True)
        self._expect(f"expected {wanted!r}", found == wanted)

    def _refused(self, shown: str, sqlstate: str, call: Callable[[], Any]) -> None:
        _call(shown)
        try:
            found = call()
        except Error as error:
            print(
                f"ERROR:  {printable(error.diagnostics.message_primary or '')}"
                if error.diagnostics
                else f"ERROR:  {printable(str(error))}"
            )
            for title, text in (("DETAIL", error.detail), ("HINT", error.hint)):
                if text:
                    print(f"{title}:  {text}")
            self._expect(f"expected SQLSTATE {sqlstate}", error.sqlstate == sqlstate)
        else:
            print(f"{found!r}")
            self._expect(f"expected a refusal with SQLSTATE {sqlstate}", False)

    def _table(self, rows: LinkRows, expected: int) -> None:
        fetched = rows.fetchall()
        print("\n".join(aligned(rows.column_names, fetched)), flush=True)
        self._expect(f"expected {expected} rows", len(fetched) == expected)

    def _expect(self, what: str, good: bool) -> None:
        if not good:
            self.good = False
            print(f"!!! {what}", flush=True)


def _say(text: str) -> None:
    print(text, flush=True)


def _act(title: str) -> None:
    print(f"\n-- {title}", flush=True)


def _note(text: str) -> None:
    print(f"-- {text}", flush=True)


def _sql(text: str) -> None:
    print(f"{text};", flush=True)


def _call(text: str) -> None:
    print(f">>> {text}", flush=True)
