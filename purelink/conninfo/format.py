"""Settings written as a connection string: the inverse of `parse`.

Floor 1, pure. `parse(format(s)) == s` for every mapping of known keywords to text, in either
style; what a grammar cannot say in its usual place (an empty user in a URI, two hosts without
ports) is said in the query.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..errors import ConninfoError
from .keywords import RELEASE, names
from .parse import checked

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["format"]

_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# what may also stand as it is where neither "@" nor "/" ends anything any more
_OPEN = _UNRESERVED | frozenset(b"/:,@!*()")


def format(  # noqa: A001 - the pair of parse
    settings: Mapping[str, str | None], style: str = "keywords", *, release: int = RELEASE
) -> str:
    """Return a connection string that gives exactly these settings, secrets included.

    Args:
        settings: keyword to text; None is left out. Text is canonical: a byte that is part
            of a UTF-8 character is written as that character.
        style: "keywords" (`host=h port=1`) or "uri" (`postgresql://h:1`).
        release: the libpq whose keywords are known.

    Raises:
        ConninfoError: an unknown keyword, a NUL.
        ValueError: another style.
    """
    given = {keyword: value for keyword, value in settings.items() if value is not None}
    known = names(release)
    for keyword, value in given.items():
        if keyword not in known:
            raise ConninfoError(f'invalid connection option "{keyword}"', keyword=keyword)
        given[keyword] = checked(value, f'connection option "{keyword}"')
    if style == "keywords":
        return " ".join([f"{keyword}={_quoted(value)}" for keyword, value in given.items()])
    if style == "uri":
        return _uri(given)
    message = f'style must be "keywords" or "uri", not {style!r}'
    raise ValueError(message)


def _quoted(value: str) -> str:
    if value and not re.search(r"[ \t\n\v\f\r'\\]", value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _uri(given: dict[str, str]) -> str:
    rest = dict(given)
    text = "postgresql://"
    user = rest.pop("user") if rest.get("user") else ""
    password = rest.pop("password") if rest.get("password") else ""
    if user or password:
        text += _percent(user, _UNRESERVED)
        text += f":{_percent(password, _UNRESERVED)}@" if password else "@"
    text += _authority(rest)
    if rest.get("dbname"):
        text += "/" + _percent(rest.pop("dbname"), _OPEN)
    elif rest:
        text += "/"  # so that an "@" in the query is not taken for a user's
    if rest:
        text += "?" + "&".join(
            [f"{keyword}={_percent(value, _OPEN)}" for keyword, value in rest.items()]
        )
    return text


def _authority(rest: dict[str, str]) -> str:
    # takes host and port out of `rest` if they can stand in front of the path
    hosts = rest.get("host", "").split(",")
    ports = rest.get("port", "").split(",")
    several = len(hosts) > 1
    if several and len(hosts) != len(ports):
        return ""  # `a,b` would also set the ports to ","
    pairs = []
    if rest.get("host"):
        del rest["host"]
    if rest.get("port") and len(hosts) == len(ports):
        del rest["port"]
    else:
        ports = [""] * len(hosts)
    for host, port in zip(hosts, ports):
        pairs.append(_host(host) + (f":{_percent(port, _UNRESERVED)}" if port else ""))
    return ",".join(pairs)


def _host(host: str) -> str:
    if re.fullmatch("[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(%[0-9a-zA-Z_.-]*)?", host):
        return f"[{host.replace('%', '%25')}]"
    return _percent(host, _UNRESERVED)


def _percent(text: str, safe: frozenset[int]) -> str:
    return "".join(
        [
            chr(byte) if byte in safe else f"%{byte:02X}"
            for byte in text.encode("utf-8", "surrogateescape")
        ]
    )
