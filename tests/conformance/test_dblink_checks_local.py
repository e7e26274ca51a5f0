"""Checks 109 to 120 of dblink's specification: dblink_get_pkey and dblink_build_sql_*.

One test a check, through the extension and through a session of either face that has a local
connection to the same database.
"""

from __future__ import annotations

from typing import Any, Callable, Iterator

import pytest

import purelink
from purelink.dblink.aio import AsyncSession
from tests.conformance.dblink_pair import (
    Ours,
    Real,
    Script,
    Side,
    played,
    psycopg,
)

SETUP = r"""
create table inc (a int, b int, c int, primary key (b, a) include (c));
create view seen as select 1 as x;
create materialized view kept as select 1 as x;
create type pair as (a int, b int);
create table parted (a int primary key, b int) partition by range (a);
create table "My Tab" (id int primary key, "Weird ""Col" text, "select" text, n numeric(5,2));
insert into "My Tab" values (1, 'a\b', 'c\d', 1.5);
create table dropped (gone int, id int primary key, gone2 int, last text);
insert into dropped values (0, 1, 0, 'x');
alter table dropped drop column gone, drop column gone2;
create schema s;
create table s.other (id int primary key, x text);
insert into s.other values (1, 'it''s');
create table priv (a int primary key, b int);
grant select (a) on priv to plain;
create table dup (a int, b int);
insert into dup values (1, 1), (1, 2), (null, 3);
create table made (id int primary key, twice int generated always as (id * 2) stored,
    n int generated always as identity, d date, b bool);
insert into made (id, d, b) values (1, '2020-01-02', true);
"""

DROP = """
drop table if exists inc, parted, "My Tab", dropped, s.other, priv, dup, made cascade;
drop view if exists seen;
drop materialized view if exists kept;
drop type if exists pair;
drop schema if exists s;
"""

FOO = ("foo", "1 2", 2)


class Here(Ours):
    """A session with a local connection to `loc`."""

    def __init__(self, server: Any, face: str) -> None:
        if face == "Session":
            self.link: Any = purelink.connect(server.dsn, dbname="loc", autocommit=True)
            super().__init__(server, face, local=self.link)
        else:
            super().__init__(server, face)
            self.link = self.finish(purelink.aconnect(server.dsn, dbname="loc", autocommit=True))
            version = self.observer.info.server_version // 10000
            self.session = AsyncSession(
                superuser=True, user=server.superuser, dblink_version=version, local=self.link
            )

    def role(self, name: str | None) -> None:
        self.local("reset role" if name is None else f"set role {name}")

    def local(self, sql: str) -> None:
        self.finish(self.link.query(sql))

    def close(self) -> None:
        self.finish(self.link.close())
        super().close()


def twice_locally(script: Script) -> Callable[..., None]:
    """Make a test of a script: the extension and each face."""

    @pytest.mark.server
    @pytest.mark.parametrize("face", ["Session", "AsyncSession"])
    def test(face: str, server: Any) -> None:
        real, ours = played(Real(server), script), played(Here(server, face), script)
        for expected, found in zip(real, ours):
            assert found == expected, f"\n  real: {expected}\n  ours: {found}"
        assert len(real) == len(ours)

    test.__name__ = test.__qualname__ = script.__name__
    test.__module__ = script.__module__
    marked: Callable[..., None] = test
    return marked


@pytest.fixture(scope="module", autouse=True)
def _tables(server: Any) -> Iterator[None]:
    with psycopg.connect(server.dsn, dbname="loc", autocommit=True) as connection:
        connection.add_notice_handler(lambda _: None)
        connection.execute(DROP)
        connection.execute(SETUP)
        yield
        connection.execute(DROP)


def pkey(d: Side, name: Any) -> Any:
    return d.call("dblink_get_pkey", name)


def insert(d: Side, *args: Any) -> Any:
    return d.call("dblink_build_sql_insert", *args)


def update(d: Side, *args: Any) -> Any:
    return d.call("dblink_build_sql_update", *args)


def delete(d: Side, *args: Any) -> Any:
    return d.call("dblink_build_sql_delete", *args)


