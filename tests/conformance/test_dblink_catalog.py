"""The catalog and the column list next to a real server: the same DDL, the same words.

Each script runs in one transaction of the server, each statement in a savepoint, and all of it is
rolled back: nothing stays.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Iterator, NamedTuple

import pytest

from purelink import errors
from purelink.conninfo.keywords import table
from purelink.dblink.catalog import Catalog
from purelink.dblink.columns import declared

if TYPE_CHECKING:
    from purelink.dblink.refusals import Notice

psycopg: Any = pytest.importorskip("psycopg", reason="the SQL side of this test needs psycopg")

pytestmark = pytest.mark.server


class Said(NamedTuple):
    """An error or a notice, as far as they are compared."""

    sqlstate: str | None
    message: str | None
    detail: str | None
    hint: str | None


def said(diagnostics: Any) -> Said:
    """Read ours and psycopg's alike."""
    return Said(
        diagnostics.sqlstate,
        diagnostics.message_primary,
        diagnostics.message_detail,
        diagnostics.message_hint,
    )


class Both:
    """A real server in a transaction, and a `Catalog`; each says what it has to say."""

    def __init__(self, connection: Any, catalog: Catalog) -> None:
        self.connection = connection
        self.catalog = catalog
        self.notices: list[Said] = []
        connection.add_notice_handler(lambda one: self.notices.append(said(one)))
        catalog.on_notice = self.note

    def note(self, notice: Notice) -> None:
        self.notices.append(said(notice))

    def server_says(self, sql: str) -> list[Said]:
        self.notices.clear()
        try:
            with self.connection.transaction():
                self.connection.execute(sql)
        except psycopg.Error as error:
            return [*self.notices, said(error.diag)]
        return list(self.notices)

    def catalog_says(self, call: Callable[[Catalog], object]) -> list[Said]:
        self.notices.clear()
        try:
            call(self.catalog)
        except errors.DatabaseError as error:
            return [*self.notices, said(error.diagnostics)]
        return list(self.notices)

    def agree(self, sql: str, call: Callable[[Catalog], object]) -> None:
        assert self.catalog_says(call) == self.server_says(sql), sql


