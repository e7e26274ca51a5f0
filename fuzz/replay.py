"""Replays every kept input of every target, without atheris: `python -m fuzz.replay`."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from fuzz.libpq import NoLibpq
from fuzz.runner import TARGETS, kept

__all__ = ["replay"]


def replay(target: str) -> int:
    """Replay one target's corpus and return how many inputs it has.

    Raises:
        NoLibpq: the target compares with a libpq, and there is none.
        AssertionError: an input breaks the invariant.
    """
    module: Any = importlib.import_module(f"fuzz.{target}")
    count = 0
    for name, data in kept(target):
        try:
            module.one(data)
        except AssertionError as error:
            raise AssertionError(f"{target}/{name}: {error}") from error
        count += 1
    return count


def main() -> int:
    """Replay all; 1 if an invariant is broken."""
    failed = 0
    for target in TARGETS:
        try:
            print(f"{target}: {replay(target)} inputs hold")
        except NoLibpq as error:
            print(f"{target}: SKIPPED, {error}")
        except AssertionError as error:
            print(f"{target}: BROKEN, {error}")
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