@twice_locally
def test_109_get_pkey(d: Side) -> None:
    pkey(d, "foo").gives(("1", "f1"), ("2", "f2"))
    pkey(d, "FOO").gives(("1", "f1"), ("2", "f2"))
    pkey(d, "public.foo").gives(("1", "f1"), ("2", "f2"))
    pkey(d, "loc.public.foo").gives(("1", "f1"), ("2", "f2"))
    pkey(d, '"FOO"').raises("42P01", 'relation "FOO" does not exist')
    pkey(d, "inc").gives(("1", "b"), ("2", "a"))
    pkey(d, "parted").gives(("1", "a"))
    pkey(d, '"My Tab"').gives(("1", "id"))
    pkey(d, "dropped").gives(("1", "id"))
    pkey(d, None).gives()


@twice_locally
def test_110_names(d: Side) -> None:
    for wrong in ("my tab", "", '"x', " ", "foo bar"):
        pkey(d, wrong).raises("42602", "invalid name syntax")
    pkey(d, "a.b.c.d").raises("42601", "improper relation name (too many dotted names): a.b.c.d")
    pkey(d, "db.s.other").raises(
        "0A000", 'cross-database references are not implemented: "db.s.other"'
    )
    pkey(d, "nonexist").raises("42P01", 'relation "nonexist" does not exist')
    pkey(d, "s.nonexist").raises("42P01", 'relation "s.nonexist" does not exist')
    pkey(d, "nosuch.t").raises("3F000", 'schema "nosuch" does not exist')
    pkey(d, "seen").gives()
    pkey(d, "kept").gives()
    pkey(d, "dup").gives()
    pkey(d, "foo_pkey").raises(
        "42809",
        'cannot open relation "foo_pkey"',
        detail="This operation is not supported for indexes.",
    )
    pkey(d, "pair").raises(
        "42809",
        'cannot open relation "pair"',
        detail="This operation is not supported for composite types.",
    )


@twice_locally
def test_111_insert(d: Side) -> None:
    said = "INSERT INTO foo(f1,f2,f3) VALUES('99','xyz','{a0,b0,c0}')"
    insert(d, *FOO, '{"0","a"}', '{"99","xyz"}').gives(said)
    insert(d, *FOO, ["0", "a"], ["99", "xyz"]).gives(said)
    insert(d, *FOO, "{{0,a}}", "[0:1]={99,xyz}").gives(said)
    insert(d, *FOO, ["0", "a"], [None, "NULL"]).gives(
        "INSERT INTO foo(f1,f2,f3) VALUES(NULL,'NULL','{a0,b0,c0}')"
    )
    insert(d, "made", "1", 1, ["1"], ["2"])
    for place in range(5):
        args: list[Any] = [*FOO, ["0", "a"], ["99", "xyz"]]
        args[place] = None
        insert(d, *args).gives(None)


@twice_locally
def test_112_update(d: Side) -> None:
    update(d, *FOO, '{"0","a"}', '{"99","xyz"}').gives(
        "UPDATE foo SET f1 = '99', f2 = 'xyz', f3 = '{a0,b0,c0}' WHERE f1 = '99' AND f2 = 'xyz'"
    )
    update(d, "foo", "2 1", 2, ["a", "0"], ["xyz", "99"]).gives(
        "UPDATE foo SET f1 = '99', f2 = 'xyz', f3 = '{a0,b0,c0}' WHERE f2 = 'xyz' AND f1 = '99'"
    )
    update(d, *FOO, ["0", "a"], ["99", None]).gives(
        "UPDATE foo SET f1 = '99', f2 = NULL, f3 = '{a0,b0,c0}' WHERE f1 = '99' AND f2 IS NULL"
    )
    # a repeated attribute: the first match counts
    update(d, "foo", "1 1", 2, ["0", "0"], ["7", "8"])
    update(d, "made", "1", 1, ["1"], ["2"])


@twice_locally
def test_113_delete(d: Side) -> None:
    delete(d, *FOO, '{"0",null}').gives("DELETE FROM foo WHERE f1 = '0' AND f2 IS NULL")
    delete(d, *FOO, ["no", "such"]).gives("DELETE FROM foo WHERE f1 = 'no' AND f2 = 'such'")
    delete(d, "foo", "3", 1, ["it's \\"]).gives("DELETE FROM foo WHERE f3 = E'it''s \\\\'")


