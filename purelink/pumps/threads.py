"""A long computation, or a look-up, that must not outlast its limit: in a thread of its own.

Floor 4. Neither PBKDF2 nor the system's resolver can be interrupted, but both let go of the
interpreter. The thread lives no longer than the computation; one that outlives its limit ends by
itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["compute_within"]


def compute_within(
    remaining: Callable[[], float | None], function: Callable[..., Any], args: tuple[Any, ...]
) -> Any:
    """Return the function's result, or raise what it raises.

    Args:
        remaining: seconds left to wait; raises when there are none, and that leaves here.
    """
    import threading

    outcome: list[tuple[Any, BaseException | None]] = []

    def compute() -> None:
        try:
            outcome.append((function(*args), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=compute, name="purelink-compute", daemon=True)
    try:
        thread.start()
    except RuntimeError:
        compute()  # an interpreter without threads
    while not outcome:
        thread.join(remaining())
    result, error = outcome[0]
    if error is not None:
        raise error
    return result
