"""A script cut into statements as psql cuts it: at semicolons that stand in no quotes or brackets.

Floor 6, pure. Fed line by line, so that a dump of any size can be run in bounded memory, and COPY's
data can be taken from between the lines. `standard_conforming_strings` is taken to be on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Lines", "Part", "Splitter", "statements"]

_TOKEN = re.compile(
    r"""(?P<word>[^\W\d][\w$]*)
    | (?P<number>\d[\w.]*)
    | (?P<dollar>\$(?:[^\W\d]\w*)?\$)
    | (?P<comment>--[^\r\n]*)
    | (?P<open>/\*)
    | (?P<quote>['"])
    | (?P<mark>[();\\])
    | (?P<other>[^\w'"();\\$/\-]+|.)""",
    re.VERBOSE | re.DOTALL,
)
#: what ends, or nests in, what has begun
_ENDS = {
    "'": re.compile(r"'"),
    '"': re.compile(r'"'),
    "E": re.compile(r"\\.|'", re.DOTALL),
    "/*": re.compile(r"/\*|\*/"),
}
_ROUTINES = frozenset({"function", "procedure"})


class Part(NamedTuple):
    """A statement with its semicolon, or a line that begins with a backslash, psql's own.

    `line` is where it ends, 1-based: what psql names in front of an error.
    """

    text: str
    line: int
    backslash: bool = False


class Splitter:
    """The cut of one script."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._inside = ""
        self._nested = 0
        self._brackets = 0
        self._begins = 0
        self._words: list[str] = []
        self.line = 0

    @property
    def rest(self) -> str:
        """What has no semicolon yet."""
        return "".join(self._pieces)

    def feed(self, line: str) -> Iterator[Part]:
        """Take one line, its newline included; yield the statements that end in it."""
        place = 0
        while place < len(line):
            if self._inside:
                place = self._skip(line, place)
                continue
            found = _TOKEN.match(line, place)
            assert found is not None
            place = found.end()
            kind, text = found.lastgroup, found[0]
            if kind == "mark" and text == "\\":
                place = len(line)
                yield Part(line[found.start() :].strip(), self.line, backslash=True)
                continue
            if kind == "mark" and text == ";" and not self._brackets and not self._begins:
                yield self._taken()
                continue
            self._pieces.append(text)
            self._note(kind or "", text, line[place : place + 1])

    def _note(self, kind: str, text: str, following: str) -> None:
        if kind == "word":
            self._word(text.lower())
            if following == "'" and text in ("e", "E"):
                self._inside = "E?"  # the quote comes next
        elif kind in ("quote", "dollar"):
            self._inside = text
        elif kind == "open":
            self._inside, self._nested = "/*", 1
        elif text == "(":
            self._brackets += 1
        elif text == ")":
            self._brackets = max(0, self._brackets - 1)

    def _word(self, word: str) -> None:
        """Count the BEGINs of a routine's body, whose semicolons end nothing."""
        if len(self._words) < 4:
            self._words.append(word)
        words = self._words
        if not words or words[0] != "create" or not _ROUTINES & set(words[1:4]):
            return
        if word == "begin" or (word == "case" and self._begins):
            self._begins += 1
        elif word == "end" and self._begins:
            self._begins -= 1

    def _skip(self, line: str, place: int) -> int:
        """Go on to the end of what has begun, or of the line."""
        start = place
        if self._inside == "E?":
            self._inside, place = "E", place + 1
        if self._inside[0] == "$":
            stop = line.find(self._inside, place)
            end = len(line) if stop < 0 else stop + len(self._inside)
            if stop >= 0:
                self._inside = ""
        else:
            end = len(line)
            for found in _ENDS[self._inside].finditer(line, place):
                if self._ended(found[0]):
                    self._inside, end = "", found.end()
                    break
        self._pieces.append(line[start:end])
        return end

    def _ended(self, text: str) -> bool:
        if self._inside == "/*":
            self._nested += 1 if text == "/*" else -1
            return self._nested == 0
        return text[0] != "\\"

    def _taken(self) -> Part:
        part = Part(self.rest.lstrip() + ";", self.line)
        self._pieces, self._words = [], []
        return part


class Lines:
    """The lines of a file, counted: whoever takes statements of them may take COPY's data, too."""

    def __init__(self, file: Iterable[str]) -> None:
        self._lines = iter(file)
        self.count = 0

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.count += 1
        return line


def statements(lines: Lines) -> Iterator[Part]:
    """Yield the statements of a script; the last one needs no semicolon."""
    splitter = Splitter()
    for line in lines:
        splitter.line = lines.count
        yield from splitter.feed(line)
    last = splitter.rest
    if _has_words(last):
        yield Part(last.strip(), splitter.line)


def _has_words(text: str) -> bool:
    # comments alone are no statement
    return bool(re.sub(r"/\*.*?\*/|--[^\n]*", " ", text, flags=re.DOTALL).strip())
