"""Plays a state machine so many times: what all the tests of machines share."""

from __future__ import annotations

from typing import Any, Callable

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

__all__ = ["play"]


def play(
    kind: type[RuleBasedStateMachine], make: Callable[[], Any], examples: int, steps: int
) -> None:
    """Run a machine whose `make` gives what it drives."""
    machine = type("Machine", (kind,), {"make": staticmethod(make)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
