"""What is known of a type that is not built in, and how a program reads and writes it.

Floor 1, pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import DataError, InterfaceError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Codec", "TypeInfo", "label_decoder", "members"]


class TypeInfo(NamedTuple):
    """A type as the catalog knows it.

    Attributes:
        oid, array_oid: its OID, and its array's or 0.
        schema, name: unquoted.
        sort: `pg_type.typtype`: "b" base, "c" composite, "d" domain, "e" enum, "p" pseudo,
            "r" range, "m" multirange.
        delimiter: between the elements of its arrays.
        part: the OID of a domain's base type, or of a range's or multirange's bounds; else 0.
        fields: name and type OID of each of a composite's fields. labels: an enum's, in order.
        input: the name of the function that reads its text: tells an extension's types.
    """

    oid: int
    name: str
    schema: str = ""
    array_oid: int = 0
    sort: str = "b"
    delimiter: str = ","
    part: int = 0
    fields: tuple[tuple[str, int], ...] = ()
    labels: tuple[str, ...] = ()
    input: str = ""

    @property
    def shown(self) -> str:
        """Its name with its schema, for errors."""
        return f"{self.schema}.{self.name}" if self.schema else self.name


class Codec(NamedTuple):
    """How a program reads and writes a type; None: as it is without."""

    python: type | None = None
    decode: Callable[[str], object] | None = None
    decode_binary: Callable[[bytes], object] | None = None
    encode: Callable[[Any], str] | None = None


def members(kind: type, info: TypeInfo) -> dict[str, Any]:
    """Return the member of an `enum.Enum` for each label: the one of its name, or of its value.

    Raises:
        InterfaceError: no member is any label's.
    """
    by_name = dict(getattr(kind, "__members__", {}))
    by_value = {one.value: one for one in by_name.values() if isinstance(one.value, str)}
    # all by name or all by value: a label must not be read as another member's name
    for found in (by_name, by_value):
        if set(info.labels) <= set(found):
            return {label: found[label] for label in info.labels}
    best = max((by_name, by_value), key=lambda one: len(set(one) & set(info.labels)))
    known = {label: best[label] for label in info.labels if label in best}
    if not known:
        raise InterfaceError(f"{kind.__qualname__} has no member for any label of {info.shown}")
    return known


def label_decoder(kind: type, info: TypeInfo, odd_values: str) -> Callable[[str], object]:
    """Return the decoder of an enum's text to the members of the program's class for it.

    Args:
        odd_values: as `Styles` has it; unless "error", a label without a member stays text.

    Raises (the decoder):
        DataError: 22P02.
    """
    known = members(kind, info)

    def decode_label(text: str) -> object:
        member = known.get(text)
        if member is None:
            if odd_values != "error":
                return text
            raise DataError(
                f"{kind.__qualname__} has no member for a label of {info.shown}: if the type"
                ' was altered, fetch it again, or set odd_values to "text"',
                sqlstate="22P02",
            )
        return member

    return decode_label