@contextmanager
def both_of(server: Any) -> Iterator[Both]:
    with psycopg.connect(server.dsn) as connection:
        full = connection.info.server_version
        if not 150000 <= full < 190000:
            pytest.skip(f"server {full}: dblink's texts are known for 15 to 18")
        if 180000 <= full < 180006:
            pytest.skip(f"server {full}: SCRAM pass-through changed its rules in 18.6")
        for sql in (
            "create extension if not exists dblink",
            "create extension if not exists postgres_fdw",
            "create role pl_bob login",
            "create role pl_ann",
            "create role pl_grp",
            "create role pl_own",
        ):
            connection.execute(sql)
        user = connection.info.user
        yield Both(connection, Catalog(dblink_version=full // 10000, owner=user))
        connection.rollback()


@pytest.fixture
def both(server: Any) -> Iterator[Both]:
    with both_of(server) as found:
        yield found


FDW = "foreign data wrapper dblink_fdw"
CALL = Callable[[Catalog], object]

SCRIPT: list[tuple[str, CALL]] = [
    # servers
    (
        f"create server s {FDW} options (host 'h', dbname 'd')",
        lambda c: c.create_server("s", {"host": "h", "dbname": "d"}),
    ),
    (f"create server s {FDW}", lambda c: c.create_server("s")),
    (
        "create server if not exists s foreign data wrapper nos options (bogus 'x')",
        lambda c: c.create_server("s", {"bogus": "x"}, wrapper="nos", if_not_exists=True),
    ),
    (
        "create server s2 foreign data wrapper nos options (host 'x', host 'y')",
        lambda c: c.create_server("s2", [("host", "x"), ("host", "y")], wrapper="nos"),
    ),
    (
        f"create server s2 {FDW} options (hots 'x', host 'x', host 'y')",
        lambda c: c.create_server("s2", [("hots", "x"), ("host", "x"), ("host", "y")]),
    ),
    (
        f"create server s2 {FDW} options (bogus 'x', \"a=b\" 'y')",
        lambda c: c.create_server("s2", {"bogus": "x", "a=b": "y"}),
    ),
    (
        f"create server s2 {FDW} options (use_scram_passthrough 'x', bogus 'y')",
        lambda c: c.create_server("s2", {"use_scram_passthrough": "x", "bogus": "y"}),
    ),
    (
        f"create server s2 {FDW} options (bogus 'x', use_scram_passthrough 'y')",
        lambda c: c.create_server("s2", {"bogus": "x", "use_scram_passthrough": "y"}),
    ),
    (f"create server {'x' * 70} {FDW}", lambda c: c.create_server("x" * 70)),
    (f"create server {'é' * 40} {FDW}", lambda c: c.create_server("é" * 40)),
    (
        f"create server {'x' * 66} {FDW}",
        lambda c: c.create_server("x" * 66),
    ),
    # user mappings
    (
        "create user mapping for pl_bob server s options (user 'u', password 'p')",
        lambda c: c.create_user_mapping("pl_bob", "s", {"user": "u", "password": "p"}),
    ),
    (
        "create user mapping for pl_bob server s options (user 'x', user 'x')",
        lambda c: c.create_user_mapping("pl_bob", "s", [("user", "x"), ("user", "x")]),
    ),
    (
        "create user mapping if not exists for pl_bob server s options (bogus 'u')",
        lambda c: c.create_user_mapping("pl_bob", "s", {"bogus": "u"}, if_not_exists=True),
    ),
    (
        "create user mapping for public server s",
        lambda c: c.create_user_mapping("PUBLIC", "s"),
    ),
    (
        'create user mapping for "public" server s',
        lambda c: c.create_user_mapping("public", "s"),
    ),
    (
        'create user mapping for "none" server s',
        lambda c: c.create_user_mapping("none", "s"),
    ),
    (
        "create user mapping if not exists for pl_bob server nos",
        lambda c: c.create_user_mapping("pl_bob", "nos", if_not_exists=True),
    ),
    (
        "create user mapping for pl_ann server s options (host 'x')",
        lambda c: c.create_user_mapping("pl_ann", "s", {"host": "x"}),
    ),
    (
        "create user mapping for pl_ann server s options (passwd 'x')",
        lambda c: c.create_user_mapping("pl_ann", "s", {"passwd": "x"}),
    ),
    (
        "alter user mapping for pl_ann server s options (set user 'x')",
        lambda c: c.alter_user_mapping("pl_ann", "s", set={"user": "x"}),
    ),
    (
        "alter user mapping for pl_bob server nos options (set user 'x')",
        lambda c: c.alter_user_mapping("pl_bob", "nos", set={"user": "x"}),
    ),
    (
        "alter user mapping for pl_bob server s options (drop password, add sslpassword '')",
        lambda c: c.alter_user_mapping("pl_bob", "s", drop=["password"], add={"sslpassword": ""}),
    ),
    (
        "alter user mapping for pl_bob server s options (drop password)",
        lambda c: c.alter_user_mapping("pl_bob", "s", drop=["password"]),
    ),
    (
        "alter user mapping for pl_bob server s options (set host 'x')",
        lambda c: c.alter_user_mapping("pl_bob", "s", set={"host": "x"}),
    ),
    (
        "alter user mapping for pl_bob server s options (add user 'x')",
        lambda c: c.alter_user_mapping("pl_bob", "s", add={"user": "x"}),
    ),
    # altering servers
    (
        "alter server s options (set host 'x', add hots 'y')",
        lambda c: c.alter_server("s", set={"host": "x"}, add={"hots": "y"}),
    ),
    (
        "alter server s options (drop dbname, drop dbname)",
        lambda c: c.alter_server("s", drop=["dbname", "dbname"]),
    ),
    (
        "alter server s options (drop dbname, add dbname '')",
        lambda c: c.alter_server("s", drop=["dbname"], add={"dbname": ""}),
    ),
    (
        "alter server nos options (drop dbname)",
        lambda c: c.alter_server("nos", drop=["dbname"]),
    ),
    ("alter server s rename to s", lambda c: c.rename_server("s", "s")),
    ("alter server nos rename to s", lambda c: c.rename_server("nos", "s")),
    ('alter server s rename to "T.x"', lambda c: c.rename_server("s", "T.x")),
    ('alter server "T.x" rename to s', lambda c: c.rename_server("T.x", "s")),
    # grants
    (
        "grant usage on foreign server nos to pl_bob",
        lambda c: c.grant_usage("nos", "pl_bob"),
    ),
    (
        "revoke usage on foreign server nos from pl_bob",
        lambda c: c.revoke_usage("nos", "pl_bob"),
    ),
    (
        "revoke usage on foreign server s from pl_bob",
        lambda c: c.revoke_usage("s", "pl_bob"),
    ),
    ("grant pl_grp to pl_ann", lambda c: c.grant_role("pl_grp", "pl_ann")),
    ("grant pl_grp to pl_grp", lambda c: c.grant_role("pl_grp", "pl_grp")),
    ("grant pl_ann to pl_grp", lambda c: c.grant_role("pl_ann", "pl_grp")),
    ("grant pl_grp to public", lambda c: c.grant_role("pl_grp", "PUBLIC")),
    (
        "grant execute on function dblink_connect_u(text,text) to pl_bob",
        lambda c: c.grant_execute("dblink_connect_u(text,text)", "pl_bob"),
    ),
    (
        "grant execute on function nos(text) to pl_bob",
        lambda c: c.grant_execute("nos(text)", "pl_bob"),
    ),
    # wrappers
    (f"create {FDW}", lambda c: c.create_wrapper("dblink_fdw")),
    (
        "create foreign data wrapper pl_w options (a 'b')",
        lambda c: c.create_wrapper("pl_w", {"a": "b"}),
    ),
    (
        "create foreign data wrapper pl_v validator dblink_fdw_validator options (a 'b')",
        lambda c: c.create_wrapper("pl_v", {"a": "b"}, validated=True),
    ),
    (
        f"alter {FDW} options (add use_scram_passthrough 'true')",
        lambda c: c.alter_wrapper("dblink_fdw", add={"use_scram_passthrough": "true"}),
    ),
    (
        "alter foreign data wrapper pl_w options (add host 'x', set a 'c')",
        lambda c: c.alter_wrapper("pl_w", set={"a": "c"}, add={"host": "x"}),
    ),
    (
        "alter foreign data wrapper nos options (add host 'x')",
        lambda c: c.alter_wrapper("nos", add={"host": "x"}),
    ),
    (
        "create server p foreign data wrapper pl_w options (bogus 'x', user 'y')",
        lambda c: c.create_server("p", {"bogus": "x", "user": "y"}, wrapper="pl_w"),
    ),
    # drops
    (
        "drop user mapping for pl_ann server s",
        lambda c: c.drop_user_mapping("pl_ann", "s"),
    ),
    (
        "drop user mapping if exists for pl_ann server s",
        lambda c: c.drop_user_mapping("pl_ann", "s", if_exists=True),
    ),
    (
        "drop user mapping if exists for pl_ann server nos",
        lambda c: c.drop_user_mapping("pl_ann", "nos", if_exists=True),
    ),
    (
        "drop user mapping for pl_ann server nos",
        lambda c: c.drop_user_mapping("pl_ann", "nos"),
    ),
    ("drop server s", lambda c: c.drop_server("s")),
    ("drop server if exists s cascade", lambda c: c.drop_server("s", cascade=True)),
    ("drop server if exists s", lambda c: c.drop_server("s", if_exists=True)),
    ("drop server s", lambda c: c.drop_server("s")),
    (f'create server "A b" {FDW}', lambda c: c.create_server("A b")),
    (
        'create user mapping for pl_bob server "A b"',
        lambda c: c.create_user_mapping("pl_bob", "A b"),
    ),
    ('drop server "A b"', lambda c: c.drop_server("A b")),
    ('drop server "A b" cascade', lambda c: c.drop_server("A b", cascade=True)),
]


def test_the_same_ddl(both: Both) -> None:
    for sql, call in SCRIPT:
        both.agree(sql, call)


NAMES = """
hots server password passwd passfile sslcert host user client_encoding replication authtype tty
HOST po h sslsn ssl sslc sslcr keepalive use_scram_passthroug oauth_issuer oauth_client_secret
xxxxxxxx dbnamexxx dbnamexxxx dbnamexxxxx use Password sslkeylogfile scram_client_key
scram_server_key hostéééé ÿost é ééét éét sslnegotiation sslcertmode require_auth
min_protocol_version load_balance_hosts servicefile service zzzzzzzzzzzzzzzz
""".split()


def test_every_option_everywhere(both: Both) -> None:
    both.agree(f"create server s {FDW}", lambda c: c.create_server("s"))
    both.agree(
        "create user mapping for public server s", lambda c: c.create_user_mapping("PUBLIC", "s")
    )
    for name in [*NAMES, *(keyword.name for keyword in table(19)), "use_scram_passthrough"]:
        clause = f"options (add \"{name}\" 'true')"
        add = {name: "true"}
        both.agree(
            f"alter {FDW} {clause}", partial(Catalog.alter_wrapper, name="dblink_fdw", add=add)
        )
        both.agree(f"alter server s {clause}", partial(Catalog.alter_server, name="s", add=add))
        both.agree(
            f"alter user mapping for public server s {clause}",
            partial(Catalog.alter_user_mapping, user="PUBLIC", server="s", add=add),
        )


def test_the_errors_on_use_in_their_order(both: Both) -> None:
    """6.4: no mapping, no USAGE; who passes both goes on to check A or the network."""

    def uses(user: str) -> None:
        ours = both.catalog_says(lambda c: c.conninfo("s", user))
        both.connection.execute(f"set local role {user}")
        with_server = both.server_says("select dblink_connect('pl', 's')")
        both.connection.execute("reset role")
        if with_server[-1].sqlstate in ("2F003", "08001"):
            with_server = []
        assert ours == with_server, user

    def everybody() -> None:
        for user in ("pl_bob", "pl_ann", "pl_grp", "pl_own"):
            uses(user)

    both.agree(
        f"create server s {FDW} options (hostaddr '127.0.0.1', port '1')",
        lambda c: c.create_server("s", {"hostaddr": "127.0.0.1", "port": "1"}),
    )
    everybody()
    for sql, call in [
        ("create user mapping for pl_bob server s", lambda c: c.create_user_mapping("pl_bob", "s")),
        ("grant usage on foreign server s to pl_grp", lambda c: c.grant_usage("s", "pl_grp")),
        ("create user mapping for public server s", lambda c: c.create_user_mapping("PUBLIC", "s")),
        ("grant pl_grp to pl_ann", lambda c: c.grant_role("pl_grp", "pl_ann")),
        ("alter server s owner to pl_own", lambda c: c.alter_server("s", owner="pl_own")),
        ("grant pl_own to pl_bob", lambda c: c.grant_role("pl_own", "pl_bob")),
        ("revoke usage on foreign server s from pl_own", lambda c: c.revoke_usage("s", "pl_own")),
        ("alter server s owner to pl_ann", lambda c: c.alter_server("s", owner="pl_ann")),
        ("grant usage on foreign server s to public", lambda c: c.grant_usage("s", "PUBLIC")),
        ("revoke usage on foreign server s from public", lambda c: c.revoke_usage("s", "PUBLIC")),
        ("revoke pl_grp from pl_ann", lambda c: c.revoke_role("pl_grp", "pl_ann")),
    ]:
        both.agree(sql, call)
        everybody()


def test_the_composed_string_means_the_same(both: Both) -> None:
    info = both.connection.info
    options = {"host": info.host, "port": str(info.port), "dbname": info.dbname}
    mapping = {"user": info.user, "password": info.password or "none"}
    odd = {"application_name": 'it\'s \\ "app" a=b ', "options": "-c work_mem=1234kB"}
    literal = psycopg.sql.Literal
    listed = psycopg.sql.SQL(", ").join(
        psycopg.sql.SQL("{} {}").format(psycopg.sql.Identifier(name), literal(value))
        for name, value in {**options, **odd}.items()
    )
    both.connection.execute(
        psycopg.sql.SQL("create server s foreign data wrapper dblink_fdw options ({})").format(
            listed
        )
    )
    both.connection.execute(
        psycopg.sql.SQL(
            "create user mapping for public server s options (user {}, password {})"
        ).format(literal(mapping["user"]), literal(mapping["password"]))
    )
    both.catalog.create_server("s", {**options, **odd})
    both.catalog.create_user_mapping("PUBLIC", "s", mapping)
    composed = both.catalog.conninfo("s", info.user, superuser=True)
    query = "select current_setting('application_name'), current_setting('work_mem'), current_user"
    rows = [
        both.connection.execute(
            "select * from dblink(%s, %s) as t(a text, b text, c text)", [target, query]
        ).fetchone()
        for target in ("s", composed)
    ]
    assert rows[0] == rows[1] == (odd["application_name"], "1234kB", info.user)


LISTS = [
    "a 1)",
    "a foo, 1 int",
    "a foo, b bar",
    "a text collate (",
    "a int[3,4]",
    "a numeric[1,2]",
    "a int[x]",
    "a (int)",
    "a int(]",
    "a int []]",
    "a public.foo",
    "a varchar(-1)",
    "a int not null",
    "a pg_catalog.nosuch",
    "a numeric(3,-1)",
    'a "INT4"',
    "a interval hour to day",
    "a interval day to second(3)",
    "a int8[](3)",
    "a date(3)",
    "a double",
    "a national character varying(3)",
    "a int, b text, c text[]",
    "A INT",
    '"Mixed Case" int, "a""b" text',
    "É int, é int",
    "int int, between int, values int, a$b int",
    "a numeric(10,2), b numeric(5), c varchar(3), d char, e char(3), f bpchar",
    "a timestamp(3) with time zone, b time, c interval year to month, d bit varying(5)",
    "a double precision, b real, c float(10), d float(30), e dec, f smallint",
    'a "char", b pg_catalog.int4, c "int4", d int4range, e name',
    "a int[3][4], b int array[3], c text array, d varchar(3)[]",
    "a int /* , */, b text",
    "a /* x /* y */ z */ int",
    'a text collate "C", b text collate pg_catalog."default"',
    "x" * 70 + " int",
    "",
    "a int,",
    ",a int",
    "a int,,b int",
    "a int, b",
    "a int b int",
    "a int;",
    "a int)",
    "a int]",
    "a int[",
    "a numeric(10,2",
    "a varchar(3",
    "a timestamp with time",
    "a timestamp with time, b int",
    "a int(3)",
    "1 int",
    "a 1",
    "a 'x'",
    "'a' int",
    "$a int",
    "a.b int",
    "a int not null",
    "a int default 1",
    "a int /",
    "select int",
    "User int",
    "left int",
    "a setof",
    "a setof int",
    'a setof int collate "C"',
    "a collate x",
    "a int collate",
    "a text collate 1",
    "a text collate left",
    'a text collate "C" x',
    'a text collate "C"."D" x',
    "a text collate c. , b int",
    'a int collate "C"',
    '"" int',
    '"abc int',
    "a 'abc",
    "/* never",
    "a foo",
    'a "no such"',
    "a int, a foo",
    "a int, a int",
    "a int, A text",
    'É int, "É" int',
    "ctid int, ctid int",
    "a void",
    "a cstring",
    "a unknown",
    "a void, a int",
    "a varchar(0)",
    "a numeric(1001)",
    "a float(54)",
    "a text(3)",
]


@pytest.mark.parametrize("text", LISTS)
def test_column_lists(both: Both, text: str) -> None:
    sql = f"create temporary view pl_view as select * from dblink('x', 'y') as t({text})"
    theirs = [one for one in both.server_says(sql) if one.sqlstate != "42622"]
    ours, refused = None, []
    try:
        ours = declared(text)
    except errors.DatabaseError as error:
        refused = [said(error.diagnostics)]
    assert refused == theirs
    if ours is None:
        return
    rows = both.connection.execute(
        "select attname, atttypid::int, atttypmod from pg_attribute"
        " where attrelid = 'pl_view'::regclass and attnum > 0 order by attnum"
    ).fetchall()
    assert [(one.name, one.oid, one.typmod) for one in ours] == rows
