"""The house stands: imports go down, or sideways in one room, never up, across or round.

The floors are data (`ROOMS`), as drawn in docs/architecture.md; so is what of the world a room may
touch. Every import counts, also one inside a function. One under `if TYPE_CHECKING:` obeys the
floors too (whoever names a type of an upper floor knows that floor) but makes no circle, since it
is never run. The imports of a parent package that Python adds by itself don't count: the front
doors (`DOORS`) import lazily, which has a test of its own.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]


class Room(NamedTuple):
    """A part of the package.

    floor: 0 to 5; .5 is a floor's upper half. may: the modules of the world, and the built-in
    calls, that it may use; "*" = all.
    """

    floor: float
    may: frozenset[str] = frozenset()


def room(floor: float, may: str = "") -> Room:
    return Room(floor, frozenset(may.split()))


#: dotted name below purelink -> room; the longest fitting prefix counts
ROOMS = {
    "_conditions": room(0),
    "_sqlstate": room(0),
    "_version": room(0),
    "errors": room(0),
    "wire": room(1),
    "conninfo": room(1),
    "values": room(1),
    "values.compiled": room(1, "exec compile"),
    "rows": room(2),
    "sql": room(2),
    "networks": room(1),
    "policy": room(2, "threading"),
    "xid": room(2),
    "result": room(2),
    "arrow": room(2),
    "pool.entries": room(2),
    "pool.ledger": room(2),
    # `ssl` reads keys from files alone, so that one more goes through a temporary one.
    "tls": room(2, "ssl os open pathlib tempfile shutil"),
    "dblink": room(2),
    "conversation": room(3),
    "pool.conversation": room(3),
    "pumps": room(4, "socket select selectors asyncio time os pwd threading concurrent"),
    "surroundings": room(4, "os open pathlib pwd getpass locale random"),
    "dblink.commands": room(4),
    "dblink.gathering": room(4),
    "dblink.links": room(4),
    "dblink.local": room(4),
    "dblink.lookups": room(4),
    "dblink.opening": room(4),
    "dblink.reading": room(4),
    "connection": room(5, "threading secrets random os"),
    "face": room(5, "secrets random os"),
    "journal": room(5),
    "types": room(5),
    "requests": room(5),
    "arequests": room(5),
    "cursors": room(5, "os time random"),
    "cursors.listening": room(5, "threading time random"),
    "cursors.alistening": room(5, "asyncio time random"),
    "aio": room(5, "asyncio secrets random os"),
    "dblink.setting": room(5),
    "dblink.session": room(5, "threading"),
    "dblink.aio": room(5, "asyncio"),
    "dblink.default": room(5, "threading"),
    "cli": room(6, "*"),
    "pool": room(6, "asyncio os random threading time"),
    "sqlalchemy": room(6),
    "testing": room(6, "*"),
    "__main__": room(6, "*"),
}

#: The packages whose `__init__` imports nothing of ours but floor 0 until it is asked to, with the
#: room that this file alone counts as: it hands out what lies on several floors.
DOORS = {
    "purelink": room(6),
    "purelink.dblink": room(5),
    "purelink.testing": room(6),
    "purelink.pool": room(6),
    "purelink.sqlalchemy": room(6),
}

#: One room though the prefixes differ: these count as sideways, not across.
FAMILIES = [
    {"values", "values.compiled"},
    {"pool.entries", "pool.ledger"},
    {"result", "arrow"},
    {
        "dblink.commands",
        "dblink.gathering",
        "dblink.links",
        "dblink.local",
        "dblink.lookups",
        "dblink.opening",
        "dblink.reading",
    },
    {
        "connection",
        "aio",
        "face",
        "journal",
        "types",
        "requests",
        "arequests",
        "cursors",
        "cursors.alistening",
        "cursors.listening",
        "dblink.setting",
        "dblink.session",
        "dblink.aio",
        "dblink.default",
        "purelink.dblink",
    },
    {"_conditions", "_sqlstate", "_version", "errors"},
    {
        "cli",
        "testing",
        "__main__",
        "purelink",
        "purelink.testing",
        "purelink.pool",
        "pool",
        "sqlalchemy",
        "purelink.sqlalchemy",
    },
]


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: The world: clocks, channels, files, processes, chance, and ways around this test.
WORLD = words(
    """asyncio asyncore atexit concurrent ctypes fcntl getpass glob http locale mmap multiprocessing
    nt os pathlib pickle platform posix pwd queue random resource runpy secrets select selectors
    shutil signal site socket socketserver sqlite3 ssl subprocess tempfile threading time urllib
    winreg _socket _ssl _thread cffi"""
)
#: Harmless parts of it.
HARMLESS = frozenset({"urllib.parse"})
CALLS = words("open exec eval compile input breakpoint")
#: Methods that read a clock or chance, in modules which are fine otherwise.
MOMENTS = words("now today utcnow uuid1 uuid4")
#: Imports by name. A literal name counts as an import; any other, only a package's `__init__` may
#: use, to hand out its modules lazily.
BY_NAME = words("import_module __import__")
#: Nobody may, on any floor.
NOBODY = words("ctypes cffi eval runpy")


class Edge(NamedTuple):
    source: str
    target: str
    line: int
    typing_only: bool


def locate(module: str) -> tuple[str, Room]:
    """Return the prefix and the room of a module of ours."""
    if module in DOORS:
        return module, DOORS[module]
    name = module.partition(".")[2]
    while name and name not in ROOMS:
        name = name.rpartition(".")[0]
    if not name:
        raise LookupError(f"{module}: in no room; add it to ROOMS and to docs/architecture.md")
    return name, ROOMS[name]


def sources() -> dict[str, str]:
    """Return module name -> text, of the whole package."""
    found = {}
    for path in sorted((ROOT / "purelink").rglob("*.py")):
        parts = list(path.relative_to(ROOT).with_suffix("").parts)
        if parts[-1] == "__init__":
            parts.pop()
        found[".".join(parts)] = path.read_text(encoding="utf-8")
    return found


def typing_lines(tree: ast.Module) -> set[int]:
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for inner in node.body:
                lines.update(range(inner.lineno, (inner.end_lineno or inner.lineno) + 1))
    return lines


def imports(module: str, tree: ast.Module, modules: dict[str, str]) -> list[tuple[str, int]]:
    """Return the dotted names that a module imports, each with its line."""
    found: list[tuple[str, int]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(name.name, node.lineno) for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                is_package = any(other.startswith(f"{module}.") for other in modules)
                kept = module.split(".")[: None if is_package else -1]
                kept = kept[: len(kept) - node.level + 1]
                base = ".".join([*kept, *([base] if base else [])])
            for name in node.names:
                whole = f"{base}.{name.name}"
                is_module = whole in modules or whole in HARMLESS
                found.append((whole if is_module else base, node.lineno))
        elif isinstance(node, ast.Call) and called(node) in BY_NAME:
            first = node.args[0] if node.args else None
            named = first.value if isinstance(first, ast.Constant) else "?"
            found.append((str(named), node.lineno))
    return found


def called(node: ast.Call) -> str:
    """Return the last word of what is called."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def built_in(node: ast.Call) -> str:
    """Return the name of the built-in function that is called, or ""."""
    function = node.func
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return function.attr if function.value.id in {"builtins", "io", "codecs"} else ""
    return function.id if isinstance(function, ast.Name) else ""


