"""`purelink query` and `exec`: what they print beside what psql prints, and what they exit with."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

import pytest

from purelink.cli import COMMANDS
from tests.real.cli import Shell

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import AnyServer


@pytest.fixture
def shell(
    server: AnyServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    return Shell(monkeypatch, capsys, server)


QUERIES = {
    "types": "select 1 as n, 'a' as text, 1.5::numeric as x, true as b, null as \"null\","
    " '1 day'::interval, '2020-01-01'::date, 3::oid, '{1,2}'::int[], '12.5'::money",
    "no rows": "select 1 as a, 'x' as b where false",
    "no columns": "select from generate_series(1, 2)",
    "many": "select n, repeat('x', n) as xs from generate_series(1, 12) n",
    "lines": "select E'a\\nbb\\nccc' as one, 'z' as two, E'1\\n2' as three, 7 as four",
    "lines last": "select 1 as a, E'x\\nyy' as b",
    "heading of two lines": 'select 1 as "a\nlong", 2 as b, \'text\' as "c\nd\ne"',
    "heading of two lines last": 'select 1 as a, 2 as "b\nlonger"',
    "wide": "select '日本語' as 名, 'é' as b, 'x' as c, '🐘' as elephant union all"
    " select 'ab', 'cd', '日', '-'",
    "combining": "select E'e\\u0301' as a, 'x' as b",
    "control": "select E'a\\x01b\\x7f' as a, E'tab\\there' as b, E'cr\\rhere' as c,"
    " E'\\x1b[31m' as d",
    "trailing blanks": "select 'a  ' as a, 'b  ' as b union all select 'aaaaaa', 'bbbbbb'",
    "empty text": "select '' as a, null as b",
    "quotes": "select 'a\"b' as a, 'c,d' as b, E'e\\nf' as c, E'\\\\.' as d, 'g|h' as e,"
    " ' i ' as f",
}


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize(
    "options",
    [
        [],
        ["-t"],
        ["-x"],
        ["-x", "-t"],
        ["-A"],
        ["-A", "-t"],
        ["-A", "-x"],
        ["-A", "-F", ";"],
        ["--csv"],
        ["--csv", "-t"],
    ],
    ids=" ".join,
)
def test_it_prints_what_psql_prints(shell: Shell, query: str, options: list[str]) -> None:
    theirs = shell.psql(*options, "-c", QUERIES[query])
    ours = shell("query", *options, QUERIES[query])
    assert ours == (0, theirs.out, "")
    script = shell("exec", *options, QUERIES[query])
    assert script == (0, theirs.out, "")


@pytest.mark.parametrize("options", [[], ["-x"], ["-A"], ["--csv"]], ids=" ".join)
def test_null_as_text(shell: Shell, options: list[str]) -> None:
    sql = "select null as a, 1 as b, '' as c"
    theirs = shell.psql("-P", "null=¤", *options, "-c", sql)
    assert shell("query", "--null", "¤", *options, sql).out == theirs.out


@pytest.mark.parametrize(
    "sql",
    [
        "create temp table t (a int); insert into t values (1), (2); table t; drop table t",
        "create temp table t (a int); insert into t values (1) returning a",
        "begin; select 1; rollback",
        "create temp table t (a int); copy t to stdout; select 1",
        "select 1; select 1/0; select 2",
        "",
        ";",
        "set client_min_messages = notice; do $$ begin raise notice 'n %', 1; end $$",
        "do $$ begin raise warning 'w' using detail = 'd', hint = 'h'; end $$",
    ],
)
def test_several_statements(shell: Shell, sql: str) -> None:
    theirs = shell.psql("-c", sql)
    ours = shell("exec", sql)
    assert ours == theirs


@pytest.mark.parametrize(
    "sql",
    [
        "selec",
        "select 1,\n  nothing,\n 3",
        "select 'é日本' || 1/0",
        "select nothing from " + "very_" * 12 + "long where a = 1 and b = 2 and c = 'something'",
        "select '" + "x" * 100 + "', nothing, '" + "y" * 100 + "'",
        "\tselect\tnothing",
        "do $$ begin perform 1/0; end $$",
        "do $$ begin execute 'selec'; end $$",
        "select * from nowhere",
    ],
)
def test_errors_are_spelled_as_psql_spells_them(shell: Shell, sql: str) -> None:
    theirs = shell.psql("-c", sql)
    assert theirs.code == 1
    assert shell("exec", sql) == theirs
    assert shell("query", sql) == theirs


def test_parameters(shell: Shell) -> None:
    bound = ["-b", "20", "--typed", "int[]", "{1,2}", "--null-param", "--param=x'; --"]
    sql = "select $1::int + 1 as a, $2 as b, $3::text is null as c, $4::text as d"
    ours = shell("query", "--jsonl", sql, *bound)
    assert json.loads(ours.out) == {"a": 21, "b": [1, 2], "c": True, "d": "x'; --"}


def test_a_type_of_ones_own_and_one_that_is_not(shell: Shell) -> None:
    assert shell(
        "query", "-t", "-A", "select pg_typeof($1)", "--typed", "regclass", "pg_class"
    ) == (
        0,
        "regclass\n",
        "",
    )
    refused = shell("query", "select $1", "--typed", "nonsense", "1")
    assert refused.code == 1
    assert 'type "nonsense" does not exist' in refused.err


def test_a_wrong_number_of_parameters(shell: Shell) -> None:
    ours = shell("query", "select $1::int")
    assert ours.code == 1
    assert "bind message supplies 0 parameters" in ours.err


def test_json(shell: Shell) -> None:
    sql = """select 1 as a, 1.50 as b, 'NaN'::float8 as c, true as d, null as e, 'é"' as f,
        '{"k": [1, 2.50]}'::jsonb as g, '{"x":\n1}'::json as h, '{{1,NULL},{3,4}}'::int[] as i,
        '{"a b",NULL,"c\\"d"}'::text[] as j, '2020-01-02'::date as k, 5 as a,
        9007199254740993::int8 as l, '{}'::bool[] as m, '{t,f}'::bool[] as n"""
    row = {
        "a": 1,
        "b": 1.5,
        "c": "NaN",
        "d": True,
        "e": None,
        "f": 'é"',
        "g": {"k": [1, 2.5]},
        "h": {"x": 1},
        "i": [[1, None], [3, 4]],
        "j": ["a b", None, 'c"d'],
        "k": "2020-01-02",
        "a_2": 5,
        "l": 9007199254740993,
        "m": [],
        "n": [True, False],
    }
    assert json.loads(shell("query", "--json", sql).out) == [row]
    lines = shell("query", "--jsonl", sql).out
    assert lines.count("\n") == 1
    assert json.loads(lines) == row
    assert '"b": 1.50' in lines
    assert json.loads(shell("query", "--json", "select 1 as a where false").out) == []
    assert json.loads(shell("query", "--json", "create temp table t (a int)").out) == []
    assert json.loads(shell("query", "--json", "select n from generate_series(1, 5000) n").out)[
        4999
    ] == {"n": 5000}


def test_json_of_a_script(shell: Shell) -> None:
    ours = shell("exec", "--json", "select 1 as a; create temp table t (a int)", "select 2 as b")
    assert json.loads(ours.out) == [
        {"rows": [{"a": 1}], "command": "SELECT 1"},
        {"command": "CREATE TABLE"},
        {"rows": [{"b": 2}], "command": "SELECT 1"},
    ]
    assert json.loads(shell("exec", "--json", "").out) in ([], [{"command": ""}])
    broken = shell("exec", "--json", "select n, 1/(3 - n) as x from generate_series(1, 5) n")
    assert broken.code == 1
    assert json.loads(broken.out)[0]["rows"][0] == {"n": 1, "x": 0}
    told = json.loads(broken.err)["error"]
    assert told["sqlstate"] == "22012"
    assert told["condition"] == "division_by_zero"
    assert told["severity"] == "ERROR"


SCRIPT = """\
-- a comment; with a semicolon
create temp table t (a int, b text);
copy t from stdin;
1\tone;
2\t\\N
\\.
insert into t values (3, 'a;b'), (4, $x$c;
d$x$); /* ; /* nested; */ ; */
create function pg_temp.f() returns int language sql
begin atomic
    select 1;
    select case when true then 2 end;
