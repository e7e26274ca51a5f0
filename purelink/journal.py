"""What a connection tells on the side: to `logging`, and to the file of a trace.

Floor 5. The one door to both; what is told there was masked before.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from .wire.tracing import Trace

__all__ = ["log", "report", "tracing"]


def report(text: str, error: BaseException | None) -> None:
    """Log what is no failure of a call: a warning, a notice, a handler's exception."""
    log("info" if error is None else "error", text, error)


def log(level: str, text: str, error: BaseException | None = None) -> None:
    """Tell `logging` what happens: the one door to it, logger `purelink.connection`.

    Where the program has not imported `logging` nobody can be listening, and we don't either.
    """
    logging = sys.modules.get("logging")
    if logging is None:
        return
    family = logging.getLogger("purelink")
    if not family.handlers:
        family.addHandler(logging.NullHandler())
    logger = logging.getLogger("purelink.connection")
    logger.log(getattr(logging, level.upper()), "%s", text, exc_info=error)


class _Paper:
    """A user's file, binary or text, as what a trace is written on."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._text = hasattr(file, "encoding")

    def write(self, data: bytes, /) -> None:
        if not self._text:
            self._file.write(data)
            return
        text = data.decode("utf-8", "backslashreplace")
        try:
            self._file.write(text)
        except UnicodeEncodeError:
            self._file.write(text.encode("ascii", "backslashreplace").decode("ascii"))

    def flush(self) -> None:
        flush = getattr(self._file, "flush", None)
        if flush is not None:
            flush()


def tracing(
    file: Any,
    *,
    timestamps: bool = True,
    regress: bool = False,
    pending: Callable[[], bytes] | None = None,
) -> Trace:
    """Return a trace to `file` for `connect`; arguments as `Connection.trace`.

    What is a trace already is returned.
    """
    from .pumps.channel import timestamp
    from .wire.tracing import Trace

    if isinstance(file, Trace):
        return file
    return Trace(
        _Paper(file),
        stamp=timestamp if timestamps else None,
        regress=regress,
        pending=pending,
        report=partial(report, "the file of a trace failed; the trace has ended"),
    )
