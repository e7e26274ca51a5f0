"""`face`: every test that asks for it runs under both faces, or both pumps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.scripted.faces import AsyncFace, BlockingFace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.scripted.faces import Face


@pytest.fixture(params=[BlockingFace, AsyncFace], ids=["blocking", "asyncio"])
def face(request: pytest.FixtureRequest) -> Iterator[Face]:
    made: Face = request.param()
    try:
        yield made
    finally:
        made.close()
