"""The two files of a user of PostgreSQL: connection services and passwords, read as libpq does.

Floor 1, pure: works on the files' bytes and never opens anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ConninfoError
from .keywords import RELEASE, names

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["password_for", "service_section"]

# char buf[1024] of parseServiceFile; fgets fills all but one byte
_LINE = 1023
# C's isspace
_BLANKS = b" \t\n\v\f\r"


def service_section(
    content: bytes, service: str, path: str, *, release: int = RELEASE
) -> list[tuple[str, str, int]] | None:
    """Return the settings of one section of a service file, None if it is not there.

    Args:
        content: the whole file.
        service: the section's name, exact.
        path: the file's name, for errors.
        release: the libpq whose keywords are known.

    Returns:
        (keyword, value, line number) in the file's order; for a keyword given twice the
        first line counts.

    Raises:
        ConninfoError: for a line that is wrong, as far as the file had to be read.

    Source: parseServiceFile of a build without LDAP.
    """
    known = names(release)
    wanted = b"[" + service.encode("utf-8", "surrogateescape") + b"]"
    found = False
    settings: list[tuple[str, str, int]] = []
    for number, line in enumerate(_service_lines(content), 1):
        if len(line) >= _LINE:
            raise ConninfoError(f'line {number} too long in service file "{path}"')
        line = line.strip(_BLANKS)
        if not line or line.startswith(b"#"):
            continue
        if line.startswith(b"["):
            if found:
                break  # the end of the section
            # what follows the bracket is not looked at
            found = line.startswith(wanted)
        elif found:
            keyword, equals, value = (
                part.decode("utf-8", "surrogateescape") for part in line.partition(b"=")
            )
            if equals and (keyword == "service" or (keyword == "servicefile" and release > 18)):
                shown = f'"{keyword}"' if release > 18 else keyword
                raise ConninfoError(
                    f"nested {shown} specifications not supported in service file "
                    f'"{path}", line {number}',
                    keyword=keyword,
                )
            if not equals or keyword not in known:
                raise ConninfoError(f'syntax error in service file "{path}", line {number}')
            settings.append((keyword, value, number))
    return settings if found else None


def _service_lines(content: bytes) -> Iterator[bytes]:
    # fgets: a line with its newline, or 1023 bytes of it; C sees nothing behind a NUL
    at = 0
    while at < len(content):
        newline = content.find(b"\n", at, at + _LINE)
        end = newline + 1 if newline >= 0 else min(at + _LINE, len(content))
        yield content[at:end].partition(b"\0")[0]
        at = end


def password_for(
    content: bytes, host: str, port: str, dbname: str, user: str
) -> tuple[str, int] | None:
    """Return the password of the first line of a passfile that matches, and its line number.

    Args:
        content: the whole file.
        host: host, address or socket directory that is wanted (`localhost` already put in
            place of the default directory).
        port: the port's text.
        dbname: the database after defaulting.
        user: the user after defaulting.

    Returns:
        (password, line number from 1); an empty password is a match too. None: no line.

    Source: passwordFromFile, pwdfMatchesString.
    """
    wanted = tuple(text.encode("utf-8", "surrogateescape") for text in (host, port, dbname, user))
    for number, line in _password_lines(content):
        if line.startswith(b"#"):
            continue
        line = line.rstrip(b"\r\n")
        at = 0 if line else -1
        for field in wanted:
            if at < 0:
                break
            at = _match_field(line, at, field)
        if at >= 0:
            return _unescape(line, at).decode("utf-8", "surrogateescape"), number
    return None


def _password_lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    # A NUL hides the rest of its line, newline included, so that the next one is joined to
    # it: that is what fgets and strlen make of it.
    if b"\0" not in content:
        yield from enumerate(content.split(b"\n"), 1)
        return
    held = b""
    for number, line in enumerate(content.split(b"\n"), 1):
        visible, nul, _ = line.partition(b"\0")
        held += visible
        if not nul:
            yield number, held
            held = b""
    yield number, held


def _match_field(line: bytes, at: int, wanted: bytes) -> int:
    # where the next field begins, -1 if this one does not match
    if line.startswith(b"*:", at):
        return at + 2
    end = at + len(wanted)
    if b"\\" not in line:
        return end + 1 if line.startswith(wanted + b":", at) else -1
    taken = 0
    while at < len(line):
        if line[at] == 0x3A and taken == len(wanted):  # ":" where all of it was seen
            return at + 1
        if line[at] == 0x5C:  # a backslash makes the next byte literal
            at += 1
        if at >= len(line) or taken >= len(wanted) or line[at] != wanted[taken]:
            return -1
        at += 1
        taken += 1
    return -1


def _unescape(line: bytes, at: int) -> bytes:
    password = bytearray()
    while at < len(line) and line[at] != 0x3A:
        if line[at] == 0x5C and at + 1 < len(line):
            at += 1
        password.append(line[at])
        at += 1
    return bytes(password)
