"""Hypothesis strategies for connection strings, service files and passfiles.

Floor 6; needs the extra `testing`. For people who test their own connection-string code: each
example carries what libpq 18 makes of it, made by construction and not by purelink's parser::

    @given(strategies.uris())
    def test_my_parser(example):
        assert my_parser(example.text) == example.settings

Text may hold any character but NUL, lone bytes (as surrogateescape) too unless asked otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import strategies as st

from ..conninfo.keywords import SECRETS, names

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "NearMiss",
    "Passfile",
    "ServiceFile",
    "Written",
    "key_value_strings",
    "near_misses",
    "passfiles",
    "service_files",
    "settings",
    "uris",
    "values",
]

_BLANKS = " \t\n\v\f\r"
_PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_UNRESERVED = frozenset((_PLAIN + "-._~").encode())
#: keywords that the strategies use, in a fixed order so that examples shrink well
_KEYWORDS = sorted(names() - {"service"})


class Written(NamedTuple):
    """A connection string, and the settings that it gives."""

    text: str
    settings: dict[str, str]


class NearMiss(NamedTuple):
    """A string that is nearly right.

    Fields:
        text: the string; it holds no secret, so that `error` is libpq's to the letter.
        error: libpq's message without the newline, None if it is accepted after all.
        settings: what it gives then, perhaps to one's surprise; else None.
    """

    text: str
    error: str | None
    settings: dict[str, str] | None


class ServiceFile(NamedTuple):
    """The bytes of a service file, the section that is wanted, and what it sets."""

    content: bytes
    service: str
    settings: dict[str, str]


class Passfile(NamedTuple):
    """The bytes of a passfile, what is wanted of it, and the password (None: no line fits)."""

    content: bytes
    host: str
    port: str
    dbname: str
    user: str
    password: str | None


def values(*, surrogates: bool = True) -> st.SearchStrategy[str]:
    """Return texts that a setting can have.

    Args:
        surrogates: also bytes that are no UTF-8, as surrogateescape.
    """
    text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
    special = st.text(st.sampled_from("ab'\\ =&%?@:/,[]#+\t\n\v\x1c\xa0é"), max_size=8)
    if not surrogates:
        return text | special
    raw = st.binary(max_size=8).map(
        lambda data: data.replace(b"\0", b"").decode("utf-8", "surrogateescape")
    )
    return text | special | raw


def settings(
    *, secrets: bool = True, surrogates: bool = True, max_size: int = 6
) -> st.SearchStrategy[dict[str, str]]:
    """Return settings: known keywords with any text, empty too.

    Args:
        secrets: also passwords and keys.
        surrogates: as in `values`.
        max_size: how many at most.
    """
    keywords = [keyword for keyword in _KEYWORDS if secrets or keyword not in SECRETS]
    return st.dictionaries(
        st.sampled_from(keywords), values(surrogates=surrogates), max_size=max_size
    )


@st.composite
def key_value_strings(draw: Any, *, secrets: bool = True, surrogates: bool = True) -> Written:
    """Draw a valid key/value string: blanks, quotes and escapes in every allowed way."""
    wanted = draw(settings(secrets=secrets, surrogates=surrogates))
    text = draw(st.sampled_from(("", "", " ", "\n")))
    for keyword, value in wanted.items():
        text += keyword + draw(st.sampled_from(("=", "=", " = ", "=\n", "\t=")))
        quoted, written = draw(_written(value))
        # a quoted value needs nothing behind it
        gap = st.sampled_from(("", " ", "\n", " \t ")) if quoted else st.sampled_from(_BLANKS)
        text += written + draw(gap)
    return Written(text, wanted)


@st.composite
def _written(draw: Any, value: str) -> tuple[bool, str]:
    if not value or value[0] == "'" or draw(st.booleans()):
        return True, "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    escape = draw(st.sets(st.sampled_from("ax'=é")))
    letters = ["\\" + x if x in _BLANKS or x == "\\" or x in escape else x for x in value]
    return False, "".join(letters)


@st.composite
def uris(draw: Any, *, secrets: bool = True, surrogates: bool = True) -> Written:
    """Draw a valid URI: several hosts, brackets, sockets, encoded pieces, a query."""
    wanted: dict[str, str] = {}
    percent = _encoder(draw)
    text = draw(st.sampled_from(("postgresql://", "postgres://")))
    piece = values(surrogates=surrogates)
    user, password = draw(piece), draw(piece) if secrets else ""
    if draw(st.booleans()):
        text += percent(user)
        if user:
            wanted["user"] = user
        if secrets and draw(st.booleans()):
            text += ":" + percent(password)
            if password:
                wanted["password"] = password
        text += "@"
    pairs = draw(st.lists(_host_and_port(), min_size=1, max_size=3))
    text += ",".join(written for written, _, _ in pairs)
    for keyword, column in (("host", 1), ("port", 2)):
        joined = ",".join(pair[column] for pair in pairs)
        if joined:
            wanted[keyword] = joined
    dbname = draw(piece)
    text += "/" + percent(dbname)  # the "/" keeps an "@" behind it out of the user part
    if dbname:
        wanted["dbname"] = dbname
    query = draw(settings(secrets=secrets, surrogates=surrogates, max_size=3))
    if query:
        text += "?" + "&".join(f"{keyword}={percent(value)}" for keyword, value in query.items())
        wanted.update(query)
    if draw(st.booleans()):
        text += "&" if query else "?"
        if draw(st.booleans()):
            text += "ssl=true"
            wanted["sslmode"] = "require"
    return Written(text, wanted)


def _encoder(draw: Any) -> Callable[[str], str]:
    upper, blanks = draw(st.booleans()), draw(st.sampled_from(("", "", " ")))

    def percent(text: str) -> str:
        form = "%{:02X}" if upper else "%{:02x}"
        raw = text.encode("utf-8", "surrogateescape")
        encoded = [chr(byte) if byte in _UNRESERVED else form.format(byte) for byte in raw]
        # libpq 18 drops blanks round a piece; an empty piece of blanks would be set to ""
        return blanks + "".join(encoded) + blanks if text else ""

    return percent


@st.composite
def _host_and_port(draw: Any) -> tuple[str, str, str]:
    host = draw(
        st.sampled_from(
            ("", "localhost", "db.example.org", "::1", "fe80::1%lo", "/sockets", "@abs")
        )
    )
    written = {
        "::1": "[::1]",
        "fe80::1%lo": "[fe80::1%25lo]",
        "/sockets": "%2Fsockets",
        "@abs": "%40abs",
    }.get(host, host)
    port = draw(st.sampled_from(("", "5432", "1", "%36543")))
    return written + (f":{port}" if port else ""), host, port.replace("%36", "6")


@st.composite
def service_files(draw: Any) -> ServiceFile:
    """Draw a service file that has the wanted section among others, and what it sets."""
    service = draw(st.text(_PLAIN + "-. ", max_size=8))
    # a line is stripped, so a value cannot begin a line nor end one with blanks
    line = values().map(lambda value: value.replace("\n", "").rstrip(_BLANKS))
    wanted = draw(st.dictionaries(st.sampled_from(_KEYWORDS), line, max_size=5))
    own = [f"{keyword}={value}" for keyword, value in wanted.items()]
    if own and draw(st.booleans()):
        own.append(own[0].partition("=")[0] + "=too late")  # the first one counts
    noise = st.lists(st.sampled_from(("", "  ", "# comment", "\t#host=/x")), max_size=2)
    before = ["[another]", "nosuch line", "service=x"] if service != "another" else []
    after = draw(st.sampled_from(([], ["[later]", "broken"], [f"[{service}]", "host=/never"])))
    heading = draw(st.sampled_from((f"[{service}]", f"  [{service}] behind", f"[{service}]\r")))
    lines = [*draw(noise), *before, heading, *own, *draw(noise), *after]
    return ServiceFile("\n".join(lines).encode("utf-8", "surrogateescape"), service, wanted)


@st.composite
def passfiles(draw: Any) -> Passfile:
    """Draw a passfile, four things that are wanted, and the password that they find."""
    word = values().map(lambda text: text.replace("\n", "").replace("\r", ""))
    wanted = (
        draw(st.sampled_from(("localhost", "::1", "db.example.org", "/sockets", "*"))),
        draw(st.sampled_from(("5432", "05432", " 1 "))),
        draw(word.filter(bool)),
        draw(word.filter(bool)),
    )
    password = draw(word)
    # an escaped line of another user never fits
    others = [_pass_line(draw, (*wanted[:3], wanted[3] + "x"), "wrong", stars=False)]
    fits = draw(st.booleans())
    lines = ["# comment", *others]
    if fits:
        lines += [_pass_line(draw, wanted, password, stars=True), "*:*:*:*:too late"]
    content = draw(st.sampled_from(("\n", "\r\n"))).join(lines)
    return Passfile(content.encode("utf-8", "surrogateescape"), *wanted, password if fits else None)


def _pass_line(draw: Any, wanted: tuple[str, ...], password: str, *, stars: bool) -> str:
    fields = []
    for text in (*wanted, password):
        escaped = text.replace("\\", "\\\\").replace(":", "\\:")
        if escaped.startswith(("#", "*")):
            escaped = "\\" + escaped
        fields.append(escaped)
    if stars:
        fields[:4] = ["*" if draw(st.booleans()) else field for field in fields[:4]]
    return ":".join(fields)


def near_misses() -> st.SearchStrategy[NearMiss]:
    """Return strings that are one slip away from being right, with libpq's verdict."""
    return _wrong_pairs() | _wrong_uris() | st.sampled_from(_SURPRISES)


