"""The libpq side of `fuzz.resolve_differential`: one process with an environment of its own.

Reads one JSON object a line (environment, string or pairs) and answers with what PQconninfo,
PQerrorMessage, the host whose turn it is, and stderr say after PQconnectStart.
"""

from __future__ import annotations

import json
import locale
import os
import sys
import tempfile

from fuzz.libpq import Libpq, find

__all__ = ["main"]


def main() -> None:
    """Serve until stdin ends."""
    path = sys.argv[1] if len(sys.argv) > 1 else ""
    libpq = Libpq(path) if path else find()
    hello = {"build": libpq.build, "codeset": locale.nl_langinfo(locale.CODESET)}
    print(json.dumps(hello), flush=True)
    with tempfile.TemporaryFile() as stderr:
        os.dup2(stderr.fileno(), 2)
        for line in sys.stdin:
            print(json.dumps(_answer(libpq, json.loads(line), stderr.fileno())), flush=True)


def _answer(libpq: Libpq, task: dict[str, object], stderr: int) -> dict[str, object]:
    for name in list(os.environ):
        del os.environ[name]
    environment = task["environment"]
    assert isinstance(environment, dict)
    for name, value in environment.items():
        os.environb[_raw(name)] = _raw(value)
    os.ftruncate(stderr, 0)
    os.lseek(stderr, 0, os.SEEK_SET)
    conninfo, pairs = task["conninfo"], task["pairs"]
    if isinstance(pairs, list):
        answer = libpq.start(None, [(_raw(name), _raw(value)) for name, value in pairs])
    else:
        assert isinstance(conninfo, str)
        answer = libpq.start(_raw(conninfo))
    settings, message, turn = answer
    return {
        "settings": {name: _text(value) for name, value in settings.items()},
        "message": _text(message),
        "turn": [_text(value) for value in turn],
        "stderr": _text(os.pread(stderr, 1_000_000, 0)),
    }


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


if __name__ == "__main__":
    main()