def complaints(modules: dict[str, str]) -> list[str]:
    """Return what is wrong with a house: module name -> text."""
    found: list[str] = []
    edges: list[Edge] = []
    for module, text in modules.items():
        here = locate(module)[1]
        tree = ast.parse(text)
        hidden = typing_lines(tree)

        def refuse(what: str, line: int, *, name: str = module, may: Room = here) -> None:
            allowed = what in may.may or "*" in may.may
            if what in NOBODY or not allowed:
                found.append(f"{name}:{line}: {what} is not for floor {may.floor}")

        for target, line in imports(module, tree, modules):
            if target.partition(".")[0] == "purelink":
                edges.append(Edge(module, target, line, line in hidden))
            elif target == "?":
                if not any(other.startswith(f"{module}.") for other in modules):
                    found.append(f"{module}:{line}: imports by a computed name")
            elif line in hidden or target in HARMLESS:
                continue
            elif (top := target.partition(".")[0]) in WORLD:
                refuse(top, line)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (name := built_in(node)) in CALLS:
                refuse(name, node.lineno)
            elif isinstance(node, ast.Attribute) and node.attr in MOMENTS and here.floor < 3:
                found.append(f"{module}:{node.lineno}: .{node.attr} is not for floor {here.floor}")
    found += [complaint for edge in edges if (complaint := judge(edge, modules))]
    return found + circles(edges)


def judge(edge: Edge, modules: dict[str, str]) -> str:
    where = f"{edge.source}:{edge.line}: {edge.target}"
    if edge.target not in modules:
        return f"{where}: there is no such module"
    (source, here), (target, there) = locate(edge.source), locate(edge.target)
    if there.floor > here.floor:
        return f"{where}: up, from floor {here.floor} to {there.floor}"
    kin = source == target or any({source, target} <= family for family in FAMILIES)
    if there.floor == here.floor and not kin:
        return f"{where}: across floor {here.floor}"
    return ""


def circles(edges: list[Edge]) -> list[str]:
    """Return a complaint for each module that imports itself by way of others."""
    graph: dict[str, set[str]] = {}
    for edge in edges:
        if not edge.typing_only:
            graph.setdefault(edge.source, set()).add(edge.target)
    found = []
    for start in sorted(graph):
        seen: set[str] = set()
        open_ends = set(graph[start])
        while open_ends:
            name = open_ends.pop()
            if name not in seen:
                seen.add(name)
                open_ends |= graph.get(name, set())
        if start in seen:
            found.append(f"{start}: imports itself, round about")
    return found


def test_the_house_stands() -> None:
    assert complaints(sources()) == []