@st.composite
def _wrong_pairs(draw: Any) -> NearMiss:
    start = draw(key_value_strings(secrets=False)).text
    start += "" if start[-1:] in _BLANKS else " "
    word = draw(st.text(_PLAIN, min_size=1, max_size=6).map("x".__add__))
    tail, message = draw(
        st.sampled_from(
            (
                (f"{word}", f'missing "=" after "{word}" in connection info string'),
                (f"host {word}=1", 'missing "=" after "host" in connection info string'),
                (f"host='a'{word} ", f'missing "=" after "{word}" in connection info string'),
                (f"{word}=1", f'invalid connection option "{word}"'),
                ("HOST=h", 'invalid connection option "HOST"'),
                ("=h", 'invalid connection option ""'),
                ("ssl=true", 'invalid connection option "ssl"'),
                (f"host='{word}", "unterminated quoted string in connection info string"),
                (f"host='{word}\\'", "unterminated quoted string in connection info string"),
            )
        )
    )
    return NearMiss(start + tail, message, None)


@st.composite
def _wrong_uris(draw: Any) -> NearMiss:
    word = draw(st.text(_PLAIN, min_size=1, max_size=6).map("x".__add__))
    start = draw(st.sampled_from(("postgresql://", "postgres://", "postgres://u@h,")))
    parameter = "in URI query parameter"
    tail, message = draw(
        st.sampled_from(
            (
                (f"h/{word}%", f'invalid percent-encoded token: "{word}%"'),
                (f"h/{word}%4g", f'invalid percent-encoded token: "{word}%4g"'),
                (
                    f"h/{word}%00",
                    f'forbidden value %00 in percent-encoded value: "{word}%00"',
                ),
                (
                    f"h/{word} {word}",
                    (
                        f'unexpected spaces found in "{word} {word}", '
                        "use percent-encoded spaces (%20) instead"
                    ),
                ),
                (f"h?{word}", f'missing key/value separator "=" {parameter}: "{word}"'),
                (f"h?user={word}=", f'extra key/value separator "=" {parameter}: "user"'),
                ("h?user=a&&port=1", f'missing key/value separator "=" {parameter}: ""'),
                (f"h?{word}=1", f'invalid URI query parameter: "{word}"'),
                (f"h?ssl={word}", 'invalid URI query parameter: "ssl"'),
                ("[]", f'IPv6 host address may not be empty in URI: "{start}[]"'),
                (
                    f"[{word}",
                    (
                        'end of string reached when looking for matching "]" in IPv6 host address '
                        f'in URI: "{start}[{word}"'
                    ),
                ),
                (
                    f"[::1]{word}",
                    (
                        f'unexpected character "x" at position {len(start) + 6} in URI '
                        f'(expected ":" or "/"): "{start}[::1]{word}"'
                    ),
                ),
            )
        )
    )
    return NearMiss(start + tail, message, None)


# strings that look wrong and are not
_SURPRISES = (
    NearMiss("host= port=1", None, {"host": "port=1"}),
    NearMiss("host=a'b", None, {"host": "a'b"}),
    NearMiss("host=a\\", None, {"host": "a"}),
    NearMiss("host='a'port=1", None, {"host": "a", "port": "1"}),
    NearMiss("requiressl=true", None, {"sslmode": "prefer"}),
    NearMiss("dbname=postgres://h/d", None, {"dbname": "postgres://h/d"}),
    NearMiss("postgresql://a,b", None, {"host": "a,b", "port": ","}),
    NearMiss("postgresql://h:1:2", None, {"host": "h", "port": "1:2"}),
    NearMiss("postgresql://?user=a@b", None, {"user": "?user=a", "host": "b"}),
    NearMiss("postgresql://u/v@h", None, {"host": "u", "dbname": "v@h"}),
    NearMiss("postgresql://h#f", None, {"host": "h#f"}),
    NearMiss("postgresql:// h ", None, {"host": "h"}),
    NearMiss("postgresql://h?user=a+b&", None, {"user": "a+b", "host": "h"}),
)