end;
select * from t order by a; select "a" as ";", E'it\\'s;' from t where a = (1);
do $$ begin raise notice 'here;'; end $$;
select pg_temp.f()
"""


def test_a_script(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "script.sql"
    path.write_text(SCRIPT)
    theirs = shell.psql("-f", str(path))
    ours = shell("exec", "-f", str(path))
    assert ours.out == theirs.out
    assert ours.err == theirs.err.replace("psql:", "purelink:")
    assert ours.code == theirs.code == 0


def test_a_script_from_standard_input(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(SCRIPT))
    assert shell("exec", "-q").out == shell.psql("-q", text=SCRIPT).out
    monkeypatch.setattr(sys, "stdin", io.StringIO("select 42"))
    assert shell("query", "-t", "-A") == (0, "42\n", "")


def test_a_script_stops_at_an_error(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "bad.sql"
    path.write_text("select 1;\ncopy (select 1) to stdout;\n\nselect 1\n/0;\nselect 3;\n")
    theirs = shell.psql("-v", "ON_ERROR_STOP=1", "-f", str(path))
    ours = shell("exec", "-f", str(path))
    assert ours == (theirs.code, theirs.out, theirs.err.replace("psql:", "purelink:"))
    assert ours.code == 3
    going = shell("exec", "--keep-going", "-f", str(path))
    theirs = shell.psql("-f", str(path))
    assert (going.code, going.out) == (1, theirs.out)


def test_the_line_of_an_error_behind_data(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "data.sql"
    path.write_text("create temp table t (a int);\ncopy t from stdin;\n1\n2\n\\.\nselec;\n")
    theirs = shell.psql("-v", "ON_ERROR_STOP=1", "-f", str(path))
    assert shell("exec", "-f", str(path)).err == theirs.err.replace("psql:", "purelink:")
    path.write_text("create temp table t (a int);\ncopy t from stdin;\nx\n\\.\nselect 1;\n")
    ours = shell("exec", "--keep-going", "-f", str(path))
    assert 'invalid input syntax for type integer: "x"' in ours.err
    assert "(1 row)" in ours.out


def test_a_dump_of_pg_dump(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "dump.sql"
    path.write_text("\\restrict abc\nselect 1 as a;\n\\unrestrict abc\n")
    assert "(1 row)" in shell("exec", "-f", str(path)).out
    path.write_text("\\echo hello\nselect 1;\n")
    ours = shell("exec", "-f", str(path))
    assert ours.code == 3
    assert "\\echo is a command of psql's own" in ours.err


def test_a_single_transaction(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "one.sql"
    path.write_text("create table cli_single (a int);\nselect 1/0;\n")
    assert shell("exec", "-1", "-f", str(path)).code == 3
    assert "does not exist" in shell("query", "table cli_single").err
    path.write_text("create table cli_single (a int);\n")
    assert shell("exec", "-1", "-f", str(path), "drop table cli_single").code == 0


def test_output_into_a_file(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    assert shell("query", "--csv", "-o", str(path), "select 'é' as a") == (0, "", "")
    assert path.read_text(encoding="utf-8") == "a\né\n"
    assert shell("query", "-o", str(tmp_path / "no" / "where"), "select 1").code == 1


def test_timing(shell: Shell) -> None:
    assert "\nTime: " in shell("query", "--timing", "select 1").out
    machine = shell("query", "--timing", "--csv", "select 1")
    assert machine.out == "?column?\n1\n"
    assert machine.err.startswith("Time: ")


def test_no_connection_and_wrong_usage(shell: Shell) -> None:
    refused = shell("query", "-h", "127.0.0.1", "-p", "1", "select 1")
    assert refused.code == 2
    assert 'purelink: error: connection to server at "127.0.0.1", port 1 failed' in refused.err
    assert shell("query", "-d", "host=", "--port", "x", "select 1").code == 2
    assert shell("query", "-d", "nonsense=1", "select 1").code == 2
    assert (
        json.loads(shell("query", "--json", "-d", "nonsense=1", "select 1").err)["error"]["message"]
        == 'invalid connection option "nonsense"'
    )
    for wrong in (
        ["query", "--nonsense"],
        ["query", "--csv", "-x", "select 1"],
        ["exec", "-1", "--keep-going"],
    ):
        assert shell(*wrong).code == 1
    assert shell("query", "-f", "/nowhere/at/all").code == 1


def test_the_string_wins_over_the_options(shell: Shell, server: AnyServer) -> None:
    # as psql's manual says of -d
    text = f"host={server.host} port={server.port}"
    assert shell("query", "-h", "/nowhere", "-p", "1", "-d", text, "select 1").code == 0
    assert shell("query", "-t", "-A", "-d", "rem", "select current_database()").out == "rem\n"


def test_a_connection_that_is_lost(shell: Shell) -> None:
    ours = shell("exec", "select pg_terminate_backend(pg_backend_pid())", "select 1")
    assert ours.code == 2
    assert "terminating connection due to administrator command" in ours.err


def test_a_variable_of_the_application_name(shell: Shell) -> None:
    assert shell("query", "-tA", "show application_name").out == "purelink\n"


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_has_examples_and_exit_codes(shell: Shell, command: str) -> None:
    said = shell(command, "--help")
    assert said.code == 0
    assert "examples:\n" in said.out
    assert "exit codes" in said.out


def test_colours_where_they_are_wanted(shell: Shell) -> None:
    said = shell("query", "--color", "always", "select 1 as a")
    assert said.out.startswith("\x1b[1m a \x1b[0m\n")
    assert "\x1b[1;31mERROR:\x1b[0m" in shell("query", "--color", "always", "selec").err
    assert "\x1b" not in shell("query", "select 1 as a").out


def test_a_service_file_and_a_passfile(
    shell: Shell, server: AnyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, passwords = tmp_path / "services", tmp_path / "passwords"
    services.write_text(
        f"[shop]\nhost={server.host}\nport={server.port}\nuser=u_scram\ndbname=rem\n"
    )
    passwords.write_text(f"{server.host}:*:rem:u_scram:pw\n")
    passwords.chmod(0o600)
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    sql = "select current_user, current_database()"
    theirs = shell.psql("-t", "-A", "-d", "service=shop", "-c", sql)
    assert shell("query", "-t", "-A", "-d", "service=shop", sql) == theirs
    assert theirs.out == "u_scram|rem\n"
