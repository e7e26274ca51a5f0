"""Random connection strings of both grammars, most of them nearly right, from one `Random`.

Used by the differential and round-trip runs; `tests` and `purelink.testing` have Hypothesis
strategies instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from purelink.conninfo.keywords import names

if TYPE_CHECKING:
    from random import Random

__all__ = ["conninfo", "damaged", "key_values", "uri"]

KEYWORDS = sorted(names())
ODD_NAMES = [
    *("requiressl", "ssl", "nosuch", "", "HOST", "servicefile", "authtype", "host;", "#host"),
    *("postgres:/h?user", "é", "pass\\word", "'host'", "\x1cport", "oauth_ca_file"),
]
VALUES = [
    *("", "h", "1", "5432", "a,b", ",", "/tmp", "@abs", "true", "10", "system", "require", "x=y"),
    *("a b", "it's", "back\\slash", "é", "\udcff", "\udcc3", "\udca9", "\u3000", "%41", "%zz"),
    *("tab\there", "\n", "[::1]", "a@b", "p/q", "***", "***=", "localhost", "postgres://h/d"),
    *("'", "\\", "\\\\", "''", '"', "#", ";", "&", "?", ":", "%00", "%", "+", "%2C", "%2F"),
]
BLANKS = [" ", " ", " ", "  ", "\t", "\n", "\v", "\f", "\r", "\r\n", "\x1c", "\x85", "\xa0", ""]
# what grammar is made of, for blind damage
NOISE = [*" =='\\\\'%&?@:/,[]\t\nahuq01%é", "\udcff", "password=", "%41", "postgres://"]


def conninfo(random: Random) -> str:
    """Return a string of either grammar, broken about every second time."""
    text = uri(random) if random.random() < 0.5 else key_values(random)
    return damaged(random, text) if random.random() < 0.4 else text


def key_values(random: Random) -> str:
    """Return a key/value string: quoted or not, with blanks in odd places."""
    parts = []
    for _ in range(random.choice((0, 1, 1, 2, 2, 3, 5, 9))):
        name = random.choice(KEYWORDS) if random.random() < 0.93 else random.choice(ODD_NAMES)
        equals = random.choice(("=", "=", "=", " =", "= ", "\n=\t", " = "))
        parts.append(name + equals + _written(random))
        parts.append(random.choice(BLANKS) if random.random() < 0.3 else " ")
    return "".join(parts)


def _written(random: Random) -> str:
    value = random.choice(VALUES)
    style = random.random()
    if style < 0.3:
        return value
    value = value.replace("\\", "\\\\").replace("'", "\\'")
    if style < 0.7:
        return f"'{value}'"
    return "".join("\\" + letter if letter in " \t\n\r\v\f" else letter for letter in value)


def uri(random: Random) -> str:
    """Return a URI: any part may be missing, encoded, blank-padded or wrong."""
    text = random.choice(("postgresql://", "postgres://"))
    if random.random() < 0.5:
        text += _piece(random, "user@%2F")
        if random.random() < 0.7:
            text += ":" + _piece(random, "pass:word?")
        text += "@"
    text += ",".join(_host(random) for _ in range(random.choice((1, 1, 1, 2, 3))))
    if random.random() < 0.7:
        text += "/" + _piece(random, "data/base")
    if random.random() < 0.7:
        text += "?"
        text += "&".join(_parameter(random) for _ in range(random.choice((0, 1, 1, 2, 3))))
        text += random.choice(("", "", "", "&", " "))
    return text


def _host(random: Random) -> str:
    host = random.choice(("h", "", "", "localhost", "[::1]", "[fe80::1%25lo]", "%2Ftmp", "a%2Cb"))
    if random.random() < 0.15:
        host = random.choice(("[", "[]", "[::1]x", "[a,b]", "x[::1]", "[::1]é", "[::1]\udcff"))
    if random.random() < 0.5:
        host += ":" + random.choice(("1", "5432", "", "x", "1:2", "%31", " 1 ", "%zz"))
    return host


def _parameter(random: Random) -> str:
    name = random.choice(KEYWORDS) if random.random() < 0.9 else random.choice(ODD_NAMES)
    if random.random() < 0.1:
        name = name.replace("s", "%73")
    if random.random() < 0.05:
        return name
    return name + "=" + _piece(random, random.choice(VALUES))


def _piece(random: Random, text: str) -> str:
    style = random.random()
    if style < 0.5:
        letters = [
            letter if letter.isalnum() and letter.isascii() else _percent(letter)
            for letter in text[: random.randint(0, len(text))]
        ]
        return "".join(letters)
    if style < 0.6:
        return random.choice((" ", "")) + text + random.choice((" ", "  ", ""))
    return text if style < 0.8 else "p"


def _percent(letter: str) -> str:
    if letter == "\0":
        return "%00"
    return "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogateescape"))


def damaged(random: Random, text: str) -> str:
    """Return a text with a few letters dropped, doubled, swapped or put in."""
    letters = list(text)
    for _ in range(random.choice((1, 1, 2, 4))):
        at = random.randint(0, len(letters))
        deed = random.random()
        if deed < 0.5 or not letters:
            letters.insert(at, random.choice(NOISE))
        elif deed < 0.75:
            del letters[at - 1]
        elif deed < 0.9:
            letters = letters[:at]
        else:
            letters[at - 1 : at] = letters[at - 1 : at] * 2
    return "".join(letters)
