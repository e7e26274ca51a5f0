"""Code is made in one place, of checked integers and our own names; nothing else makes any.

Walks the syntax of every module of the package: each call that runs, loads or builds code is one of
those that are listed here with what it is given. Then what `values.compiled` makes is read again:
for shapes of every kind, the source holds a closed vocabulary and nothing besides, and a shape that
is no tuple of known numbers never comes as far as `exec`.
"""

from __future__ import annotations

import ast
import itertools
import keyword
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purelink.rows import _namedtuple
from purelink.values import compiled

PACKAGE = Path(compiled.__file__).parents[1]
TREES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text("utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}

#: functions that make code of text, or objects of bytes
MAKERS = frozenset(
    {"eval", "exec", "compile", "execfile", "__import__", "import_module", "run_module", "run_path"}
    | {"FunctionType", "CodeType", "LambdaType", "make_dataclass", "namedtuple", "new_class"}
    | {"interact", "compile_command", "get_type_hints", "literal_eval", "breakpoint"}
)
#: modules that do
MODULES = frozenset(
    {"pickle", "marshal", "shelve", "dill", "code", "codeop", "runpy", "imp", "ctypes", "cffi"}
    | {"yaml", "timeit", "pdb", "bdb", "pydoc", "xmlrpc", "logging.config"}
)
#: file, what is called: with what
ALLOWED = {
    ("values/compiled.py", "exec"): "compile(source, '<purelink.values.compiled>', 'exec'), names",
    ("values/compiled.py", "compile"): "source, '<purelink.values.compiled>', 'exec'",
    # Names of modules of ours, from tables: a name that is not in them raises before.
    ("__init__.py", "import_module"): "f'.{name}', __name__ | home, __name__",
    ("cli/__init__.py", "import_module"): "f'{__name__}.{command}'",
    ("dblink/__init__.py", "import_module"): "home, __name__",
    ("dblink/catalog_toml.py", "import_module"): "'tomllib' | 'tomli'",
    ("pool/__init__.py", "import_module"): "_HOME[name], __name__",
    ("sqlalchemy/__init__.py", "import_module"): "_HOME[name], __name__",
    ("testing/__init__.py", "import_module"): "_HOMES[name], __name__",
    ("values/__init__.py", "import_module"): "f'{__name__}.{_HOME[name]}'",
    # The library's own checks let nothing but identifiers in: see below.
    ("rows.py", "namedtuple"): "'Row', plain, rename=True",
}


def _name(call: ast.Call) -> str:
    """Return the last part of what is called; of `re.compile` all, as it makes no code."""
    function = call.func
    if isinstance(function, ast.Attribute):
        owner = function.value
        harmless = isinstance(owner, ast.Name) and owner.id == "re"
        return f"re.{function.attr}" if harmless else function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _calls(tree: ast.AST) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)]


def test_nothing_else_makes_code() -> None:
    found: dict[tuple[str, str], list[str]] = {}
    for path, tree in TREES.items():
        for call in _calls(tree):
            if _name(call) in MAKERS:
                given_ = [*map(ast.unparse, call.args)]
                given_ += [f"{each.arg}={ast.unparse(each.value)}" for each in call.keywords]
                found.setdefault((path, _name(call)), []).append(", ".join(given_))
    assert {place: " | ".join(each) for place, each in found.items()} == ALLOWED


