"""Input functions of character types, bytea, bit strings, uuid, json and network addresses.

Floor 1, pure; loaded with the first declared column of such a type.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .faults import cited, input_error, input_syntax

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "bit_in",
    "bpchar_in",
    "bytea_in",
    "char_in",
    "json_in",
    "lsn_in",
    "macaddr_in",
    "name_in",
    "network_in",
    "tid_in",
    "uuid_in",
    "varbit_in",
    "varchar_in",
]


def _cut(text: str, length: int, kind: str) -> str:
    """Return the first `length` characters; what is cut off may be blanks only."""
    if text[length:].strip(" "):
        raise input_error("22001", f"value too long for type {kind}({length})")
    return text[:length]


def varchar_in(typmod: int) -> Callable[[str], str]:
    """Return the input function of varchar(n); errors: 22001."""
    length = typmod - 4

    def read(text: str) -> str:
        return text if len(text) <= length else _cut(text, length, "character varying")

    return read if typmod >= 4 else str


def bpchar_in(typmod: int) -> Callable[[str], str]:
    """Return the input function of char(n), which pads with blanks; errors: 22001."""
    length = typmod - 4

    def read(text: str) -> str:
        if len(text) <= length:
            return text.ljust(length)
        return _cut(text, length, "character")

    return read if typmod >= 4 else str


def name_in(text: str) -> str:
    """Cut a name to the 63 bytes it may have, never inside a character."""
    raw = text.encode("utf-8", "surrogateescape")
    return text if len(raw) <= 63 else raw[:63].decode("utf-8", "ignore")


def char_in(text: str) -> str:
    """Read a "char": the first byte, or a backslash and three octal digits."""
    if re.fullmatch(r"\\[0-7]{3}", text):
        code = int(text[1:], 8) & 0xFF
    else:
        raw = text.encode("utf-8", "surrogateescape")
        code = raw[0] if raw else 0
    if code >= 0x80:
        return f"\\{code:03o}"
    return chr(code) if code else ""


_ESCAPES = re.compile(r"\\(\\|[0-3][0-7][0-7])?", re.ASCII)


def bytea_in(text: str) -> bytes:
    """Read bytea in hex or escape format; errors: 22023, 22P02."""
    if not text.startswith("\\x"):
        try:
            return _unescaped(text)
        except ValueError:
            raise input_error("22P02", "invalid input syntax for type bytea") from None
    digits = text[2:]
    try:
        if "\v" not in digits and "\f" not in digits:  # white space to Python alone
            return bytes.fromhex(digits)
    except ValueError:
        pass
    raise _hexadecimal_fault(digits)


def _hexadecimal_fault(digits: str) -> Exception:
    """Return what is wrong; white space may stand between the pairs only."""
    rest = iter(digits)
    for digit in rest:
        if digit not in " \n\t\r":
            for one in (digit, next(rest, "0")):
                if one not in "0123456789abcdefABCDEF":
                    return input_error("22023", f'invalid hexadecimal digit: "{one}"')
    return input_error("22023", "invalid hexadecimal data: odd number of digits")


def _unescaped(text: str) -> bytes:
    parts = bytearray()
    at = 0
    for match in _ESCAPES.finditer(text):
        code = match.group(1)
        if code is None:
            raise ValueError
        parts += text[at : match.start()].encode("utf-8", "surrogateescape")
        parts.append(92 if code == "\\" else int(code, 8))
        at = match.end()
    return bytes(parts + text[at:].encode("utf-8", "surrogateescape"))


def _bits(text: str, check: Callable[[int], None]) -> str:
    """Return the digits; `check` is told their number before they are looked at."""
    hexadecimal = text[:1] in ("x", "X")
    digits = text[1:] if hexadecimal or text[:1] in ("b", "B") else text
    check(len(digits) * (4 if hexadecimal else 1))
    for digit in digits:
        if digit not in ("0123456789abcdefABCDEF" if hexadecimal else "01"):
            base = "hexadecimal" if hexadecimal else "binary"
            raise input_error("22P02", f'"{digit}" is not a valid {base} digit')
    if hexadecimal:
        return "".join([f"{int(digit, 16):04b}" for digit in digits])
    return digits


def bit_in(typmod: int) -> Callable[[str], str]:
    """Return the input function of bit(n); errors: 22P02, 22026."""

    def check(length: int) -> None:
        if typmod > 0 and length != typmod:
            raise input_error(
                "22026", f"bit string length {length} does not match type bit({typmod})"
            )

    return lambda text: _bits(text, check)


def varbit_in(typmod: int) -> Callable[[str], str]:
    """Return the input function of bit varying(n); errors: 22P02, 22001."""

    def check(length: int) -> None:
        if 0 < typmod < length:
            raise input_error("22001", f"bit string too long for type bit varying({typmod})")

    return lambda text: _bits(text, check)


_UUID = re.compile(r"([0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}")


def uuid_in() -> Callable[[str], object]:
    """Return the input function of uuid: braces, and a dash after any four digits."""
    from uuid import UUID

    def read(text: str) -> object:
        digits = text[1:-1] if text[:1] == "{" and text[-1:] == "}" else text
        if not _UUID.fullmatch(digits):
            raise input_syntax("uuid", text)
        return UUID(digits.replace("-", ""))

    return read


_ZERO = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_LONE = re.compile("[\ud800-\udfff]")


def json_in(kind: str) -> Callable[[str], Any]:
    """Return the input function of json or jsonb.

    Raises (the function):
        DataError: 22P02; 22P05 where jsonb cannot hold an escape; 22003 a jsonb number.
        OperationalError: 54001 nested too deeply.
    """
    from json import loads

    def constant(name: str) -> object:
        raise ValueError(name)

    binary = kind == "jsonb"

    def read(text: str) -> Any:
        try:
            number = _jsonb_number if binary else None
            value = loads(text, parse_constant=constant, parse_float=number)
        except RecursionError:
            raise input_error("54001", f"a {kind} value is nested too deeply for Python") from None
        except ValueError:
            empty = not text.strip(" \t\n\r")
            raise _not_json("The input string ended unexpectedly." if empty else None) from None
        if binary and "\\u" in text:
            if _ZERO.search(text):
                raise input_error(
                    "22P05",
                    "unsupported Unicode escape sequence",
                    "\\u0000 cannot be converted to text.",
                )
            if _lone_surrogate(value):
                raise _not_json("Unicode low surrogate must follow a high surrogate.")
        return value

    return read


def _not_json(detail: str | None) -> Exception:
    # the server says "json" of jsonb as well
    return input_error("22P02", "invalid input syntax for type json", detail)


def _jsonb_number(text: str) -> int | float:
    """Return a number as jsonb keeps it, which is as numeric: `1e5` is `100000`."""
    from .input_numbers import numeric_in

    written = f"{numeric_in(-1)(text):f}"
    return float(written) if "." in written else int(written)


def _lone_surrogate(value: Any) -> bool:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str) and _LONE.search(one):
            return True
        if isinstance(one, dict):
            waiting += one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return False


_OCTETS = re.compile(r"(\d{1,3}(?:\.\d{1,3}){0,3})(?:/(\d{1,3}))?", re.ASCII)


def _version_4(text: str, kind: str) -> str | None:
    """Return an IPv4 address in full: octets left out are 0, as inet_net_pton has it."""
    match = _OCTETS.fullmatch(text)
    if match is None:
        return None
    octets = [int(octet) for octet in match.group(1).split(".")]
    mask = match.group(2)
    if kind == "inet" and mask is None and len(octets) < 4:
        return None
    if mask is None:
        # cidr: as much as the old address classes and the octets given say
        first = octets[0]
        width = 8 if first < 128 else 16 if first < 192 else 24 if first < 224 else 8
        mask = str(max(32 if first >= 240 else width, 8 * len(octets)))
        if kind == "inet":
            mask = "32"
    full = octets + [0] * (4 - len(octets))
    return ".".join(map(str, full)) + f"/{int(mask)}"


def network_in(kind: str) -> Callable[[str], object]:
    """Return the input function of inet or cidr; errors: 22P02."""
    from ipaddress import ip_address, ip_interface, ip_network

    def read(text: str) -> object:
        whole = text if ":" in text else _version_4(text, kind)
        try:
            if whole is None or len(text) > 64 or re.search(r"%|/(?!\d{1,3}$)", whole):
                raise ValueError
            interface = ip_interface(whole)
        except ValueError:
            raise input_syntax(kind, text) from None
        if kind == "cidr":
            try:
                return ip_network(whole)
            except ValueError:
                raise input_error(
                    "22P02",
                    f"invalid cidr value: {cited(text)}",
                    "Value has bits set to right of mask.",
                ) from None
        if interface.network.prefixlen == interface.max_prefixlen:
            return ip_address(whole.partition("/")[0])
        return interface

    return read


_PAIR = "[0-9a-fA-F]{2}"
_MACS = tuple(
    re.compile(form)
    for form in (
        r"([0-9a-fA-F]+)" + r":([0-9a-fA-F]+)" * 5,
        r"([0-9a-fA-F]+)" + r"-([0-9a-fA-F]+)" * 5,
        rf"({_PAIR})({_PAIR})({_PAIR})[:-]({_PAIR})({_PAIR})({_PAIR})",
        rf"({_PAIR})({_PAIR})\.({_PAIR})({_PAIR})\.({_PAIR})({_PAIR})",
        rf"({_PAIR})({_PAIR})-({_PAIR})({_PAIR})-({_PAIR})({_PAIR})",
        rf"({_PAIR})" * 6,
    )
)


def macaddr_in(kind: str) -> Callable[[str], str]:
    """Return the input function of macaddr or macaddr8; errors: 22P02, 22003."""

    def read(text: str) -> str:
        word = text.strip()
        for form in _MACS:
            match = form.fullmatch(word)
            if match is not None:
                octets = [int(octet[:9], 16) for octet in match.groups()]
                if max(octets) > 0xFF:
                    raise input_error(
                        "22003", f'invalid octet value in "macaddr" value: {cited(text)}'
                    )
                return ":".join([f"{octet:02x}" for octet in octets])
        raise input_syntax(kind, text)

    def read_8(text: str) -> str:
        word = text.strip()
        marks = set(word) & set("-:.")
        digits = re.sub("[-:.]", "", word).lower()
        if len(marks) > 1 or len(digits) not in (12, 16) or not _pairs(word):
            raise input_syntax(kind, text)
        if len(digits) == 12:
            digits = digits[:6] + "fffe" + digits[6:]
        return ":".join([digits[n : n + 2] for n in range(0, 16, 2)])

    return read if kind == "macaddr" else read_8


def _pairs(word: str) -> bool:
    return re.fullmatch(rf"{_PAIR}(?:[-:.]?{_PAIR})*", word) is not None


def lsn_in(text: str) -> str:
    """Read a pg_lsn; errors: 22P02."""
    if not re.fullmatch(r"[0-9a-fA-F]{1,8}/[0-9a-fA-F]{1,8}", text):
        raise input_syntax("pg_lsn", text)
    high, low = text.split("/")
    return f"{int(high, 16):X}/{int(low, 16):X}"


def tid_in(text: str) -> str:
    """Read a tid; errors: 22P02."""
    match = re.match(r"\(\s*(\d{1,10}),\s*(\d{1,5})\)", text, re.ASCII)
    if match is None or int(match.group(1)) > 0xFFFFFFFF or int(match.group(2)) > 0xFFFF:
        raise input_syntax("tid", text)
    return f"({int(match.group(1))},{int(match.group(2))})"
