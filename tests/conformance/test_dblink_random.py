"""A short run of the random sequences of `dblink_random`; the long one is its command."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.dblink_pair import FACES
from tests.conformance.dblink_random import difference, sequence

pytestmark = pytest.mark.server


@pytest.mark.parametrize("face", FACES)
def test_no_difference(server: Any, face: str) -> None:
    calls = 0
    for number in range(75):
        made, told = difference(server, f"{face}/{number}", face)
        assert not told, told
        calls += made
    assert calls > 700


def test_sequences_are_told_by_their_seed_and_rich_enough() -> None:
    assert sequence("1/5") == sequence("1/5") != sequence("1/6")
    steps = [step for number in range(200) for step in sequence(f"1/{number}")]
    used = {step.what for step in steps}
    assert len(used) == 17
    assert {True, False} <= {rest for step in steps for rest in step.rest if isinstance(rest, bool)}
