"""Differential run: `conninfo.parse` against a real libpq's PQconninfoParse.

Invariant: both accept or both refuse; accepted, the values are equal byte for byte; refused, the
texts are equal but for `***`, which may stand for anything where the string names a secret.
Allowed exceptions: ConninfoError. Inputs with a NUL are left out (C can't be given them).

    python -m fuzz.conninfo_differential --runs 1000000 --seed 1
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from functools import lru_cache
from random import Random
from typing import Optional

from fuzz import strings
from fuzz.libpq import Libpq, NoLibpq, find
from purelink.conninfo import ConninfoError, parse
from purelink.conninfo.keywords import SECRETS

__all__ = ["difference", "example", "one", "same_message"]

#: a text is masked only where one of these is in the string (names may be percent-encoded)
_MAY_HIDE = re.compile("|".join(sorted(SECRETS)) + "|%|://[^:@/]*:[^@/]*@")


def difference(libpq: Libpq, text: str) -> Optional[str]:
    """Return in what purelink differs from libpq about one string, None if in nothing."""
    theirs = libpq.parse(text.encode("utf-8", "surrogateescape"))
    try:
        settings = parse(text)
    except ConninfoError as error:
        ours = str(error)
        if isinstance(theirs, dict):
            return f"{text!a}: refused ({ours!a}), libpq accepts"
        expected = theirs.decode("utf-8", "surrogateescape")
        if not same_message(ours, expected, text):
            return f"{text!a}: {ours!a}, libpq says {expected!a}"
        if error.position is None or not 1 <= error.position <= len(text) + 1:
            return f"{text!a}: position {error.position}"
        return None
    if not isinstance(theirs, dict):
        return f"{text!a}: accepted, libpq says {theirs!r}"
    encoded = {name: value.encode("utf-8", "surrogateescape") for name, value in settings.items()}
    return None if encoded == theirs else f"{text!a}: {encoded}, libpq has {theirs}"


def same_message(ours: str, theirs: str, text: str) -> bool:
    """Tell whether a message is libpq's, with `***` only where a secret may be hidden."""
    if ours == theirs:
        return True
    if "***" not in ours or not _MAY_HIDE.search(text):
        return False
    first, *parts, last = ours.split("***")
    end = len(theirs) - len(last)
    if not (theirs.startswith(first) and theirs.endswith(last) and len(first) <= end):
        return False
    at = len(first)
    for part in parts:  # each as far left as it fits: no going back, whatever the text
        at = theirs.find(part, at, end) + len(part)
        if at < len(part):
            return False
    return at <= end


def example(random: Random) -> bytes:
    """Return a random connection string, broken or not."""
    return strings.conninfo(random).encode("utf-8", "surrogateescape")


@lru_cache(maxsize=1)
def _library() -> Libpq:
    return find()


def one(data: bytes) -> None:
    """Try one input of a fuzzer; raises AssertionError on a difference, NoLibpq without one."""
    text = data.replace(b"\0", b"").decode("utf-8", "surrogateescape")
    found = difference(_library(), text)
    assert found is None, found


def main(arguments: Optional[list[str]] = None) -> int:
    """Run; print seed, build and figures; 1 if there was a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--libpq", help="path of the library to compare with")
    options = parser.parse_args(arguments)
    seed = options.seed if options.seed is not None else time.time_ns() % 10**9
    try:
        libpq = Libpq(options.libpq) if options.libpq else find()
    except NoLibpq as error:
        print(error)
        return 2
    print(f"seed {seed}, against {libpq.build}")
    random = Random(seed)
    began = time.perf_counter()
    differences = accepted = 0
    kinds = {"uri": 0, "key/value": 0}
    for _ in range(options.runs):
        text = strings.conninfo(random)
        kinds["uri" if text.startswith(("postgres://", "postgresql://")) else "key/value"] += 1
        accepted += isinstance(libpq.parse(text.encode("utf-8", "surrogateescape")), dict)
        found = difference(libpq, text)
        if found is not None:
            differences += 1
            if differences <= 20:
                print(found)
    print(
        f"{options.runs} strings ({kinds['uri']} URIs, {kinds['key/value']} key/value), "
        f"{accepted} accepted, {options.runs - accepted} refused, {differences} differences, "
        f"{time.perf_counter() - began:.0f} s"
    )
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
