"""hstore: text and binary to `Hstore`, a dict of `str` to `str | None`, and back to text.

Floor 1, pure; loaded when the extension's type is fetched.
"""

from __future__ import annotations

import re
from struct import Struct
from typing import TYPE_CHECKING, Dict, Optional

from ..errors import InterfaceError
from .faults import malformed
from .scalars import Said

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from .scalars import Writer, Writers

__all__ = ["Hstore", "binary_hstore_decoder", "decode_hstore", "hstore_literal", "hstore_writer"]


class Hstore(Dict[str, Optional[str]]):
    """The pairs of an hstore: a dict that is sent as an hstore again."""

    __slots__ = ()


_STRING = r'"((?:[^"\\]|\\.)*)"'
_PAIR = re.compile(rf"{_STRING}=>(?:{_STRING}|(NULL))(?:, |\Z)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def decode_hstore(text: str) -> Hstore:
    """Decode `"a"=>"1", "b"=>NULL`.

    Raises:
        DataError: 22P02.
    """
    found = Hstore()
    at = 0
    while at < len(text):
        match = _PAIR.match(text, at)
        if match is None:
            raise malformed("hstore", text)
        key, value, null = match.groups()
        found[_plain(key)] = None if null else _plain(value)
        at = match.end()
    if text.endswith(", "):
        raise malformed("hstore", text)
    return found


_WORD = Struct(">i")


def binary_hstore_decoder(characters: Callable[[bytes], str]) -> Callable[[bytes], Hstore]:
    """Return the decoder of an hstore in binary.

    Args:
        characters: decodes the session's encoding.

    Int32 count; for each pair Int32 length, key, Int32 length or -1, value.

    Raises (the decoder):
        DataError: 22P03.
    """

    def word(value: bytes, at: int) -> int:
        if len(value) - at < 4:
            raise malformed("hstore", value)
        found: int = _WORD.unpack_from(value, at)[0]
        return found

    def decode_binary_hstore(value: bytes) -> Hstore:
        count = word(value, 0)
        if not 0 <= count <= (len(value) - 4) // 8:
            raise malformed("hstore", value)
        found = Hstore()
        at = 4
        for _ in range(count):
            strings: list[str | None] = []
            for least in (0, -1):
                length = word(value, at)
                at += 4
                if not least <= length <= len(value) - at:
                    raise malformed("hstore", value)
                strings.append(characters(value[at : at + length]) if length >= 0 else None)
                at += max(length, 0)
            key, one = strings
            found[key or ""] = one
        if at != len(value):
            raise malformed("hstore", value)
        return found

    return decode_binary_hstore


def hstore_writer(oid: int) -> Writer:
    """Return the writer of dicts as the type of this OID."""

    def write_hstore(value: Any, place: str, own: Writers) -> Said:  # noqa: ARG001
        return Said(oid, hstore_literal(value, place))

    return write_hstore


def hstore_literal(pairs: Mapping[str, str | None], place: str) -> str:
    """Return the text of an hstore.

    Raises:
        InterfaceError: a key is no str, or a value neither str nor None.
    """

    def quoted(text: object) -> str:
        if not isinstance(text, str):
            raise InterfaceError(
                f"cannot send {place} as hstore: keys are str, values str or None, not"
                f" {type(text).__name__!r}"
            )
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'

    return ", ".join(
        [
            f"{quoted(key)}=>{'NULL' if value is None else quoted(value)}"
            for key, value in pairs.items()
        ]
    )