@pytest.mark.parametrize("door", DOORS)
def test_doors_import_nothing_until_asked(door: str) -> None:
    text = sources().get(door)
    if text is None:
        pytest.skip(f"{door} is not built yet")
    tree = ast.parse(text)
    hidden = typing_lines(tree)
    top = ast.Module(
        [line for line in tree.body if isinstance(line, (ast.Import, ast.ImportFrom))], []
    )
    ours = {
        target
        for target, line in imports(door, top, sources())
        if line not in hidden and target.startswith("purelink")
    }
    assert {locate(name)[1].floor for name in ours} <= {0}


GOOD = {
    "purelink": "",
    "purelink.errors": "",
    "purelink.wire": "",
    "purelink.wire.codec": "from purelink.errors import Error",
    "purelink.wire.auth": "from purelink.wire import codec",
    "purelink.values": "",
    "purelink.conninfo": "from purelink.conninfo.parse import parse",
    "purelink.conninfo.parse": "from urllib.parse import unquote\nimport re\nre.compile('')",
    "purelink.tls": "import ssl",
    "purelink.dblink": "",
    "purelink.dblink.rules": "from purelink import conninfo",
    "purelink.dblink.links": "from purelink import conversation\nimport purelink.dblink.rules",
    "purelink.conversation": "",
    "purelink.pumps": "",
    "purelink.pumps.blocking": "import socket\nfrom purelink.wire import codec",
    "purelink.connection": "from purelink.pumps import blocking",
}


def test_a_good_house_is_not_complained_of() -> None:
    assert complaints(GOOD) == []


@pytest.mark.parametrize(
    ("module", "text", "complaint"),
    [
        ("purelink.errors", "import purelink.wire", "up, from floor 0 to 1"),
        ("purelink.wire.bad", "from purelink.pumps import blocking", "up, from floor 1 to 4"),
        ("purelink.wire.bad", "from ..pumps import blocking", "up, from floor 1 to 4"),
        ("purelink.wire.bad", "def f():\n    import purelink.tls", "up, from floor 1 to 2"),
        (
            "purelink.wire.bad",
            "if TYPE_CHECKING:\n    from purelink.connection import Connection",
            "up, from floor 1 to 5",
        ),
        ("purelink.wire.bad", "from purelink import connect", "up, from floor 1 to 6"),
        ("purelink.wire.bad", "from purelink.conninfo import parse", "across floor 1"),
        ("purelink.values.bad", "from purelink.wire import codec", "across floor 1"),
        ("purelink.dblink.rules", "import purelink.tls", "across floor 2"),
        ("purelink.tls.bad", "import purelink.conversation", "up, from floor 2 to 3"),
        ("purelink.dblink.rules", "from purelink import conversation", "up, from floor 2 to 3"),
        ("purelink.dblink.rules", "from purelink.dblink import Session", "up, from floor 2 to 5"),
        ("purelink.wire.codec", "from purelink.wire.auth import x", "imports itself"),
        ("purelink.wire.codec", "def f():\n    from . import auth", "imports itself"),
        ("purelink.wire.bad", "import purelink.wire.nothing", "no such module"),
        ("purelink.wire.bad", "import socket", "socket is not for floor 1"),
        ("purelink.wire.bad", "from os import environ", "os is not for floor 1"),
        ("purelink.wire.bad", "def f():\n    import time", "time is not for floor 1"),
        ("purelink.wire.bad", "import_module('socket')", "socket is not for floor 1"),
        ("purelink.wire.bad", "__import__('purelink.pumps')", "up, from floor 1 to 4"),
        ("purelink.wire.bad", "importlib.import_module(name)", "by a computed name"),
        ("purelink.wire.bad", "import urllib.request", "urllib is not for floor 1"),
        ("purelink.conninfo.bad", "open('x')", "open is not for floor 1"),
        ("purelink.conninfo.bad", "import io\nio.open('x')", "open is not for floor 1"),
        ("purelink.values.bad", "exec('x')", "exec is not for floor 1"),
        ("purelink.values.bad", "import datetime\ndatetime.datetime.now()", ".now is not"),
        ("purelink.values.compiled", "eval('x')", "eval is not for floor 1"),
        ("purelink.dblink.rules", "import random", "random is not for floor 2"),
        ("purelink.tls.bad", "import socket", "socket is not for floor 2"),
        ("purelink.pumps.bad", "import ssl", "ssl is not for floor 4"),
        ("purelink.connection", "import socket", "socket is not for floor 5"),
        ("purelink.testing.bad", "import ctypes", "ctypes is not for floor 6"),
    ],
)
def test_a_bad_module_is_caught(module: str, text: str, complaint: str) -> None:
    found = complaints({**GOOD, module: text})
    assert any(complaint in line for line in found), found


def test_a_module_without_a_room_is_caught() -> None:
    with pytest.raises(LookupError, match="in no room"):
        complaints({**GOOD, "purelink.attic": ""})


def test_typing_alone_makes_no_circle() -> None:
    house = {**GOOD, "purelink.wire.codec": "if TYPE_CHECKING:\n    from purelink.wire import auth"}
    assert complaints(house) == []
