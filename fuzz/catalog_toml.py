"""The catalog's TOML: any text as a file of foreign servers and user mappings.

Input: the file.
Invariant: a catalog, or a documented error; no error and no repr shows the sample's password where
it stands as one, and nowhere else; what was read, written and read again is written the same.
Allowed exceptions: `InterfaceError`, and the `DatabaseError`s that the catalog's own checks raise.

    python -m fuzz.catalog_toml --runs 20000
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from fuzz import runner
from fuzz.values import damaged
from purelink.dblink.catalog import Catalog
from purelink.dblink.catalog_toml import read, write
from purelink.errors import DatabaseError, InterfaceError

if TYPE_CHECKING:
    from random import Random

__all__ = ["example", "one"]

SECRET = "hunter2hunter2"
SAMPLE = f"""owner = "postgres"
[wrappers.other_fdw]
validated = false
[servers.fdtest]
wrapper = "dblink_fdw"
usage = ["ann", "PUBLIC"]
owner_usage = true
[servers.fdtest.options]
dbname = "contrib_regression"
port = 5432
[servers.fdtest.mappings.ann]
user = "ann"
password = "{SECRET}"
[members]
ann = ["readers"]
[execute]
"dblink_connect_u(text)" = ["ann"]
"""
AS_PASSWORD = re.compile(rf'^(?:ssl)?password = "{SECRET}"$', re.MULTILINE)
WORDS = (
    "servers", "mappings", "options", "password", f'"{SECRET}"', "sslpassword", "{}", "[]", "true",
    "1e9", "1979-05-27", "'''x'''", "\\u0000", "PUBLIC", "owner", "=", "\n", "[[servers]]", '""',
)  # fmt: skip


def one(data: bytes) -> None:
    """Try one file."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    catalog = Catalog()
    hidden = len(AS_PASSWORD.findall(text)) == text.count(SECRET)
    try:
        read(catalog, text)
    except (InterfaceError, DatabaseError) as error:
        assert not hidden or SECRET not in str(error) + repr(error), error
        return
    assert not hidden or SECRET not in repr(catalog)
    once = write(catalog)
    again = Catalog()
    read(again, once)
    assert write(again) == once, (once, write(again))


def example(random: Random) -> bytes:
    """Return the sample with lines lost, doubled or moved, words put in, bytes changed."""
    lines = SAMPLE.splitlines(keepends=True)
    for _ in range(random.choice((0, 1, 2, 4))):
        place = random.randrange(len(lines) + 1)
        way = random.randrange(3)
        if way == 0:
            del lines[place : place + 1]
        elif way == 1:
            lines.insert(place, random.choice(lines) if lines else "\n")
        else:
            lines.insert(place, f"{random.choice(WORDS)}{random.choice(WORDS)}\n")
    data = "".join(lines).encode()
    return damaged(random, data) if random.random() < 0.5 else data


if __name__ == "__main__":
    sys.exit(runner.run("catalog_toml", sys.argv[1:]))
