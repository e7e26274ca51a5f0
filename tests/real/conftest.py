"""`door`: every test that asks for it runs under both faces, on the real server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.both import Door

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import AnyServer


@pytest.fixture(params=["blocking", "asyncio"])
def door(request: pytest.FixtureRequest, server: AnyServer) -> Iterator[Door]:
    made = Door(request.param, server.dsn)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def connection(door: Door) -> Any:
    """A connection in autocommit."""
    return door.connect()
