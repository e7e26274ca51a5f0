"""Where the command line speaks to: a stream that may be a terminal, with colours there alone.

Floor 6. On a terminal what could drive it is escaped; into a file or pipe bytes go as they are. A
password is asked for on the terminal itself, never read from the data on standard input.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from .table import DANGEROUS, escaped

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Output", "ask_password", "colours_for"]

_STYLES = {
    "heading": "1",
    "footer": "2",
    "error": "1;31",
    "warning": "1;33",
    "notice": "1;36",
    "bar": "36",
}


def colours_for(stream: Any, wish: str = "auto") -> bool:
    """Tell whether a stream gets colours.

    Args:
        wish: "always", "never", or "auto": on a terminal, unless `NO_COLOR` is set or
            `TERM` says that it can't.

    Source: https://no-color.org
    """
    if wish != "auto":
        return wish == "always"
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return _is_terminal(stream)


def _is_terminal(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        return False


class Output:
    """Text and bytes into a stream of ours or a file, in UTF-8 unless a terminal differs.

    Args:
        stream: `sys.stdout` or `sys.stderr`; path: a file to write instead.
        colour: "auto", "always", "never".
    """

    def __init__(
        self, stream: TextIO | None = None, *, path: str | None = None, colour: str = "auto"
    ) -> None:
        self._file: Any = None
        self._stream = sys.stdout if stream is None else stream
        if path not in (None, "-"):
            assert path is not None
            self._file = Path(path).open("wb")  # noqa: SIM115 - closed by `close`
        self.terminal = self._file is None and _is_terminal(self._stream)
        self.coloured = self._file is None and colours_for(self._stream, colour)
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        self._encoding = encoding if self.terminal else "utf-8"
        self._errors = "backslashreplace" if self.terminal else "surrogateescape"

    def write(self, text: str) -> None:
        """Write text. What could drive a terminal is escaped where this is one."""
        if self.terminal and DANGEROUS.search(text):
            text = "\n".join(escaped(line) for line in text.split("\n"))
        self._put(text)

    def styled(self, style: str, text: str) -> None:
        """Write text in a style of ours, if there are colours."""
        if not self.coloured:
            self.write(text)
            return
        self._put(f"\x1b[{_STYLES[style]}m")
        self.write(text)
        self._put("\x1b[0m")

    def control(self, text: str) -> None:
        """Write what moves a terminal's cursor: our own words only."""
        self._put(text)

    def write_bytes(self, data: bytes) -> None:
        """Write bytes as they are; on a terminal as text."""
        if self.terminal:
            self.write(data.decode("utf-8", "surrogateescape"))
            return
        binary = self._file or getattr(self._stream, "buffer", None)
        if binary is None:
            self._stream.write(data.decode("utf-8", "backslashreplace"))
        else:
            binary.write(data)

    def _put(self, text: str) -> None:
        binary = self._file or getattr(self._stream, "buffer", None)
        if binary is None:
            self._stream.write(text)
            return
        try:
            data = text.encode(self._encoding, self._errors)
        except UnicodeEncodeError:
            data = text.encode(self._encoding, "backslashreplace")
        binary.write(data)
        if self.terminal:
            binary.flush()

    def flush(self) -> None:
        """Have everything written."""
        (self._file or self._stream).flush()

    def close(self) -> None:
        """Flush; close the file if it is ours."""
        if self._file is None:
            self._stream.flush()
        else:
            self._file.close()

    def __enter__(self) -> Output:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def ask_password(user: str | None) -> str | None:
    """Ask for a password on the terminal, unseen; None where there is no terminal to ask.

    Source: psql's prompt, `simple_prompt`.
    """
    if os.name == "posix":
        try:
            os.close(os.open("/dev/tty", os.O_RDWR | getattr(os, "O_NOCTTY", 0)))
        except OSError:
            return None
    elif not _is_terminal(sys.stdin):
        return None
    from getpass import getpass

    prompt = f"Password for user {escaped(user)}: " if user else "Password: "
    try:
        return getpass(prompt)
    except EOFError:
        return None
