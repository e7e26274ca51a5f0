"""The kept inputs of every fuzz target, replayed without atheris."""

from __future__ import annotations

import importlib
from random import Random

import pytest

from fuzz import conninfo_roundtrip, passfile, service_file
from fuzz.libpq import NoLibpq
from fuzz.replay import main, replay
from fuzz.runner import TARGETS, kept, run


@pytest.mark.parametrize("target", TARGETS)
def test_replay(target: str) -> None:
    try:
        count = replay(target)
    except NoLibpq as error:
        pytest.skip(str(error))
    assert count > 5


#: targets whose inputs promise lengths, counts and dimensions
PROMISING = [
    *("backend_stream", "catalog_rows", "copy_data", "declared_values", "fetched_types"),
    *("row_messages", "values_binary", "values_text"),
]


@pytest.mark.parametrize("target", PROMISING)
def test_memory_is_bounded(target: str) -> None:
    # What an input promises costs nothing before it has come.
    tracemalloc = pytest.importorskip("tracemalloc", reason="this Python traces no memory")
    module = importlib.import_module(f"fuzz.{target}")
    inputs = list(kept(target))
    for _, data in inputs:  # what is made once
        module.one(data)
    tracemalloc.start()
    try:
        for name, data in inputs:
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            module.one(data)
            _, peak = tracemalloc.get_traced_memory()
            assert peak - before <= 4_000_000 + 2000 * len(data), (name, peak - before)
    finally:
        tracemalloc.stop()


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0
    assert "passfile: " in capsys.readouterr().out


@pytest.mark.parametrize("module", [conninfo_roundtrip, passfile, service_file])
def test_random_examples(module: object) -> None:
    random = Random(20260725)
    for _ in range(500):
        module.one(module.example(random))  # type: ignore[attr-defined]


def test_the_runner_without_atheris(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("passfile", ["--runs", "50", "--seed", "1", "--plain"]) == 0
    assert "passfile: seed 1" in capsys.readouterr().out
