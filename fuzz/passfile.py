"""Passfiles: any bytes as a file, any four texts as what is wanted.

Input: host, port, dbname and user, each followed by a newline, then the file.
Invariant: the answer is what a second matcher gives that follows passwordFromFile letter by
letter, without our short cuts; a match names a line that exists.
Allowed exceptions: none.

    python -m fuzz.passfile --runs 100000
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Optional

from fuzz import runner, strings
from purelink.conninfo.files import password_for

if TYPE_CHECKING:
    from random import Random

__all__ = ["example", "one"]

_COLON, _BACKSLASH, _STAR = b":\\*"


def example(random: Random) -> bytes:
    """Return four random texts and a file."""
    words = ["h", "*", "u:v", "", "5432", "a\\b", "é", "\udcff", "db", "\\", ":", "*x"]
    wanted = [random.choice(words) for _ in range(4)]
    lines = []
    for _ in range(random.choice((1, 2, 5))):
        fields = [
            random.choice((word, "*", word.replace("\\", "\\\\").replace(":", "\\:")))
            for word in wanted
        ]
        fields.append(random.choice(("p", "a\\:b", "a:b", "end\\", "", " ", "é\udcff", "\\\\")))
        lines.append(random.choice(("", "", "", "#", " ")) + ":".join(fields))
    text = random.choice(("\n", "\r\n", "\0\n")).join(lines)
    if random.random() < 0.4:
        text = strings.damaged(random, text)
    return "\n".join([*wanted, text]).encode("utf-8", "surrogateescape")


def one(data: bytes) -> None:
    """Try one file."""
    parts = data.split(b"\n", 4)
    wanted = [part.replace(b"\0", b"") for part in (parts[:4] + [b""] * 4)[:4]]
    content = parts[4] if len(parts) == 5 else b""
    texts = [part.decode("utf-8", "surrogateescape") for part in wanted]
    answer = password_for(content, texts[0], texts[1], texts[2], texts[3])
    expected = _slowly(content, wanted)
    got = None if answer is None else answer[0].encode("utf-8", "surrogateescape")
    assert got == expected, (got, expected)
    assert answer is None or 1 <= answer[1] <= content.count(b"\n") + 1, answer


def _slowly(content: bytes, wanted: list[bytes]) -> Optional[bytes]:
    held = b""
    for line in content.splitlines(keepends=True) if b"\r" not in content else _lines(content):
        visible = line.split(b"\0", 1)[0]
        held += visible
        if not visible.endswith(b"\n"):
            continue
        found, held = _match(held, wanted), b""
        if found is not None:
            return found
    return _match(held, wanted) if held else None


def _lines(content: bytes) -> list[bytes]:
    # bytes.splitlines also splits at a lone "\r"
    pieces = content.split(b"\n")
    return [piece + b"\n" for piece in pieces[:-1]] + [pieces[-1]]


def _match(line: bytes, wanted: list[bytes]) -> Optional[bytes]:
    if line[:1] == b"#":
        return None
    rest: Optional[bytes] = line.rstrip(b"\r\n")
    if not rest:
        return None
    for token in wanted:
        rest = _field(rest or b"", token)
        if rest is None:
            return None
    password = bytearray()
    at = 0
    while at < len(rest) and rest[at] != _COLON:
        if rest[at] == _BACKSLASH and at + 1 < len(rest):
            at += 1
        password.append(rest[at])
        at += 1
    return bytes(password)


def _field(text: bytes, token: bytes) -> Optional[bytes]:
    if text[:2] == b"*:":
        return text[2:]
    at = taken = 0
    while at < len(text):
        if text[at] == _COLON and taken == len(token):
            return text[at + 1 :]
        if text[at] == _BACKSLASH:
            at += 1
        if taken == len(token) or text[at : at + 1] != token[taken : taken + 1]:
            return None
        at += 1
        taken += 1
    return None


if __name__ == "__main__":
    sys.exit(runner.run("passfile", sys.argv[1:]))
