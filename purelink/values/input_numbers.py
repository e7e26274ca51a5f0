"""Input functions of numbers and booleans, as PostgreSQL 18 reads them.

Floor 1, pure; loaded with the first declared column of such a type.
"""

from __future__ import annotations

import re
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, ROUND_HALF_UP, Context, Decimal
from struct import Struct
from typing import TYPE_CHECKING

from . import oids
from .faults import cited, input_error, input_syntax

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["bool_in", "float_in", "integer_in", "numeric_in"]

_SPACES = " \t\n\v\f\r"
_INTEGER = re.compile(
    r"\s*([+-]?)(?:0[xX]((?:_?[0-9a-fA-F])+)|0[oO]((?:_?[0-7])+)|0[bB]((?:_?[01])+)"
    r"|(\d(?:_?\d)*))\s*",
    re.ASCII,
)
_BASES = (16, 8, 2, 10)
_RANGES = {
    oids.INT2: (-(1 << 15), (1 << 15) - 1),
    oids.INT4: (-(1 << 31), (1 << 31) - 1),
    oids.INT8: (-(1 << 63), (1 << 63) - 1),
    oids.OID: (-(1 << 31), (1 << 32) - 1),
    oids.XID: (-(1 << 31), (1 << 32) - 1),
    oids.CID: (-(1 << 31), (1 << 32) - 1),
    oids.XID8: (1 - (1 << 64), (1 << 64) - 1),
}
_C_INTEGER = re.compile(r"\s*([+-]?)(?:0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9]\d*))\s*", re.ASCII)
_UNSIGNED = frozenset((oids.OID, oids.XID, oids.CID, oids.XID8))


def bool_in(text: str) -> bool:
    """Read a boolean: true, yes, on, 1 and their opposites, and unique prefixes.

    Raises:
        DataError: 22P02.
    """
    word = text.strip(_SPACES).lower()
    if word:
        if "true".startswith(word) or "yes".startswith(word) or word in {"on", "1"}:
            return True
        if "false".startswith(word) or "no".startswith(word) or word in {"of", "off", "0"}:
            return False
    raise input_syntax("boolean", text)


def _number(signs: str, digits: str, base: int) -> int:
    digits = digits.replace("_", "").lstrip("0") or "0"
    # more digits than any type holds: the value no longer matters
    value = int(digits, base) if len(digits) <= 64 else 1 << 128
    return -value if signs == "-" else value


def integer_in(oid: int) -> Callable[[str], int]:
    """Return the input function of int2, int4, int8, oid, xid, cid or xid8.

    Raises (the function):
        DataError: 22P02; 22003 out of range.
    """
    low, high = _RANGES[oid]
    kind = oids.kind_name(oid)
    unsigned = oid in _UNSIGNED
    wrap = high + 1 if unsigned else 0

    def read(text: str) -> int:
        if unsigned:
            match = _C_INTEGER.fullmatch(text)
            bases: tuple[int, ...] = (16, 8, 10)
        else:
            match = _INTEGER.fullmatch(text)
            bases = _BASES
        if match is None:
            raise input_syntax(kind, text)
        sign, *written = match.groups()
        digits, base = next(pair for pair in zip(written, bases) if pair[0] is not None)
        value = _number(sign, digits, base)
        if not low <= value <= high:
            raise input_error("22003", f"value {cited(text)} is out of range for type {kind}")
        # strtoul: a minus sign wraps round
        return value + wrap if value < 0 else value

    return read


_FLOAT = re.compile(
    r"\s*([+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
    r"|0[xX](?:[0-9a-fA-F]+(?:\.[0-9a-fA-F]*)?|\.[0-9a-fA-F]+)(?:[pP][+-]?\d+)?"
    r"|(nan)|(inf(?:inity)?)))\s*",
    re.ASCII | re.IGNORECASE,
)
_NONZERO = re.compile(r"[+-]?(?:0x[0.]*[1-9a-f]|[0.]*[1-9])", re.IGNORECASE)
_SINGLE = Struct(">f")


def float_in(oid: int) -> Callable[[str], float]:
    """Return the input function of float4 or float8.

    Raises (the function):
        DataError: 22P02; 22003 too large, or too small to be told from zero.
    """
    kind = oids.kind_name(oid)
    single = oid == oids.FLOAT4
    if single:
        from .binary import binary_decoder

        shortest = binary_decoder(oids.FLOAT4)

    def read(text: str) -> float:
        match = _FLOAT.fullmatch(text)
        if match is None:
            raise input_syntax(kind, text)
        number, nan, infinity = match.groups()
        if nan:
            return float("nan")
        try:
            value = float.fromhex(number) if "x" in number.lower() else float(number)
            packed = _SINGLE.pack(value) if single else b""
        except OverflowError:
            value = float("inf")
        else:
            if single:
                rounded = shortest(packed)
                assert isinstance(rounded, float)
                value = rounded
        if not infinity and (
            value in {float("inf"), float("-inf")} or (value == 0 and _NONZERO.match(number))
        ):
            raise input_error("22003", f"{cited(number)} is out of range for type {kind}")
        return value

    return read


