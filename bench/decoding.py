"""What does a row cost to decode? CPU nanoseconds, careful and bulk decoder, best of five.

The rows are a server's: nums (int4, int8, float8), mixed (int4, text, timestamptz, numeric, bool,
nullable text), json (jsonb, int4[], uuid) and some more, handed over in pieces of 64 kB as a
pump does. Both decoders' rows are compared first. `python bench/decoding.py --capture rows.bin`
asks a throw-away server once (needs psycopg); `python bench/decoding.py rows.bin` measures, under
any interpreter, and `--json` prints figures for a program.
"""

from __future__ import annotations

import argparse
import json
import platform
import struct
import sys
import time
from pathlib import Path
from typing import Any, Callable, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from purelink.values import bulk, encoders, oids  # noqa: E402
from purelink.values.rows import row_decoder as careful_decoder  # noqa: E402

PIECE = 65_536
ROWS = 20_000
TIMES = 5

#: name -> (result format, select list over n)
SHAPES = {
    "nums": (1, "n::int4, n::int8 * 1000, n * 0.5::float8"),
    "nums-text": (0, "n::int4, n::int8 * 1000, n * 0.5::float8"),
    "nums-nulls": (
        1,
        """case when random() > .1 then n end, case when random() > .1 then n::int8 end,
        case when random() > .1 then n * 0.5::float8 end""",
    ),
    "mixed": (
        0,
        """n::int4, 'name number ' || n, timestamptz '2024-01-01 00:00:00.123456+00' + n *
        interval '1.000001 s', n::numeric / 100, n % 2 = 0, case when n % 5 > 0 then
        'a note about ' || n end""",
    ),
    "mixed-utf8": (0, "n::int4, 'nämé ' || n, n % 2 = 0, case when n % 5 > 0 then '€' || n end"),
    "json": (
        0,
        """jsonb_build_object('id', n, 'name', 'item ' || n, 'tags', array['a', 'b', 'c'],
        'price', n / 4.0), array[n, n + 1, n + 2], md5(n::text)::uuid""",
    ),
    "fixed": (1, "n::int4, n % 2 = 0, date '2000-01-01' + n % 9999, md5(n::text)::uuid"),
}


class Column(NamedTuple):
    """A column as a decoder sees it."""

    type_oid: int
    format: int


class Shape(NamedTuple):
    """The rows of one shape, as messages."""

    name: str
    columns: list[Column]
    buffer: bytes


def capture(path: Path) -> None:
    """Write what a throw-away server sends for each shape."""
    import psycopg

    from purelink.testing.server import Server

    with Server() as server, psycopg.connect(server.dsn) as link, path.open("wb") as out:
        for name, (form, selected) in SHAPES.items():
            sql = f"select {selected} from generate_series(1, {ROWS}) n"
            result = link.pgconn.exec_params(sql.encode(), [], result_format=form)
            if result.status != psycopg.pq.ExecStatus.TUPLES_OK:
                raise SystemExit(result.error_message.decode())
            places = range(result.nfields)
            messages = []
            for number in range(result.ntuples):
                values = [result.get_value(number, place) for place in places]
                body = struct.pack(">H", len(values)) + b"".join(
                    b"\xff\xff\xff\xff" if one is None else struct.pack(">i", len(one)) + one
                    for one in values
                )
                messages.append(b"D" + struct.pack(">i", len(body) + 4) + body)
            types = [result.ftype(place) for place in places]
            buffer = b"".join(messages)
            head = json.dumps({"name": name, "format": form, "types": types, "size": len(buffer)})
            out.write(head.encode() + b"\n" + buffer)


def captured(path: Path) -> list[Shape]:
    """Read what `capture` wrote."""
    found = []
    with path.open("rb") as source:
        while line := source.readline():
            head = json.loads(line)
            columns = [Column(oid, head["format"]) for oid in head["types"]]
            found.append(Shape(head["name"], columns, source.read(head["size"])))
    return found


def decode(decoder: Any, buffer: bytes) -> list[Any]:
    """Return all rows, decoded piece by piece, what is left of one joined to the next."""
    rows: list[Any] = []
    rest = b""
    for start in range(0, len(buffer), PIECE):
        piece = rest + buffer[start : start + PIECE]
        rest = piece[decoder.decode(piece, 0, len(piece), rows) :]
    assert not rest
    return rows


def cost(work: Callable[[], object]) -> float:
    """Return the CPU nanoseconds a row, best of several."""
    best = 0
    for _ in range(TIMES):
        start = time.process_time_ns()
        made = work()
        spent = time.process_time_ns() - start
        best = min(best or spent, spent)
        del made
    return best / ROWS


def writing() -> dict[str, float]:
    """Return the costs of the encoders, of rows of int4, text, float8, timestamptz (and bool)."""
    from datetime import datetime, timedelta, timezone

    start = datetime(2024, 1, 1, tzinfo=timezone.utc)
    four = [(n, f"name {n}", n * 0.5, start + timedelta(0, n)) for n in range(ROWS)]
    five = [(*one, one[0] % 2 == 0) for one in four]
    types = [oids.INT4, oids.TEXT, oids.FLOAT8, oids.TIMESTAMPTZ]
    bind = encoders.batch_encoder(types)
    binary = encoders.copy_encoder([*types, oids.BOOL])
    text = encoders.copy_text_encoder()
    assert binary is not None
    return {
        "bind": cost(lambda: bind(four)),
        "copy-binary": cost(lambda: binary(five)),
        "copy-text": cost(lambda: text(five)),
    }


def main() -> None:
    """Capture or measure, as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--capture", action="store_true", help="ask a server, write the file")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    chosen = parser.parse_args()
    if chosen.capture:
        capture(chosen.path)
        return
    figures: dict[str, dict[str, float]] = {}
    for shape in captured(chosen.path):
        ways: dict[str, Any] = {
            "careful": careful_decoder(shape.columns),
            "bulk": bulk.row_decoder(shape.columns),
            "bulk, collector on": bulk.row_decoder(shape.columns, pause_collector=False),
        }
        wanted = repr(decode(ways["careful"], shape.buffer))
        assert all(repr(decode(way, shape.buffer)) == wanted for way in ways.values()), shape.name
        del wanted
        figures[shape.name] = {
            name: cost(lambda way=way, shape=shape: decode(way, shape.buffer))  # type: ignore[misc]
            for name, way in ways.items()
        }
    written = writing()
    where = f"{platform.python_implementation()} {platform.python_version()}"
    if chosen.json:
        print(json.dumps({"interpreter": where, "decoding": figures, "encoding": written}))
        return
    print(f"{where}, CPU ns a row, best of {TIMES}\n")
    print("| rows | careful | bulk | bulk, collector on |\n|---|---:|---:|---:|")
    for name, costs in figures.items():
        print(f"| {name} | " + " | ".join([f"{one:.0f}" for one in costs.values()]) + " |")
    print("\n| written | |\n|---|---:|")
    for name, one in written.items():
        print(f"| {name} | {one:.0f} |")


if __name__ == "__main__":
    main()