@twice_locally
def test_114_attribute_numbers(d: Side) -> None:
    none = ("22023", "number of key attributes must be > 0")
    for vector, number in (("1 2", 0), ("1 2", -1), ("", 2)):
        delete(d, "foo", vector, number, ["0", "a"]).raises(*none)
        insert(d, "foo", vector, number, ["0"], ["1"]).raises(*none)
    for vector, wrong in (("4", 4), ("0", 0), ("-1", -1), ("1 4", 4)):
        delete(d, "foo", vector, 2, ["0", "a"]).raises("22023", f"invalid attribute number {wrong}")
    delete(d, "foo", "1 4", 1, ["0"]).gives("DELETE FROM foo WHERE f1 = '0'")
    delete(d, "foo", "1 2", 9, ["0", "a"]).gives("DELETE FROM foo WHERE f1 = '0' AND f2 = 'a'")


@twice_locally
def test_115_array_lengths(d: Side) -> None:
    source = ("2202E", "source key array length must match number of key attributes")
    target = ("2202E", "target key array length must match number of key attributes")
    for build in (insert, update):
        build(d, *FOO, ["0"], ["9"]).raises(*source)
        build(d, *FOO, ["0", "a"], ["9"]).raises(*target)
        build(d, *FOO, [], []).raises(*source)
    delete(d, *FOO, ["0", "a", "b"]).raises(*target)


@twice_locally
def test_116_the_row(d: Side) -> None:
    for build in (insert, update):
        build(d, *FOO, ["0", "zz"], ["1", "1"]).raises("21000", "source row not found")
        build(d, *FOO, ["0", None], ["1", "1"]).raises("21000", "source row not found")
        build(d, "dup", "1", 1, ["1"], ["2"]).raises(
            "21000", "source criteria matched more than one record"
        )
        build(d, "dup", "1", 1, [None], ["2"])


@twice_locally
def test_117_quoting(d: Side) -> None:
    insert(d, '"My Tab"', "1", 1, ["1"], ["2"]).gives(
        """INSERT INTO "My Tab"(id,"Weird ""Col","select",n)"""
        r""" VALUES('2',E'a\\b',E'c\\d','1.50')"""
    )
    update(d, '"My Tab"', "1", 1, ["1"], ["2"])
    delete(d, '"My Tab"', "2 3", 2, ["x", None])


@twice_locally
def test_118_dropped_columns(d: Side) -> None:
    insert(d, "dropped", "1", 1, ["1"], ["2"]).gives("INSERT INTO dropped(id,last) VALUES('2','x')")
    update(d, "dropped", "1", 1, ["1"], ["2"]).gives(
        "UPDATE dropped SET id = '2', last = 'x' WHERE id = '2'"
    )
    delete(d, "dropped", "2", 1, ["x"]).gives("DELETE FROM dropped WHERE last = 'x'")
    delete(d, "dropped", "3", 1, ["x"]).raises("22023", "invalid attribute number 3")


@twice_locally
def test_119_search_path(d: Side) -> None:
    insert(d, "s.other", "1", 1, ["1"], ["2"]).gives(
        "INSERT INTO s.other(id,x) VALUES('2','it''s')"
    )
    delete(d, "public.foo", "1", 1, ["2"]).gives("DELETE FROM foo WHERE f1 = '2'")
    d.local("set search_path = s, public")
    delete(d, "s.other", "1", 1, ["2"]).gives("DELETE FROM other WHERE id = '2'")
    d.local("set datestyle = german")
    insert(d, "public.made", "1", 1, ["1"], ["2"])


@twice_locally
def test_120_rights(d: Side) -> None:
    d.role("plain")
    denied = ("42501", "permission denied for table priv")
    pkey(d, "priv").raises(*denied)
    delete(d, "priv", "1", 1, ["1"]).raises(*denied)
    insert(d, "priv", "1", 1, ["1"], ["2"]).raises(*denied)
    pkey(d, "foo").gives(("1", "f1"), ("2", "f2"))
