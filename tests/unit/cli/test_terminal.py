"""Where the command line speaks to: colours, escapes, bytes, the password's prompt."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any

import pytest

from purelink.cli.terminal import Output, ask_password, colours_for

if TYPE_CHECKING:
    from pathlib import Path


class Tty(io.TextIOWrapper):
    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding)

    def isatty(self) -> bool:
        return True

    @property
    def shown(self) -> bytes:
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue()


def test_colours_are_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    assert colours_for(Tty())
    assert not colours_for(io.StringIO())
    assert not colours_for(object())
    assert colours_for(io.StringIO(), "always")
    assert not colours_for(Tty(), "never")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not colours_for(Tty())
    monkeypatch.setenv("NO_COLOR", "")
    assert colours_for(Tty())
    monkeypatch.setenv("TERM", "dumb")
    assert not colours_for(Tty())


def test_a_terminal_is_not_driven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Tty()
    out = Output(stream)
    out.write("a\x1b[2J\tb\r\n\u202e\x90c\n")
    out.write_bytes(b"\x07\xff\n")
    out.styled("error", "ERROR:")
    assert stream.shown == (
        b"a\\x1B[2J\tb\\r\n\\u202E\\u0090c\n\\x07\\udcff\n\x1b[1;31mERROR:\x1b[0m"
    )


def test_a_terminal_of_few_letters() -> None:
    stream = Tty("ascii")
    Output(stream, colour="never").write("é日")
    assert stream.shown == b"\\xe9\\u65e5"


def test_bytes_into_a_file(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with Output(path=str(path)) as out:
        out.write("é\x1b")
        out.write_bytes(b"\xff")
        out.write("\udcfe")
        out.flush()
        assert not out.coloured
    assert path.read_bytes() == "é\x1b".encode() + b"\xff\xfe"


def test_text_streams_without_bytes() -> None:
    stream = io.StringIO()
    out = Output(stream)
    out.write("é")
    out.write_bytes(b"\xff")
    out.close()
    assert stream.getvalue() == "é\\xff"


@pytest.mark.skipif(os.name != "posix", reason="the terminal is a device there")
def test_no_terminal_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_arguments: Any) -> int:
        raise OSError("no tty")

    monkeypatch.setattr("os.open", none)
    assert ask_password("alice") is None
