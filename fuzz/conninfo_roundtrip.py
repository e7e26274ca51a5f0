"""Round trip: what `conninfo.parse` accepts, `conninfo.format` can write in both styles.

Invariant: for every text, `parse` gives settings or a ConninfoError with a position inside the
text; for settings, `parse(format(settings, style)) == settings`, and `scan` agrees with `parse`;
the picture of the error's place has a caret inside its line.
Allowed exceptions: ConninfoError, from the first `parse` only.

    python -m fuzz.conninfo_roundtrip --runs 100000
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fuzz import runner, strings
from purelink.conninfo import ConninfoError, format, parse  # noqa: A004 - our own name
from purelink.conninfo.parse import scan
from purelink.conninfo.picture import draw

if TYPE_CHECKING:
    from random import Random

__all__ = ["example", "one"]


def example(random: Random) -> bytes:
    """Return a random connection string, broken or not."""
    return strings.conninfo(random).encode("utf-8", "surrogateescape")


def one(data: bytes) -> None:
    """Try one text."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        settings = parse(text)
    except ConninfoError as error:
        position = error.position
        assert position is not None, text
        assert 1 <= position <= len(text) + 1, position
        line, caret = draw(text, position).split("\n")
        assert len(caret) <= len(line) + 1, (line, caret)
        return
    assert {keyword: value for keyword, value, _ in scan(text)} == settings
    for style in ("keywords", "uri"):
        written = format(settings, style)
        assert parse(written) == settings, (style, written)


if __name__ == "__main__":
    sys.exit(runner.run("conninfo_roundtrip", sys.argv[1:]))
