"""Speed of connection strings, beside libpq by ctypes and psycopg's conninfo_to_dict.

One process, one run: every reader takes its turn on every string, round by round; the best of the
rounds counts. Two loops copy libpq's answer into a dict: the plain one over the structs that
anybody would write, and one that fetches all pointers at once. The verdict (twice as fast as the
plain loop and as psycopg) is about the strings that people write; one full of escapes and a
rejected one (`RARE`) are shown too. Then the time for long strings, doubled and doubled, to see
that it grows in line. `python -m bench.conninfo [--json FILE]`.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any, Callable, Optional

from fuzz.libpq import Libpq, find
from purelink.conninfo import ConninfoError, Surroundings, parse, resolve

STRINGS = {
    "two settings": "host=/tmp dbname=db",
    "eight settings": "host=db.example.org port=5432 user=app password=pw dbname=shop "
    "sslmode=require application_name=web connect_timeout=10",
    "quoted": "host='/tmp' dbname='my db' user=app",
    "a URI": "postgresql://app:pw@db.example.org:5432/shop",
    "two hosts": "postgresql://app:pw@a.example.org:5432,b.example.org:5433/shop"
    "?sslmode=require&application_name=web&connect_timeout=10",
    "encoded": "postgresql://a%40b:p%3Aw@%2Ftmp/my%20db?options=-c%20a%3Db",
    "rejected": "host=/tmp nosuch=1",
}
RARE = ("encoded", "rejected")
LONG: dict[str, Callable[[int], str]] = {
    "quotes": lambda size: "host='" + "\\'" * (size // 2) + "'",
    "backslashes": lambda size: "host=" + "\\" * size,
    "open quote": lambda size: "host='" + "\\\\" * (size // 2),
    "blanks": lambda size: "host" + " " * size,
    "settings": lambda size: "host=a " * (size // 7),
    "commas": lambda size: "postgresql://" + "," * size,
    "ampersands": lambda size: "postgresql://h?" + "&" * size,
    "percents": lambda size: "postgresql://" + "%41" * (size // 3),
}
SIZES = (25_000, 50_000, 100_000, 200_000)


class Option(ctypes.Structure):
    """PQconninfoOption."""

    _fields_ = [
        *((name, ctypes.c_char_p) for name in ("keyword", "envvar", "compiled", "val", "label")),
        ("dispchar", ctypes.c_char_p),
        ("dispsize", ctypes.c_int),
    ]


def plain_ctypes(path: str) -> Callable[[str], Any]:
    """Return libpq by ctypes into a dict, as anybody would write it."""
    library = ctypes.CDLL(path)
    library.PQconninfoParse.restype = ctypes.POINTER(Option)
    library.PQconninfoParse.argtypes = [ctypes.c_char_p, ctypes.POINTER(ctypes.c_void_p)]
    library.PQconninfoFree.argtypes = [ctypes.POINTER(Option)]
    library.PQfreemem.argtypes = [ctypes.c_void_p]
    error = ctypes.c_void_p()

    def read(text: str) -> Any:
        options = library.PQconninfoParse(text.encode(), ctypes.byref(error))
        if not options:
            message = ctypes.string_at(error.value or 0).decode()
            library.PQfreemem(error)
            return message
        settings = {}
        for option in options:
            if option.keyword is None:
                break
            if option.val is not None:
                settings[option.keyword.decode()] = option.val.decode()
        library.PQconninfoFree(options)
        return settings

    return read


def bulk_ctypes(libpq: Libpq) -> Callable[[str], Any]:
    """Return libpq by ctypes into a dict, all pointers fetched at once."""

    def read(text: str) -> Any:
        answer = libpq.parse(text.encode())
        if isinstance(answer, bytes):
            return answer.decode()
        return {name: value.decode() for name, value in answer.items()}

    return read


def psycopg_reader() -> Optional[Callable[[str], Any]]:
    """Return psycopg's conninfo_to_dict, None if it is not here."""
    try:
        from psycopg import Error
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:
        return None

    def read(text: str) -> Any:
        try:
            return conninfo_to_dict(text)
        except Error as error:
            return str(error)

    return read


def purelink_reader(text: str) -> Any:
    """Return `conninfo.parse`'s settings, or its error's text."""
    try:
        return parse(text)
    except ConninfoError as error:
        return str(error)


def seconds_per_call(read: Callable[[str], Any], text: str, calls: int) -> float:
    """Return the time of one call, from one round of them."""
    began = time.perf_counter()
    for _ in range(calls):
        read(text)
    return (time.perf_counter() - began) / calls


def compare(rounds: int, calls: int) -> dict[str, dict[str, float]]:
    """Return calls a second: string to reader to figure."""
    libpq = find()
    readers: dict[str, Callable[[str], Any]] = {
        "purelink": purelink_reader,
        "ctypes": plain_ctypes(libpq.path),
        "ctypes, bulk": bulk_ctypes(libpq),
    }
    psycopg = psycopg_reader()
    if psycopg is not None:
        readers["psycopg"] = psycopg
    figures = {}
    for name, text in STRINGS.items():
        best = dict.fromkeys(readers, float("inf"))
        for _ in range(rounds):
            for reader, read in readers.items():
                best[reader] = min(best[reader], seconds_per_call(read, text, calls))
        figures[name] = {reader: 1 / seconds for reader, seconds in best.items()}
    return figures


def lengths() -> dict[str, list[float]]:
    """Return milliseconds for each size of each long string, the best of five."""
    return {
        name: [
            1000 * min(seconds_per_call(purelink_reader, make(size), 1) for _ in range(5))
            for size in SIZES
        ]
        for name, make in LONG.items()
    }


def resolves() -> float:
    """Return `resolve` calls a second, surroundings in hand."""
    here = Surroundings({"HOME": "/h", "PGPORT": "6000"}, user="u")
    text = STRINGS["two hosts"]
    best = min(
        seconds_per_call(lambda given: resolve(given, surroundings=here), text, 500)
        for _ in range(5)
    )
    return 1 / best


def main(arguments: Optional[list[str]] = None) -> int:
    """Run and print; 1 if purelink is not twice as fast as libpq by ctypes and as psycopg."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    figures = compare(options.rounds, options.calls)
    readers = list(next(iter(figures.values())))
    others = readers[1:]
    print(f"Python {platform.python_version()}, {platform.machine()}, {find().build}\n")
    print("| string | " + " | ".join(readers) + " | ratios |")
    print("|---" * (len(readers) + 2) + "|")
    slow = False
    for name, row in figures.items():
        ratios = [row["purelink"] / row[other] for other in others]
        beaten = [row["purelink"] / row[other] for other in others if "bulk" not in other]
        slow = slow or (name not in RARE and min(beaten) < 2)
        cells = [f"{row[reader]:,.0f}/s" for reader in readers]
        cells.append(", ".join(f"{ratio:.1f}" for ratio in ratios))
        print(f"| {name} | " + " | ".join(cells) + " |")
    long = lengths()
    print("\n| long string | " + " | ".join(f"{size:,}" for size in SIZES) + " |")
    print("|---" * (len(SIZES) + 1) + "|")
    for name, milliseconds in long.items():
        cells = [f"{each:.2f} ms" for each in milliseconds]
        print(f"| {name} | " + " | ".join(cells) + " |")
    rate = resolves()
    print(f"\nresolve (two hosts, all fifty settings with their sources): {rate:,.0f}/s")
    if options.json:
        kept = {"calls_per_second": figures, "milliseconds": long, "sizes": SIZES, "resolve": rate}
        options.json.write_text(json.dumps(kept, indent=2) + "\n")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