def test_no_maker_is_had_by_another_name() -> None:
    # Neither as a value (`run = eval`), nor as a text that is looked up.
    for path, tree in TREES.items():
        called = {id(call.func) for call in _calls(tree)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id in ("eval", "exec", "compile", "__import__"):
                assert id(node) in called, (path, node.lineno)
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert node.value not in ("eval", "__import__", "__builtins__"), (path, node.lineno)
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [each.name for each in node.names]
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                # A relative import is of ours, whatever it is called.
                own = isinstance(node, ast.ImportFrom) and node.level
                assert own or MODULES.isdisjoint(names), (path, names)


def test_processes_get_lists_and_no_shell() -> None:
    for path, tree in TREES.items():
        for call in _calls(tree):
            for each in call.keywords:
                assert each.arg != "shell", (path, call.lineno)
            if isinstance(call.func, ast.Attribute):
                assert call.func.attr not in ("system", "popen", "spawnl", "execv"), path


def test_the_source_is_made_in_two_functions() -> None:
    tree = TREES["values/compiled.py"]
    made = [call for call in _calls(tree) if _name(call) == "_made"]
    sources = [ast.unparse(call.args[1]) for call in made]
    assert sources == ["_loop_source(kinds)", "source"]
    (bound,) = [
        ast.unparse(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "source"
    ]
    assert bound == "_writer_source(kinds, message=message)"
    assert [ast.unparse(call.args[0]) for call in made] == ["'make'", "'make'"]
    # Nobody outside calls what runs the source, or writes it.
    for path, other in TREES.items():
        names = {node.attr for node in ast.walk(other) if isinstance(node, ast.Attribute)}
        if path != "values/compiled.py":
            assert names.isdisjoint({"_loop_source", "_writer_source", "_stretch_source"}), path
            imported = [
                each.name
                for node in ast.walk(other)
                if isinstance(node, ast.ImportFrom) and node.module == "compiled"
                for each in node.names
            ]
            assert not any(name.startswith("_") for name in imported), path


#: what a piece of source may be put together of
PIECES = re.compile(
    r"number|column|size|code|width|count|first_size|arguments|values|raw|sound|last|len\(kinds\)"
    r"|''\.join\(.*\)|', '\.join\(.*\)"
    r"|sum\(sizes\) \+ 4 \* len\(run\) \+ \(0 if last is None else 4\)"
    r"|_DIGITS\[kind\]|expression\.format\(v=f'v\{column\}'\)",
    re.DOTALL,
)


def test_pieces_of_the_source_are_ours() -> None:
    tree = TREES["values/compiled.py"]
    functions = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.endswith("_source")
    ]
    assert len(functions) == 4
    for function in functions:
        for argument in (*function.args.args, *function.args.kwonlyargs):
            assert argument.annotation is not None
            kind = ast.unparse(argument.annotation)
            assert kind in ("tuple[int, ...]", "int", "list[int]", "int | None", "bool"), kind
        for node in ast.walk(function):
            if isinstance(node, ast.FormattedValue):
                assert PIECES.fullmatch(ast.unparse(node.value)), ast.unparse(node.value)


#: every name, attribute and constant that made code may hold
NAMES = re.compile(
    r"make|loop|write|buffer|position|end|append|tag|length|stop|p|q|n|v|word|bools|int|str|len"
    r"|memoryview|Exception|OverflowError|packs|ready|slow|head|tail|fixed|rows|start|out|row|size|most"
    r"|join|bits|micro|naive|aware|count|one_[hiqIQdB]|stretch\d+|pack\d+|[nvsrx]\d+"
)
ATTRIBUTES = {"decode", "isdigit", "append", "toordinal", "int", "to_bytes"}
NODES = (
    *(ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Try, ast.ExceptHandler, ast.While),
    *(ast.For, ast.If, ast.IfExp, ast.Return, ast.Pass, ast.Assign, ast.AugAssign, ast.Expr),
    *(ast.Tuple, ast.List, ast.Name, ast.Constant, ast.Call, ast.Attribute, ast.Subscript),
    *(ast.Slice, ast.Compare, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Raise),
    *(ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop),
)


def _check_source(source: str) -> None:
    for node in ast.walk(ast.parse(source)):
        if type(node).__name__ == "Index":  # 3.8's way, which 3.9 still names
            continue
        assert isinstance(node, NODES), ast.dump(node)
        if isinstance(node, ast.Name):
            assert NAMES.fullmatch(node.id), node.id
        elif isinstance(node, ast.Attribute):
            assert node.attr in ATTRIBUTES, node.attr
        elif isinstance(node, ast.arg):
            assert NAMES.fullmatch(node.arg), node.arg
        elif isinstance(node, ast.Constant):
            assert isinstance(node.value, int) or node.value in (None, b"", "utf-8", "big"), node


READ = [*compiled.FIXED, *range(compiled.BYTES, compiled.SINGLE + 1)]
WRITE = [*sorted(compiled.WRITTEN), compiled.SINGLE]


def test_made_code_has_a_closed_vocabulary() -> None:
    for length in (1, 2):
        for kinds in itertools.product(READ, repeat=length):
            _check_source(compiled._loop_source(kinds))
        for kinds in itertools.product(WRITE, repeat=length):
            for message in (False, True):
                _check_source(compiled._writer_source(kinds, message=message))


@given(st.lists(st.sampled_from(READ), min_size=3, max_size=12).map(tuple))
def test_made_code_of_many_columns(kinds: tuple[int, ...]) -> None:
    _check_source(compiled._loop_source(kinds))
    _check_source(
        compiled._writer_source(
            tuple(kind if kind in compiled.WRITTEN else compiled.SINGLE for kind in kinds),
            message=True,
        )
    )


@pytest.mark.parametrize(
    "kinds", [("1; import os",), (99,), (-1,), (None,), ((1, 2),), ("v0",), (1, "{raw}")]
)
def test_a_shape_that_is_none_makes_no_code(kinds: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Any] = []
    monkeypatch.setattr(compiled, "_made", lambda *args: ran.append(args))
    with pytest.raises((KeyError, TypeError)):
        compiled.row_loop(kinds, [bytes] * len(kinds))
    assert not ran


@given(st.lists(st.text(), max_size=5))
def test_a_servers_names_are_identifiers_or_nothing(names: list[str]) -> None:
    # `namedtuple` builds code of what it is given, after it has seen that these are identifiers.
    made = _namedtuple(tuple(names))(range(len(names)))
    fields = type(made)._fields
    assert len(fields) == len(names)
    assert all(field.isidentifier() and not keyword.iskeyword(field) for field in fields)
