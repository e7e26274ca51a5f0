"""Binary form of types that are seldom met in it: addresses, bits, places, words, snapshots.

Floor 1, pure; loaded with the first of them, from a binary cursor as a rule. The results equal
those of the text format but for two, whose text only the server can tell: an amount of money is an
`int` of its smallest unit, the name of an object (regclass …) its OID.
"""

from __future__ import annotations

from collections import deque
from struct import Struct
from typing import TYPE_CHECKING

from . import oids
from .faults import malformed

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["rare_decoder"]

_COUNT = Struct(">i")
_OID = Struct(">I")
_AMOUNT = Struct(">q")
_INT16 = Struct(">H")


def _network(oid: int) -> Callable[[bytes], object]:
    from ipaddress import ip_address, ip_interface, ip_network

    kind = oids.kind_name(oid)

    def decode_network(value: bytes) -> object:
        if len(value) in (8, 20):
            family, bits, _, size = value[:4]
            width = {2: 4, 3: 16}.get(family)
            if size == width == len(value) - 4 and bits <= 8 * size:
                try:
                    if oid == oids.CIDR:
                        return ip_network((value[4:], bits))
                    address = ip_address(value[4:])
                    return address if bits == 8 * size else ip_interface((value[4:], bits))
                except ValueError:
                    pass
        raise malformed(kind, value)

    return decode_network


def _bits(kind: str) -> Callable[[bytes], object]:
    def decode_bits(value: bytes) -> str:
        if len(value) >= 4:
            count = _COUNT.unpack_from(value)[0]
            if count >= 0 and len(value) == 4 + (count + 7) // 8:
                return "".join([f"{byte:08b}" for byte in value[4:]])[:count]
        raise malformed(kind, value)

    return decode_bits


def _tid(value: bytes) -> str:
    if len(value) != 6:
        raise malformed("tid", value)
    return f"({_OID.unpack_from(value)[0]},{value[4] << 8 | value[5]})"


def _pg_lsn(value: bytes) -> str:
    if len(value) != 8:
        raise malformed("pg_lsn", value)
    high, low = Struct(">II").unpack(value)
    return f"{high:X}/{low:X}"


def _macaddr(kind: str, size: int) -> Callable[[bytes], object]:
    def decode_macaddr(value: bytes) -> str:
        if len(value) != size:
            raise malformed(kind, value)
        return ":".join([f"{byte:02x}" for byte in value])

    return decode_macaddr


def _number(kind: str, layout: Struct) -> Callable[[bytes], object]:
    def decode_number(value: bytes) -> object:
        if len(value) != layout.size:
            raise malformed(kind, value)
        return layout.unpack(value)[0]

    return decode_number


def _snapshot(kind: str) -> Callable[[bytes], str]:
    """Return the decoder of Int32 count, Int64 xmin, xmax, and so many transactions."""

    def decode_snapshot(value: bytes) -> str:
        count = _COUNT.unpack_from(value)[0] if len(value) >= 20 else -1
        if count < 0 or len(value) != 20 + 8 * count:
            raise malformed(kind, value)
        first, last, *rest = Struct(f">{count + 2}Q").unpack_from(value, 4)
        return f"{first}:{last}:{','.join(map(str, rest))}"

    return decode_snapshot


def _jsonpath(value: bytes) -> str:
    if value[:1] != b"\x01":
        raise malformed("jsonpath", value)
    return _characters("jsonpath", value[1:])