# The look ahead keeps blanks from being parted between the two ends in every way there is.
_NUMERIC = re.compile(
    r"\s*(?!\s)([+-]?)(?:((?:\d(?:_?\d)*)?)(?:\.((?:\d(?:_?\d)*)?))?(?:[eE]([+-]?\d(?:_?\d)*))?"
    r"|0[xX]((?:_?[0-9a-fA-F])+)|0[oO]((?:_?[0-7])+)|0[bB]((?:_?[01])+))\s*",
    re.ASCII,
)
_EXACT = Context(
    prec=min(MAX_PREC, 300_000), rounding=ROUND_HALF_UP, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[]
)
_WHOLE_DIGITS, _SCALE = 131_072, 16_383
_OVERFLOW = "value overflows numeric format"


def numeric_in(typmod: int) -> Callable[[str], Decimal]:
    """Return the input function of numeric with a modifier (-1: none).

    Raises (the function):
        DataError: 22P02; 22003 `numeric field overflow`, `value overflows numeric format`.
    """

    def read(text: str) -> Decimal:
        word = text.strip(_SPACES).lower()
        if word == "nan":
            return Decimal("NaN")
        if word.lstrip("+-") in {"inf", "infinity"} and len(word) - len(word.lstrip("+-")) <= 1:
            if typmod >= 0:
                raise _field_overflow(typmod, "cannot hold an infinite value.")
            return Decimal("-Infinity" if word[0] == "-" else "Infinity")
        value = _plain_number(text)
        exponent = value.as_tuple().exponent
        if typmod < 0 and isinstance(exponent, int) and exponent < -_SCALE:
            raise input_error("22003", _OVERFLOW)
        return _fit(value, typmod)

    return read


def _plain_number(text: str) -> Decimal:
    match = _NUMERIC.fullmatch(text)
    if match is None:
        raise input_syntax("numeric", text)
    sign, whole, part, exponent, *based = match.groups()
    for digits, base in zip(based, _BASES):
        if digits is not None:
            digits = digits.replace("_", "").lstrip("0") or "0"
            if len(digits) > 4 * _WHOLE_DIGITS:
                raise input_error("22003", _OVERFLOW)
            return _based(sign, digits, base)
    if not whole and not part:
        raise input_syntax("numeric", text)
    whole = whole.replace("_", "").lstrip("0")
    part = (part or "").replace("_", "")
    power = exponent.replace("_", "") if exponent else "0"
    shift = int(power) if len(power) <= 11 else (1 << 40) * (-1 if power[0] == "-" else 1)
    if abs(shift) >= 0x3FFFFFFF:
        raise input_error("22003", _OVERFLOW)
    scale = max(len(part) - shift, 0)
    digits = (whole + part).lstrip("0")
    if not digits:
        return Decimal((0, (0,), -min(scale, _SCALE + 1)))
    if len(digits) - len(part) + shift > _WHOLE_DIGITS:
        raise input_error("22003", _OVERFLOW)
    value = Decimal(f"{sign}{digits}e{shift - len(part)}")
    if scale > _SCALE:  # only what a modifier rounds off may be so small
        return value
    return value.quantize(Decimal((0, (1,), -scale)), context=_EXACT)


def _based(sign: str, digits: str, base: int) -> Decimal:
    value = Decimal(int(digits, base))
    if value.adjusted() >= _WHOLE_DIGITS:
        raise input_error("22003", _OVERFLOW)
    return value.copy_negate() if sign == "-" else value


def _field_overflow(typmod: int, what: str) -> Exception:
    precision, scale = _precision_and_scale(typmod)
    return input_error(
        "22003",
        "numeric field overflow",
        f"A field with precision {precision}, scale {scale} {what}",
    )


def _precision_and_scale(typmod: int) -> tuple[int, int]:
    scale = (typmod - 4) & 0x7FF
    return (typmod - 4) >> 16 & 0xFFFF, (scale ^ 1024) - 1024


def _fit(value: Decimal, typmod: int) -> Decimal:
    if typmod >= 0:
        precision, scale = _precision_and_scale(typmod)
        value = value.quantize(Decimal((0, (1,), -scale)), context=_EXACT)
        most = precision - scale
        if value and value.adjusted() >= most:
            power = f"10^{most}" if most else "1"
            raise _field_overflow(typmod, f"must round to an absolute value less than {power}.")
        if scale < 0:
            value = value.quantize(Decimal(1), context=_EXACT)
    return value or value.copy_abs()
