"""Hosts, addresses and ports of the settings, made into the targets that are tried in turn.

Floor 1, pure: nothing is looked up but passwords, and those in the snapshot's passfile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ConninfoError
from .files import password_for
from .settings import Target

if TYPE_CHECKING:
    from .surroundings import File, Surroundings

__all__ = ["DEFAULT_PORT", "integer", "split_hosts", "with_passwords"]

DEFAULT_PORT = "5432"
# what a passfile calls the default socket directory, and the default where there are no sockets
LOCALHOST = "localhost"

_BLANKS = " \t\n\v\f\r"
_LARGEST = 2**31 - 1


def integer(text: str, keyword: str) -> int:
    """Return the number that a setting's text stands for.

    Args:
        text: blanks, a sign, decimal digits, blanks.
        keyword: the setting, for the error.

    Raises:
        ConninfoError: not such a text, or outside a C int.

    Source: pqParseIntParam (strtol).
    """
    digits = text.strip(_BLANKS)
    negative = digits[:1] == "-"
    if digits[:1] in ("-", "+"):
        digits = digits[1:]
    if digits.isascii() and digits.isdigit():
        digits = digits.lstrip("0")
        # CPython refuses to convert very long runs of digits: no int has more than ten
        number = int(digits or "0") if len(digits) <= 10 else _LARGEST + 2
        if number <= _LARGEST + negative:
            return -number if negative else number
    raise ConninfoError(
        f'invalid integer value "{text}" for connection option "{keyword}"', keyword=keyword
    )


def split_hosts(host: str, hostaddr: str, port: str, surroundings: Surroundings) -> list[Target]:
    """Return the targets that three comma lists name, without passwords.

    Args:
        host: names, socket directories or nothing.
        hostaddr: numeric addresses or nothing.
        port: one for all, or one each, or nothing.
        surroundings: for the default socket directory.

    Raises:
        ConninfoError: the lists do not match in length.

    Source: pqConnectOptions2, first part.
    """
    addresses = hostaddr.split(",") if hostaddr else []
    hosts = host.split(",") if host else []
    count = len(addresses) or len(hosts) or 1
    if hosts and len(hosts) != count:
        raise ConninfoError(
            f"could not match {len(hosts)} host names to {count} hostaddr values",
            keyword="host",
        )
    ports = port.split(",") if port else [""]
    if len(ports) == 1:
        ports *= count
    elif len(ports) != count:
        raise ConninfoError(
            f"could not match {len(ports)} port numbers to {count} hosts", keyword="port"
        )
    addresses = addresses or [""] * count
    hosts = hosts or [""] * count
    return [
        _target(name, address, number or DEFAULT_PORT, surroundings.socket_directory)
        for name, address, number in zip(hosts, addresses, ports)
    ]


def _target(host: str, hostaddr: str, port: str, default_directory: str) -> Target:
    if hostaddr:
        return Target("address", host, hostaddr, port, "")
    if host.startswith(("/", "@")):
        return Target("socket", host, "", port, host)
    if host:
        return Target("name", host, "", port, "")
    if default_directory:
        return Target("socket", "", "", port, default_directory)
    return Target("name", LOCALHOST, "", port, "")  # no Unix sockets here


def with_passwords(
    targets: list[Target], path: str, dbname: str, user: str, surroundings: Surroundings
) -> tuple[list[Target], list[str], int]:
    """Return the targets with the passwords that a passfile has for them.

    Args:
        targets: in the order given.
        path: of the passfile.
        dbname: after defaulting.
        user: after defaulting.
        surroundings: to read the file.

    Returns:
        the targets; the warnings, one for each host as libpq gives them; and the line that
        the first target's password stands in, 0 if it has none from here.
    """
    file = surroundings.file(path)
    if file is None:
        return targets, [], 0
    complaint = _complaint(file, path, windows=surroundings.windows)
    if complaint:
        return targets, [complaint] * len(targets), 0
    found: list[Target] = []
    first_line = 0
    for index, target in enumerate(targets):
        wanted = target.host or target.socket_directory or target.hostaddr
        if wanted == surroundings.socket_directory:  # also where hostaddr makes it no socket
            wanted = LOCALHOST
        match = password_for(file.content or b"", wanted, target.port, dbname, user)
        if match is None:
            found.append(target)
        else:
            found.append(target._replace(password=match[0], passfile=path))
            if index == 0:
                first_line = match[1]
    return found, [], first_line


def _complaint(file: File, path: str, *, windows: bool) -> str:
    # Windows keeps the file in a folder of the user's own, and its modes say nothing
    if windows:
        return ""
    if not file.is_file:
        return f'WARNING: password file "{path}" is not a plain file'
    if file.mode & 0o077:
        return (
            f'WARNING: password file "{path}" has group or world access; '
            "permissions should be u=rw (0600) or less"
        )
    return ""
