"""`face.tracing`: what kinds of file a trace can be written to, and how a bad one fails."""

from __future__ import annotations

import io
import logging
import re
from typing import TYPE_CHECKING

from purelink.face import tracing

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

QUERY = b"\0\0\0\x08\0\3\0\0" + b"Q\0\0\0\x0aq\xc3\xa4\xff\0\0"
STARTUP = "F\t8\tStartupMessage\t 3 0\n"


def test_binary() -> None:
    file = io.BytesIO()
    tracing(file, timestamps=False).said(QUERY)
    assert file.getvalue() == STARTUP.encode() + (
        b'F\t10\tQuery\t "q\xc3\xa4\xff"\nmismatched message length: consumed 9, expected 10\n'
    )


def test_text() -> None:
    file = io.StringIO()
    tracing(file, timestamps=False).said(QUERY)
    assert file.getvalue().startswith(STARTUP + 'F\t10\tQuery\t "qä\\xff"\n')


def test_text_in_a_poor_encoding(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    with path.open("w", encoding="ascii") as file:
        trace = tracing(file, timestamps=False)
        trace.said(QUERY)
        trace.stop()
        assert path.read_text().startswith(STARTUP + 'F\t10\tQuery\t "q\\xe4\\xff"\n')


def test_time() -> None:
    file = io.StringIO()
    tracing(file).said(QUERY)
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\tF\t8\tStartup", file.getvalue())


def test_a_file_that_can_only_be_written_to() -> None:
    class Written:
        data = b""

        def write(self, data: bytes) -> None:
            self.data += data

    file = Written()
    trace = tracing(file, timestamps=False)
    trace.said(QUERY)
    trace.stop()
    assert file.data.startswith(STARTUP.encode())


def test_a_closed_file_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    file = io.BytesIO()
    trace = tracing(file)
    file.close()
    with caplog.at_level(logging.DEBUG, "purelink"):
        trace.said(QUERY)
        trace.said(QUERY)
        trace.stop()
    assert caplog.messages == ["the file of a trace failed; the trace has ended"]