def _characters(kind: str, value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeError:
        raise malformed(kind, value) from None


def _word(kind: str, value: bytes, at: int) -> tuple[str, int]:
    """Return the word that ends with a NUL, quoted, and where it ends."""
    end = value.find(b"\0", at)
    if end < 0:
        raise malformed(kind, value)
    text = _characters(kind, value[at:end]).replace("\\", "\\\\").replace("'", "''")
    return f"'{text}'", end + 1


def _tsvector(value: bytes) -> str:
    """Int32 count; for each String word, Int16 count, so many Int16: two bits weight, position."""
    count = _COUNT.unpack_from(value)[0] if len(value) >= 4 else -1
    if not 0 <= count <= (len(value) - 4) // 3:
        raise malformed("tsvector", value)
    words: list[str] = []
    at = 4
    for _ in range(count):
        word, at = _word("tsvector", value, at)
        places = _INT16.unpack_from(value, at)[0] if len(value) - at >= 2 else 0x10000
        at += 2
        if 2 * places > len(value) - at:
            raise malformed("tsvector", value)
        found = Struct(f">{places}H").unpack_from(value, at)
        at += 2 * places
        told = ",".join([f"{one & 0x3FFF}{'DCBA'[one >> 14].replace('D', '')}" for one in found])
        words.append(f"{word}:{told}" if told else word)
    if at != len(value):
        raise malformed("tsvector", value)
    return " ".join(words)


#: operator -> how strongly it binds
_NOT, _AND, _OR, _PHRASE = 1, 2, 3, 4
_BINDS = {_OR: 1, _AND: 2, _PHRASE: 3, _NOT: 4}


def _tsquery(value: bytes) -> str:
    """Int32 count of items, operators before their operands, the right one first.

    Byte1 1: an operand: Byte1 weights, Byte1 prefix, String word. Byte1 2: an operator: Byte1 of
    it, for a phrase Int16 distance.
    """
    count = _COUNT.unpack_from(value)[0] if len(value) >= 4 else -1
    if not 0 <= count <= (len(value) - 4) // 2:
        raise malformed("tsquery", value)
    items: list[tuple[int, int, str]] = []
    at = 4
    for _ in range(count):
        sort = value[at : at + 1]
        if sort == b"\1" and len(value) - at > 3:
            weights, prefix = value[at + 1], value[at + 2]
            word, at = _word("tsquery", value, at + 3)
            marks = "*" * (prefix != 0) + "".join(
                [letter for bit, letter in enumerate("DCBA") if weights >> bit & 1][::-1]
            )
            items.append((0, 0, f"{word}:{marks}" if marks else word))
        elif sort == b"\2" and len(value) - at > 1 and value[at + 1] in _BINDS:
            operator, distance = value[at + 1], 0
            at += 2
            if operator == _PHRASE:
                if len(value) - at < 2:
                    raise malformed("tsquery", value)
                distance = _INT16.unpack_from(value, at)[0]
                at += 2
            items.append((operator, distance, ""))
        else:
            raise malformed("tsquery", value)
    if at != len(value):
        raise malformed("tsquery", value)
    return _infix(items, value)


def _infix(items: list[tuple[int, int, str]], value: bytes) -> str:
    """Return the items as PostgreSQL prints them; from the last to the first, without recursion.

    Pieces are joined to the longer side, so that a hostile chain costs little more than its length.
    """
    stack: list[tuple[int, deque[str]]] = []  # how strongly the outermost operator binds, pieces
    for operator, distance, word in reversed(items):
        if not operator:
            stack.append((9, deque([word])))
            continue
        binds = _BINDS[operator]
        if len(stack) < (1 if operator == _NOT else 2):
            raise malformed("tsquery", value)
        strength, first = stack.pop()
        if operator == _NOT:
            _enclose(first, strength < binds)
            first.appendleft("!")
            stack.append((binds, first))
            continue
        # what stands first in the message, and is on top now, is the right operand
        left_binds, left = stack.pop()
        _enclose(left, left_binds < binds)
        _enclose(first, strength < binds or (operator == _PHRASE and strength == binds))
        sign = {_AND: " & ", _OR: " | "}.get(operator)
        sign = sign or (" <-> " if distance == 1 else f" <{distance}> ")
        if len(left) >= len(first):
            left.append(sign)
            left.extend(first)
            stack.append((binds, left))
        else:
            first.appendleft(sign)
            first.extendleft(reversed(left))
            stack.append((binds, first))
    if len(stack) != (1 if items else 0):
        raise malformed("tsquery", value)
    return "".join(stack[0][1]) if stack else ""


def _enclose(pieces: deque[str], needed: bool) -> None:
    if needed:
        pieces.appendleft("( ")
        pieces.append(" )")


def rare_decoder(oid: int) -> Callable[[bytes], object]:
    """Return the decoder of one of these types.

    Raises (the decoder):
        DataError: 22P03.
    """
    kind = oids.kind_name(oid)
    if oid in (oids.INET, oids.CIDR):
        return _network(oid)
    if oid in (oids.BIT, oids.VARBIT):
        return _bits(kind)
    if oid in (oids.MACADDR, oids.MACADDR8):
        return _macaddr(kind, 6 if oid == oids.MACADDR else 8)
    if oid in oids.SNAPSHOTS:
        return _snapshot(kind)
    if oid in oids.REGISTERED:
        return _number(kind, _OID)
    if oid == oids.MONEY:
        return _number(kind, _AMOUNT)
    made: Callable[[bytes], object] = {
        oids.TID: _tid,
        oids.PG_LSN: _pg_lsn,
        oids.TSVECTOR: _tsvector,
        oids.TSQUERY: _tsquery,
        oids.JSONPATH: _jsonpath,
    }[oid]
    return made
