"""One driver in a process of its own: runs workloads as the lines of its input tell.

`bench.queries` starts it as `python -m bench.worker NAME DSN`.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from bench.async_drivers import Asyncpg, AsyncPsycopg, AsyncPurelink
from bench.drivers import Driver, Pg8000, Psycopg, Psycopg2, PsycopgBinary, Purelink

DRIVERS: dict[str, type[Driver]] = {
    "purelink": Purelink,
    "purelink-async": AsyncPurelink,
    "psycopg-c": Psycopg,
    "psycopg-c-bin": PsycopgBinary,
    "psycopg-py": Psycopg,
    "psycopg-async": AsyncPsycopg,
    "psycopg2": Psycopg2,
    "asyncpg": Asyncpg,
    "pg8000": Pg8000,
}


def main() -> None:
    """Obey: each line is `[workload, size, timed]`; each answer its times, with a digest or none.

    Before that one line tells about the driver, or that it is not there.
    """
    try:
        driver = DRIVERS[sys.argv[1]](sys.argv[2])
    except Exception as error:
        # Some are there and can't be used: psycopg's ctypes on PyPy. Ours has no such excuse.
        if sys.argv[1].startswith("purelink"):
            raise
        text = f"{type(error).__name__}: {error}".partition("\n")[0]
        print(json.dumps({"missing": text}), flush=True)
        return
    print(json.dumps({"lacks": driver.lacks, "encrypted": driver.encrypted()}), flush=True)
    for line in sys.stdin:
        workload, size, timed = json.loads(line)
        driver.prepare(workload, size)
        began, busy = time.perf_counter(), time.process_time()
        result = driver.run(workload, size)
        took, used = time.perf_counter() - began, time.process_time() - busy
        answer: Any = [took, used, "" if timed else driver.finish(workload, result)]
        del result
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
