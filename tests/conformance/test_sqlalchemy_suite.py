"""A small part of SQLAlchemy's own suite, on both dialects; the whole of it is one command.

`python -m tests.conformance.sqlalchemy_suite`, which compares with psycopg's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed")

from purelink.testing.programs import ProgramsMissing
from tests.conformance.sqlalchemy_suite import __main__ as suite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from purelink.testing.server import Server

pytestmark = pytest.mark.server

PART = "InsertBehaviorTest or ServerSideCursorsTest or IsolationLevelTest or JSONTest or ArrayTest"


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    try:
        with suite.server() as started:
            yield started
    except ProgramsMissing as missing:
        pytest.skip(f"no server: {missing}")


@pytest.mark.parametrize("driver", ["purelink", "purelink_async"])
def test_a_part(own: Server, driver: str) -> None:
    address = suite.url(driver, "127.0.0.1", own.port, own.superuser)
    outcome = suite.run(driver, address, ["-k", PART])
    assert outcome.failed == set()
    assert len(outcome.passed) > 80
