"""Runs one fuzz target: coverage-guided by atheris where it installs, else from random examples.

A target is a module with `one(data)`, which raises on a broken invariant, and `example(random)`,
which makes an input. Kept inputs lie in `fuzz/corpus/<target>/`, one a file.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CORPUS", "TARGETS", "kept", "run"]

CORPUS = Path(__file__).parent / "corpus"
TARGETS = (
    "asides",
    "authentication",
    "backend_stream",
    "catalog_rows",
    "catalog_toml",
    "certificate",
    "column_list",
    "conninfo_differential",
    "conninfo_roundtrip",
    "copy_data",
    "declared_values",
    "fetched_types",
    "passfile",
    "placeholders",
    "row_messages",
    "server_first",
    "short_way",
    "service_file",
    "tls_records",
    "trace_lines",
    "values_binary",
    "values_text",
)


def kept(target: str) -> Iterator[tuple[str, bytes]]:
    """Return the kept inputs of a target: file name and bytes."""
    for path in sorted((CORPUS / target).iterdir()):
        yield path.name, path.read_bytes()


def run(target: str, arguments: Optional[list[str]] = None) -> int:
    """Run a target from the command line; 1 if an input broke the invariant (it is kept)."""
    module: Any = importlib.import_module(f"fuzz.{target}")
    parser = argparse.ArgumentParser(description=module.__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--seconds", type=int, default=0, help="stop after so long (atheris)")
    parser.add_argument("--plain", action="store_true", help="random examples, no atheris")
    options = parser.parse_args(arguments)
    if not options.plain:
        try:
            import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]
        except ImportError:
            print("atheris is not here: plain random examples")
        else:
            atheris.instrument_all()
            # new inputs go to the first folder: what is kept is chosen by hand
            found = tempfile.mkdtemp(prefix=f"purelink-{target}-")
            print(f"atheris: inputs that reach new code go to {found}")
            limits = [f"-atheris_runs={options.runs}", "-max_len=4096"]
            if options.seconds:
                limits = [f"-max_total_time={options.seconds}", "-max_len=4096"]
            first = Path(found, "example")
            first.write_bytes(module.example(Random(options.seed)))
            atheris.Setup([target, *limits, found, str(CORPUS / target)], module.one)
            atheris.Fuzz()
    return _plain(module, target, options.runs, options.seed)


def _plain(module: Any, target: str, runs: int, seed: Optional[int]) -> int:
    seed = seed if seed is not None else time.time_ns() % 10**9
    print(f"{target}: seed {seed}")
    random = Random(seed)
    began = time.perf_counter()
    for number in range(runs):
        data = module.example(random)
        try:
            module.one(data)
        except Exception as error:
            name = hashlib.sha256(data).hexdigest()[:12]
            (CORPUS / target).mkdir(exist_ok=True)
            (CORPUS / target / name).write_bytes(data)
            print(f"run {number}: {type(error).__name__}: {error}\nkept as {name}")
            return 1
    print(f"{runs} examples, none broke the invariant, {time.perf_counter() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2:]))
