"""SQL that is put together: placeholders that become parameters, a stranger's text as a literal.

Input: a mode, the session's encoding, then text: a query with placeholders, or pieces to compose.
Invariant: placeholders are numbered as a slow reader written down here numbers them, or refused
where it refuses; `%%` stands for `%`, and nothing but placeholders changes. A stranger's text as
`Literal` or `Identifier` is one token of its own, whatever `standard_conforming_strings` says, and
stands for that text; it adds no placeholder and loses none.
Allowed exceptions: `ProgrammingError` from placeholders; `InterfaceError` for what cannot be sent.

    python -m fuzz.placeholders --runs 100000
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Optional

from fuzz import runner
from purelink import sql
from purelink.errors import InterfaceError, ProgrammingError
from purelink.values.encodings import codec_of
from purelink.values.pyformat import Placed, _placed

if TYPE_CHECKING:
    from random import Random

__all__ = ["example", "one"]

ENCODINGS = ("UTF8", "SQL_ASCII", "SJIS", "EUC_JP", "SHIFT_JIS_2004", "GBK", "BIG5", "LATIN1")
ENCODINGS += ("EUC_TW", "JOHAB", "UHC", "GB18030")


def slowly(text: str) -> Optional[Placed]:
    """Number the placeholders letter by letter; None: a refusal."""
    out: list[str] = []
    names: list[str] = []
    count = at = 0
    positional = False
    while at < len(text):
        if text[at] != "%":
            out.append(text[at])
            at += 1
            continue
        start, name = at, None
        at += 1
        if text[at : at + 1] == "%":
            out.append("%")
            at += 1
            continue
        if text[at : at + 1] == "(":
            end = text.find(")", at)
            if end < 0:
                return None
            name = text[at + 1 : end]
            at = end + 1
        letter = text[at : at + 1]
        at += 1
        if letter not in ("s", "t", "b"):
            return None
        if name is None:
            if names:
                return None
            positional = True
            count += 1
            number = count
        else:
            if positional:
                return None
            if name not in names:
                names.append(name)
            number = names.index(name) + 1
        before, behind = text[start - 1 : start], text[at : at + 1]
        lead = " " if before and (before.isalnum() or before in "_$" or before > "\x7f") else ""
        trail = " " if behind and (behind.isalnum() or behind in "_$") else ""
        out.append(f"{lead}${number}{trail}")
    return Placed("".join(out), len(names) or count, tuple(names) if names else None)


def tokens(text: str, *, conforming: bool) -> list[tuple[str, str]]:
    """Cut SQL into tokens as PostgreSQL's scanner does: kind and what a quoted one stands for."""
    found = []
    at = 0
    while at < len(text):
        letter = text[at]
        if letter.isspace():
            at += 1
        elif letter == '"':
            value, at = _quoted(text, at + 1, '"', escapes=False)
            found.append(("name", value))
        elif letter == "'" or (letter in "eE" and text[at + 1 : at + 2] == "'"):
            escapes = letter != "'" or not conforming
            value, at = _quoted(text, at + (1 if letter == "'" else 2), "'", escapes=escapes)
            found.append(("literal", value))
        elif text.startswith("--", at):
            at = len(text)
            found.append(("comment", ""))
        elif letter.isalnum() or letter in "_$%":
            start = at
            while at < len(text) and (text[at].isalnum() or text[at] in "_$%"):
                at += 1
            found.append(("word", text[start:at]))
        else:
            found.append(("sign", letter))
            at += 1
    return found


def _quoted(text: str, at: int, quote: str, *, escapes: bool) -> tuple[str, int]:
    value: list[str] = []
    while True:
        assert at < len(text), ("it never ends", text)
        if text[at] == "\\" and escapes:
            value.append(text[at + 1])
            at += 2
        elif text[at] == quote:
            if text[at + 1 : at + 2] != quote:
                return "".join(value), at + 1
            value.append(quote)
            at += 2
        else:
            value.append(text[at])
            at += 1


def _check_composed(first: str, second: str, name: str) -> None:
    encoding, errors = codec_of(name)
    made = sql.SQL("SELECT {}, {} AS {} FROM {} WHERE a = {}").format(
        first, second, sql.Identifier(first), sql.Identifier(second, first), sql.Placeholder()
    )
    try:
        text = made.compose(encoding, errors, pyformat=False)
        doubled = made.compose(encoding, errors, pyformat=True)
    except InterfaceError:
        return
    read = _read(text, encoding, errors)
    for conforming in (True, False):
        found = tokens(read, conforming=conforming)
        expected = [
            *(("word", "SELECT"), ("literal", first), ("sign", ","), ("literal", second)),
            *(("word", "AS"), ("name", first), ("word", "FROM"), ("name", second)),
            *(("sign", "."), ("name", first), ("word", "WHERE"), ("word", "a"), ("sign", "=")),
            ("word", "%s"),
        ]
        assert [kind for kind, _ in found] == [kind for kind, _ in expected], (read, found)
        assert found == expected or not _same(first + second, encoding, errors), (read, found)
    placed = _placed(doubled)
    assert placed.number == 1, (doubled, placed)
    assert placed.names is None
    assert placed.text == text[:-2] + "$1", (doubled, placed.text, text)


def _read(text: str, encoding: str, errors: str) -> str:
    """Return a text as a server reads it: a byte of ASCII is that letter, whatever it was."""
    letters = []
    for letter in text:
        sent = letter.encode(encoding, errors)
        ascii_alone = len(sent) == 1 and sent[0] < 0x80
        letters.append(chr(sent[0]) if ascii_alone else sent.decode(encoding, errors))
    return "".join(letters)


def _same(text: str, encoding: str, errors: str) -> bool:
    """Tell whether a text comes back from an encoding as it was: not all that look alike do."""
    return text.encode(encoding, errors).decode(encoding, errors) == text


def one(data: bytes) -> None:
    """Try one text."""
    if len(data) < 2:
        return
    text = data[2:].decode("utf-8", "surrogateescape")
    if data[0] & 1:
        first, _, second = text.partition("\x1f")
        _check_composed(first, second, ENCODINGS[data[1] % len(ENCODINGS)])
        return
    expected = slowly(text)
    try:
        got: Optional[Placed] = _placed(text)
    except ProgrammingError:
        got = None
    assert got == expected, (text, got, expected)
    plain = sql.SQL(text.replace("%", "%%"))  # type: ignore[arg-type]  # a stranger's, for once
    assert _placed(plain.compose(pyformat=True)) == Placed(text, 0, None)


PIECES = (
    *("%s", "%(a)s", "%(b)t", "%%", "%", "%(", "%()s", "'%s'", "''", "-- ", "/*", "$$", "$1", "1"),
    *(
        "SELECT ",
        "a",
        "_",
        "é",
        "\\",
        "'",
        '"',
        "\n",
        "\0",
        "\udc83",
        "\udc81",
        "¥",
        "表",
        "ソ",
        "‾",
    ),
    *("{}", "E'", "\x1f", "%b", "%d", "許", "誠", "ﾀ"),
)


def example(random: Random) -> bytes:
    """Return a text that is made of what matters."""
    text = "".join(random.choice(PIECES) for _ in range(random.randrange(12)))
    return bytes([random.randrange(2), random.randrange(256)]) + text.encode(
        "utf-8", "surrogateescape"
    )


if __name__ == "__main__":
    sys.exit(runner.run("placeholders", sys.argv[1:]))
