"""Service files: any bytes as a file, any text as the section that is wanted.

Input: the section's name, a newline, the file.
Invariant: the answer is None, a list of known keywords with line numbers that exist and rise, or a
ConninfoError whose text shows nothing of the file; no section is found whose `[name]` is not in it.
Allowed exceptions: ConninfoError.

    python -m fuzz.service_file --runs 100000
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from fuzz import runner, strings
from purelink.conninfo import ConninfoError
from purelink.conninfo.files import service_section
from purelink.conninfo.keywords import names

if TYPE_CHECKING:
    from random import Random

__all__ = ["example", "one"]

_ERRORS = re.compile(
    r'line \d+ too long in service file "F"|syntax error in service file "F", line \d+'
    r'|nested "?service(file)?"? specifications not supported in service file "F", line \d+'
)


def example(random: Random) -> bytes:
    """Return a random section name and file."""
    lines = [random.choice(("a", "b", "", "a]b", "é"))]
    for _ in range(random.choice((1, 3, 8))):
        draw = random.random()
        if draw < 0.3:
            lines.append(random.choice(("[a]", "[b]", "[]", " [a] x", "[a]b]", "[a", "[é]")))
        elif draw < 0.85:
            name = random.choice(strings.KEYWORDS)
            lines.append(f"{name}={random.choice(strings.VALUES)}")
        else:
            lines.append(random.choice(("#", ";", "nosuch=1", "x" * 1030, "a\0b=c", "host", "=")))
    text = strings.damaged(random, "\n".join(lines)) if random.random() < 0.3 else "\n".join(lines)
    return text.encode("utf-8", "surrogateescape")


def one(data: bytes) -> None:
    """Try one file."""
    wanted, _, content = data.partition(b"\n")
    service = wanted.replace(b"\0", b"").decode("utf-8", "surrogateescape")
    for release in (18, 19):
        try:
            section = service_section(content, service, "F", release=release)
        except ConninfoError as error:
            assert _ERRORS.fullmatch(str(error)), content
            continue
        if section is None:
            continue
        assert b"[" + service.encode("utf-8", "surrogateescape") + b"]" in content
        assert {keyword for keyword, _, _ in section} <= names(release)
        numbers = [number for _, _, number in section]
        assert numbers == sorted(set(numbers)), numbers


if __name__ == "__main__":
    sys.exit(runner.run("service_file", sys.argv[1:]))
