"""The kept inputs of every fuzz target, replayed without atheris."""

from __future__ import annotations

from random import Random

import pytest

from fuzz import conninfo_roundtrip, passfile, service_file
from fuzz.libpq import NoLibpq
from fuzz.replay import main, replay
from fuzz.runner import TARGETS, run


@pytest.mark.parametrize("target", TARGETS)
def test_replay(target: str) -> None:
    try:
        count = replay(target)
    except NoLibpq as error:
        pytest.skip(str(error))
    assert count > 5


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
