"""A line that tells how far a COPY is: rows, bytes, rate, and the time left where that is known.

Floor 6. Drawn on a terminal alone, a few times a second; nothing of it reaches a file or a pipe.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Callable

from .table import display_width

if TYPE_CHECKING:
    from .terminal import Output

__all__ = ["Progress", "duration", "size"]

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_BAR = 24


def size(count: float) -> str:
    """Return a number of bytes for people: `3.4 MB`, of 1000 kB."""
    for unit in _UNITS:
        if count < 1000 or unit == _UNITS[-1]:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError(count)


def duration(seconds: float) -> str:
    """Return a duration for people: `1:02:03`, `0:07`."""
    whole = int(seconds + 0.5)
    hours, rest = divmod(whole, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


class Progress:
    """Counts what goes by, and draws.

    Args:
        out: where to draw. shown: draw at all.
        total: bytes that will come; None: not known.
        every: seconds between two drawings, at least.
    """

    def __init__(
        self,
        out: Output,
        *,
        shown: bool,
        total: int | None = None,
        every: float = 0.2,
        columns: int = 79,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._out = out
        self._shown = shown
        self._total = total
        self._every = every
        self._columns = columns
        self._clock = clock
        self._started = clock()
        self._drawn_at = self._started
        self._width = 0
        self.rows = 0
        self.bytes = 0

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return max(self._clock() - self._started, 1e-9)

    def add(self, rows: int, count: int) -> None:
        """Count rows and bytes that went by."""
        self.rows += rows
        self.bytes += count
        if not self._shown:
            return
        now = self._clock()
        if now - self._drawn_at >= self._every:
            self._drawn_at = now
            self._draw()

    def line(self) -> str:
        """Return what is drawn."""
        seconds = self.seconds
        pieces = [
            f"{self.rows:,} rows",
            size(self.bytes),
            f"{size(self.bytes / seconds)}/s",
        ]
        if self._total is None:
            pieces.append(duration(seconds))
            return "  ".join(pieces)
        share = min(self.bytes / self._total, 1.0) if self._total else 1.0
        full = int(share * _BAR)
        bar = "[" + "#" * full + "." * (_BAR - full) + "]"
        pieces = [bar, f"{share:4.0%}", *pieces]
        if 0 < share < 1:
            pieces.append(f"{duration(seconds / share - seconds)} left")
        return "  ".join(pieces)

    def _draw(self) -> None:
        text = self.line()[: self._columns]
        gap = " " * max(0, self._width - display_width(text))
        self._width = display_width(text)
        self._out.control("\r")
        self._out.styled("bar", text)
        self._out.control(gap)
        self._out.flush()

    def close(self) -> None:
        """Wipe the line."""
        if self._width:
            self._out.control("\r" + " " * self._width + "\r")
            self._out.flush()
            self._width = 0
