"""The wire and its conversations need no world: they run with sockets, files and the clock gone.

Every module of `purelink.wire` and `purelink.conversation` is imported, and every dialogue of
`pure_dialogues` told from lists of bytes, whole and byte by byte: in this process with the world
made to raise, and in a fresh one in which its modules cannot even be imported.
"""

from __future__ import annotations

import asyncio
import builtins
import importlib
import os
import pkgutil
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import purelink.conversation
import purelink.wire
from tests.unit.pure_dialogues import DIALOGUES

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(
    found.name
    for package in (purelink.wire, purelink.conversation)
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
)
WORLD: list[tuple[Any, str]] = [
    *((socket, name) for name in ("socket", "getaddrinfo", "create_connection", "socketpair")),
    *((ssl, name) for name in ("SSLContext", "SSLObject", "MemoryBIO", "create_default_context")),
    *((asyncio, name) for name in ("run", "new_event_loop", "get_running_loop", "Lock")),
    (builtins, "open"),
    (os, "urandom"),
    (os, "getenv"),
    *((time, name) for name in ("time", "monotonic", "perf_counter", "sleep", "time_ns")),
]


class TouchedTheWorldError(BaseException):
    """Nothing catches it by accident."""


@pytest.fixture
def no_world() -> Any:
    def touched(*args: Any, **_: Any) -> Any:
        raise TouchedTheWorldError(args)

    # Not by `monkeypatch`, which pytest's own clock would outlive badly: undone at once.
    kept = [(module, name, getattr(module, name)) for module, name in WORLD]

    class NoWorld:
        def __enter__(self) -> None:
            for module, name in WORLD:
                setattr(module, name, touched)

        def __exit__(self, *_: object) -> None:
            for module, name, value in kept:
                setattr(module, name, value)

    return NoWorld()


def test_the_world_is_really_gone(no_world: Any) -> None:
    for module, name in WORLD:
        with pytest.raises(TouchedTheWorldError), no_world:
            getattr(module, name)()


@pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "bytewise"])
@pytest.mark.parametrize("name", DIALOGUES)
def test_dialogue_without_a_world(name: str, bytewise: bool, no_world: Any) -> None:
    with no_world:
        DIALOGUES[name](bytewise)


def test_modules_are_found() -> None:
    assert {"purelink.wire.session", "purelink.conversation.connect"} <= set(MODULES)
    for name in MODULES:
        importlib.import_module(name)


FRESH = """
import builtins, sys, time
def touched(*args, **keywords):
    raise BaseException("touched the world")
for name in ("socket", "_socket", "ssl", "_ssl", "asyncio", "select", "selectors", "subprocess"):
    sys.modules[name] = None
import importlib
for name in {modules!r}:
    importlib.import_module(name)
from tests.unit.pure_dialogues import DIALOGUES
builtins.open = touched
for name in ("time", "monotonic", "perf_counter", "sleep"):
    setattr(time, name, touched)
for name, dialogue in DIALOGUES.items():
    for bytewise in (False, True):
        dialogue(bytewise)
print(len(DIALOGUES))
"""


def test_a_process_without_sockets_tls_and_loops() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FRESH.format(modules=MODULES)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == f"{len(DIALOGUES)}\n"
