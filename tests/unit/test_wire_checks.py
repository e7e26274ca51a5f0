"""Each numbered check of the wire that is about reaching a server has a test of that name.

And each class of incident that befell other clients (a CVE, an advisory, a bug) has at least one:
the list below is looked up, so that a test that is renamed or removed is missed.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
NAME = re.compile(r"def test_checks?_(\d{3}|\d\d)((?:_(?:\d{3}|and|to)(?=_))*)")

#: startup, versions, results, asynchronous, extended, pipeline, COPY, authentication, TLS, loss,
#: secrets; those in between are about values, whose tests go by other names: `VALUES`
NUMBERS = (*range(1, 180), 202, 203, 204, 205)

_QUOTING, _TEXT = "unit/values/test_values_quoting.py", "unit/values/test_values_text.py"
_INPUT, _BINARY = "unit/values/test_values_input.py", "unit/values/test_values_binary.py"
#: number of a check -> file, test, what the file holds of the check's own example
VALUES = {
    180: (_QUOTING, "refusals", r'(b"abc\xc3"'),
    181: (_QUOTING, "shift_jis_pairs_with_a_backslash_inside", r'(b"\x83'),
    182: (_QUOTING, "refusals", r'(b"\x81", "gb18030"'),
    183: (_QUOTING, "sql_ascii_keeps_any_byte_but_nul", "SQL_ASCII"),
    184: (_QUOTING, "literal", r'("a\\b", " E'),
    185: (_QUOTING, "refusals", r'("\udce9x"'),
    186: (_QUOTING, "refusals", r'("a\0b"'),
    187: ("real/test_hostile_schemas.py", "placeholders_are_the_servers", "select 1-"),
    188: ("real/test_hostile_schemas.py", "placeholders_are_the_servers", "$q$ $1"),
    189: ("property/test_values.py", "a_list_reads_back", "NULL"),
    190: ("real/test_types.py", "hostile_names", "drop"),
    191: ("unit/values/test_values_encoders.py", "escapes_of_copy_in_text", r"\N"),
    192: (_BINARY, "what_is_malformed", '("_int4", h("00000007 00000000 00000017")'),
    193: (_INPUT, "hostile_arrays_and_numbers", '"{" * '),
    194: (_BINARY, "what_is_malformed", r'("jsonb", b"\x02{}")'),
    195: (_TEXT, "what_is_malformed_is_a_short_data_error", r'("bytea", "\\xzz")'),
    196: (_TEXT, "what_servers_print", '("numeric", "1" + "0" * 131071'),
    197: ("real/test_odd_values.py", "odd_dates_in_every_style", "5874897"),
    198: ("real/test_odd_values.py", "intervals_infinite_and_of_hours_alone", "-infinity"),
    199: ("real/test_types.py", "domains_and_ranges", "multirange"),
    200: (_BINARY, "what_is_malformed", '("inet", h("02200005'),
    201: ("real/test_hostile_schemas.py", "check_201_a_hostile_search_path", "search_path"),
}

#: class of incident -> file, test
INCIDENTS = {
    "length overflow on the way out": ("unit/wire/test_frontend.py", "check_085"),
    "hostile lengths on the way in": ("scripted/test_result_checks.py", "check_036"),
    "responses said in advance": ("scripted/test_asynchronous_checks.py", "check_068"),
    "plaintext before TLS": ("scripted/test_tls_checks.py", "checks_148_and_149"),
    "an error text before TLS": ("scripted/test_tls_checks.py", "check_147"),
    "a function's answer larger than asked": ("scripted/test_result_checks.py", "check_061"),
    "a startup without end": ("scripted/test_startup_checks.py", "check_010"),
    "truncation inside TLS": ("scripted/test_tls_checks.py", "check_152"),
    "counts of rows and columns that lie": ("scripted/test_result_checks.py", "check_042"),
    "mutual authentication skipped": ("scripted/test_authentication_checks.py", "check_112"),
    "another method in one session": ("scripted/test_authentication_checks.py", "check_114"),
    "SCRAM iterations": ("scripted/test_authentication_checks.py", "check_122"),
    "channel binding downgraded": ("scripted/test_authentication_checks.py", "check_141"),
    "a certificate without a hash": ("scripted/test_authentication_checks.py", "check_139"),
    "loose signatures and nonces": ("scripted/test_authentication_checks.py", "check_119"),
    "timing of comparisons": ("unit/test_wire_checks.py", "secrets_are_compared_in_constant_time"),
    "a password used at another host": ("scripted/test_authentication_checks.py", "check_130"),
    "a password sent where it must not": ("scripted/test_authentication_checks.py", "check_141"),
    "a token that adds headers": ("scripted/test_authentication_checks.py", "check_144_tokens"),
    "text past the message": ("scripted/test_startup_checks.py", "check_009"),
    "escaping by encoding": ("unit/values/test_values_quoting.py", "shift_jis_pairs"),
    "NUL that truncates": ("scripted/test_startup_checks.py", "check_004"),
    "an encoding that the server names": ("scripted/test_asynchronous_checks.py", "check_073"),
    "literals that break out": ("property/test_values.py", "quoted_text_never_breaks_out"),
    "identifiers unquoted": ("unit/values/test_values_quoting.py", "quote_ident"),
    "rows that break out of COPY": ("unit/values/test_values_encoders.py", "escapes_of_copy"),
    "column names as code": ("scripted/test_asynchronous_checks.py", "check_076"),
    "bombs for parsers": ("unit/values/test_values_input.py", "json_nested_too_deeply"),
    "arrays and numbers that lie": ("unit/values/test_values_input.py", "hostile_arrays"),
    "options that nobody knows": ("unit/test_wire_checks.py", "no_option_runs_code"),
    "names in certificates": ("scripted/test_tls_checks.py", "check_154"),
    "TLS options ignored": ("scripted/test_tls_checks.py", "check_158"),
    "files that others can read": ("scripted/test_tls_checks.py", "check_159"),
    "an empty password": ("scripted/test_authentication_checks.py", "check_106"),
    "passwords in errors": ("scripted/test_secrets.py", "check_202"),
    "passwords in frames": ("scripted/test_secrets.py", "check_203"),
    "the environment": ("scripted/test_secrets.py", "connecting_leaves_the_environment"),
    "forks": ("scripted/test_cancel_and_loss_checks.py", "check_178"),
    "threads": ("scripted/test_cancel_and_loss_checks.py", "check_179"),
    "pickles": ("scripted/test_secrets.py", "check_204"),
    # of clients that put values into the text; here only `purelink.sql` does, when it is asked to
    "placeholders filled in by the client": (
        "real/test_hostile_schemas.py",
        "placeholders_are_the_servers",
    ),
    "a minus before a negative literal": ("unit/test_sql.py", "literals"),
    "what stands first in the search_path": ("real/test_hostile_schemas.py", "check_201"),
    "temporary files": ("unit/tls/test_context.py", "a_key_in_der_leaves_no_copy_behind"),
    "entities of XML": ("unit/values/test_values_text.py", "an_external_entity_in_xml"),
    "parsers and interpreters": ("unit/test_wire_checks.py", "nothing_of_a_servers_is_run"),
    "labels and names of types": ("real/test_hostile_schemas.py", "hostile_labels"),
    "errors that drive the terminal": (
        "real/test_cli_process.py",
        "a_terminal_is_not_driven_by_errors",
    ),
    "data that drives the terminal": (
        "real/test_cli_process.py",
        "a_terminal_is_not_driven_by_data",
    ),
    # no dump is written here, and no base backup, whose files a server would name
    "commands in a dump": ("real/test_hostile_schemas.py", "text_of_a_dump_runs_nothing"),
}


@cache
def source(name: str) -> str:
    return (TESTS / name).read_text(encoding="utf-8")


def numbers() -> set[int]:
    found: set[int] = set()
    for folder in ("scripted", "real", "unit/wire"):
        for path in (TESTS / folder).glob("test_*.py"):
            if "dblink" in path.name:
                continue  # those have a numbering of their own
            for first, more in NAME.findall(path.read_text(encoding="utf-8")):
                named = [int(first), *map(int, re.findall(r"\d{3}", more))]
                found.update(range(named[0], named[-1] + 1) if "_to" in more else named)
    return found


def test_every_check_has_a_test_of_its_name() -> None:
    assert sorted(set(NUMBERS) - numbers()) == []


def test_no_check_is_left_out() -> None:
    assert sorted((*NUMBERS, *VALUES)) == list(range(1, 206))


@pytest.mark.parametrize("number", VALUES)
def test_every_check_of_values_has_its_test(number: int) -> None:
    name, test, example = VALUES[number]
    assert re.search(rf"^def test_{test}\b", source(name), re.MULTILINE)
    assert example in source(name)


@pytest.mark.parametrize("incident", INCIDENTS)
def test_every_class_of_incident_has_a_test(incident: str) -> None:
    name, test = INCIDENTS[incident]
    assert re.search(rf"^(async )?def test_\w*{test}", source(name), re.MULTILINE)


def test_secrets_are_compared_in_constant_time() -> None:
    package = TESTS.parent / "purelink"
    scram = (package / "wire" / "scram.py").read_text(encoding="utf-8")
    assert "compare_digest(server, " in scram or "right = compare_digest(" in scram
    doubtful = re.compile(r"(signature|proof|server_key|digest)\w* ?[!=]= ")
    for path in (package / "wire").glob("*.py"):
        assert not doubtful.search(path.read_text(encoding="utf-8")), path


def test_nothing_of_a_servers_is_run() -> None:
    """Code is made in one module, of offsets and formats; XML is parsed nowhere; files are few."""
    package = TESTS.parent / "purelink"
    running, parsing, filing = set(), set(), set()
    for path in package.rglob("*.py"):
        name = path.relative_to(package).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id in ("eval", "exec", "compile", "__import__"):
                    running.add(name)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                module = getattr(node, "module", None) or ""
                named = {module, *(each.name for each in node.names)}
                tops = {each.partition(".")[0] for each in named}
                if tops & {"xml", "lxml", "defusedxml", "marshal", "shelve"}:
                    parsing.add(name)
                if "tempfile" in tops and not name.startswith("testing/"):
                    filing.add(name)
    assert running == {"values/compiled.py"}
    assert parsing == set()
    assert filing <= {"tls/context.py"}


@pytest.mark.parametrize(
    "option", ["__class__", "authenticationPluginClassName", "loggerFile", "socketFactory"]
)
def test_no_option_runs_code(option: str) -> None:
    from purelink import conninfo
    from purelink.errors import ConninfoError

    for text in (f"{option}=x", f"postgresql://h/d?{option}=x"):
        with pytest.raises(ConninfoError, match="invalid"):
            conninfo.resolve(text, None, surroundings=conninfo.Surroundings({}, user="u"))
