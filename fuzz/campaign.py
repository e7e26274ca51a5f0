"""Fuzzes every target for a while and prints what was reached, as a table in markdown.

    python -m fuzz.campaign [--seconds 300] [--only TARGET …] [--keep]

Each target runs by atheris in a process of its own, from its kept corpus and some hundred fresh
examples. `--keep`: inputs that run a line which no kept one runs join the corpus, smallest first.
Exit code 1 if an invariant broke; the input is named.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from fuzz.runner import CORPUS, TARGETS

__all__ = ["campaign"]

#: examples made by the target itself to begin with, and kept inputs at most
EXAMPLES, KEPT_AT_MOST = 400, 150
#: an input that costs more than this is no example
BYTES_AT_MOST = 2048
#: what is imported later, when it is first needed, would not be seen: all of it is imported here
CHILD = """
import importlib, pkgutil, sys
import atheris
with atheris.instrument_imports(include=["purelink"]):
    module = importlib.import_module("fuzz." + sys.argv[1])
    for room in ("conninfo", "conversation", "dblink", "tls", "values", "wire"):
        package = importlib.import_module("purelink." + room)
        for found in pkgutil.iter_modules(package.__path__):
            importlib.import_module("purelink." + room + "." + found.name)
atheris.Setup(sys.argv[1:], module.one)
atheris.Fuzz()
"""


class Seen(NamedTuple):
    """What one target's run reached. cpu: seconds."""

    executions: int
    edges: int
    features: int
    cpu: float
    broken: str


def _libfuzzer(target: str, *arguments: str) -> tuple[int, str, float]:
    before = os.times()
    done = subprocess.run(
        [sys.executable, "-c", CHILD, target, *arguments],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    after = os.times()
    cpu = after.children_user + after.children_system
    return (
        done.returncode,
        done.stdout + done.stderr,
        cpu - before.children_user - before.children_system,
    )


def campaign(target: str, seconds: int, folder: Path, *, keep: bool) -> Seen:
    """Fuzz one target for so many seconds."""
    module: Any = importlib.import_module(f"fuzz.{target}")
    fresh, kept = folder / "fresh", CORPUS / target
    fresh.mkdir()
    kept.mkdir(exist_ok=True)
    random = Random(seconds)
    for number in range(EXAMPLES):
        (fresh / f"example{number}").write_bytes(module.example(random))
    code, said, cpu = _libfuzzer(
        target,
        f"-max_total_time={seconds}",
        f"-max_len={BYTES_AT_MOST}",
        f"-artifact_prefix={folder}/",
        "-print_final_stats=1",
        str(fresh),
        str(kept),
    )
    numbers = re.findall(r"cov: (\d+) ft: (\d+)", said) or [("0", "0")]
    runs = re.search(r"stat::number_of_executed_units: (\d+)", said)
    broken = ""
    if code:
        found = re.search(r"Test unit written to (\S+)", said)
        error = re.findall(r"^(\w*(?:Error|Exception|Malformed|Failure)\b.*)$", said, re.MULTILINE)
        broken = f"{error[-1] if error else said[-300:]} {found[1] if found else ''}"
        if found:
            data = Path(found[1]).read_bytes()
            (kept / hashlib.sha256(data).hexdigest()[:12]).write_bytes(data)
    elif keep:
        _keep(module, fresh, kept)
    edges, features = numbers[-1]
    return Seen(int(runs[1]) if runs else 0, int(edges), int(features), cpu, broken)


def _keep(module: Any, fresh: Path, kept: Path) -> None:
    """Add to the corpus, smallest first, what runs a line that nothing kept runs."""
    seen: set[tuple[str, int]] = set()
    old = [path.read_bytes() for path in kept.iterdir()]
    for data in old:
        seen |= _lines(module, data)
    added = 0
    for data in sorted({path.read_bytes() for path in fresh.iterdir()}, key=len):
        lines = _lines(module, data)
        if not lines <= seen and len(old) + added < KEPT_AT_MOST:
            seen |= lines
            added += 1
            (kept / hashlib.sha256(data).hexdigest()[:12]).write_bytes(data)


def _lines(module: Any, data: bytes) -> set[tuple[str, int]]:
    """Return the lines of the package that an input runs."""
    seen: set[tuple[str, int]] = set()

    def watch(frame: Any, event: str, _argument: object) -> Any:
        name = frame.f_code.co_filename
        if "purelink" not in name or f"{os.sep}testing{os.sep}" in name:
            return None
        if event == "line":
            seen.add((name, frame.f_lineno))
        return watch

    sys.settrace(watch)
    try:
        module.one(data)
    finally:
        sys.settrace(None)
    return seen


def main() -> int:
    """Run the campaign; 1 if an invariant broke."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=300, help="for each target")
    parser.add_argument("--only", nargs="*", default=list(TARGETS), choices=TARGETS)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    failed = 0
    print(
        "| target | executions | edges | features | CPU, s | findings |\n"
        "|---|---:|---:|---:|---:|---|"
    )
    for target in options.only:
        with tempfile.TemporaryDirectory(prefix="purelink-fuzz-") as folder:
            seen = campaign(target, options.seconds, Path(folder), keep=options.keep)
        failed |= bool(seen.broken)
        print(
            f"| {target} | {seen.executions} | {seen.edges} | {seen.features} | {seen.cpu:.0f} |"
            f" {seen.broken or 'none'} |",
            flush=True,
        )
    return failed


if __name__ == "__main__":
    sys.exit(main())
