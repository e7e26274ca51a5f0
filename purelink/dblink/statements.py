"""The texts of dblink_build_sql_insert, _update and _delete, and the checks of their arguments.

Floor 2, pure: nothing here knows where the columns or the row come from. An int2vector and a text[]
may be given as SQL writes them (`"1 2"`, `'{"0",null}'`) or as a sequence.

Source: contrib/dblink/dblink.c (validate_pkattnums, get_sql_insert, _delete, _update).
"""

from __future__ import annotations

from typing import Any, Optional, Sequence, Union

from ..values.input import input_function
from ..values.oids import INT2VECTOR
from ..values.quoting import quote_literal
from .refusals import attribute_refused, key_array_length, key_count_refused

__all__ = [
    "Array",
    "Vector",
    "array",
    "check_length",
    "delete",
    "insert",
    "key",
    "update",
    "vector",
]

Vector = Union[str, Sequence[int]]
Array = Union[str, Sequence[Any]]
Value = Optional[str]

_TEXT_ARRAY = 1009


def vector(given: Vector) -> list[int]:
    """Return the numbers of an int2vector: `"1 2"` or `[1, 2]`.

    Raises:
        DataError: 22P02 or 22003, text that is no int2vector.
        TypeError: neither text nor ints.
    """
    if isinstance(given, str):
        found: Any = input_function(INT2VECTOR)(given)
        return list(found)
    numbers = list(given)
    if any(isinstance(number, bool) or not isinstance(number, int) for number in numbers):
        raise TypeError("attribute numbers are ints, or the text of an int2vector")
    return numbers


def array(given: Array) -> list[Value]:
    """Return the elements of a text[], whatever its dimensions: `'{a,null}'` or `["a", None]`.

    Raises:
        DataError: 22P02, text that is no array.
        TypeError: an element that is neither text, int nor None.
    """
    if isinstance(given, str):
        given = input_function(_TEXT_ARRAY)(given)  # type: ignore[assignment]  # of text[]: a list
    elements: list[Value] = []
    for element in given:
        if element is None or isinstance(element, str):
            elements.append(element)
        elif isinstance(element, (list, tuple)):
            elements.extend(array(element))
        elif isinstance(element, int) and not isinstance(element, bool):
            elements.append(str(element))
        else:
            raise TypeError(f"key values are str, int or None, not {type(element).__name__}")
    return elements


def key(numbers: Sequence[int], count: int, attributes: int) -> list[int]:
    """Return the positions, from 0, of the columns that make the key.

    Args:
        numbers: logical attribute numbers, from 1; surplus ones are not looked at.
        count: how many of them count; a too large one is harmless.
        attributes: how many columns there are, dropped ones left out.

    Raises:
        LinkDataError: 22023, no key attribute, or one that is not there.
    """
    used = numbers[: max(count, 0)]
    if not used:
        raise key_count_refused()
    for number in used:
        if not 1 <= number <= attributes:
            raise attribute_refused(number)
    return [number - 1 for number in used]


def check_length(values: Sequence[Value], columns: Sequence[int], which: str) -> None:
    """Raise 2202E if there is not one value for each key column; `which`: "source", "target"."""
    if len(values) != len(columns):
        raise key_array_length(which)


def insert(
    relation: str,
    columns: Sequence[str],
    row: Sequence[Value],
    keys: Sequence[int],
    targets: Sequence[Value],
) -> str:
    """Return INSERT of a row with other key values.

    Args:
        relation, columns: quoted where they must be.
        row: the values of all columns.
        keys: positions of the key columns; the first of equals counts.
        targets: their new values.
    """
    names = ",".join(columns)
    values = ",".join(map(_literal, _changed(row, keys, targets)))
    return f"INSERT INTO {relation}({names}) VALUES({values})"


def update(
    relation: str,
    columns: Sequence[str],
    row: Sequence[Value],
    keys: Sequence[int],
    targets: Sequence[Value],
) -> str:
    """Return UPDATE of the row with the target key to a row's values. Arguments as `insert`."""
    pairs = zip(columns, _changed(row, keys, targets))
    values = ", ".join(f"{column} = {_literal(value)}" for column, value in pairs)
    return f"UPDATE {relation} SET {values} WHERE {_where(columns, keys, targets)}"


def delete(
    relation: str, columns: Sequence[str], keys: Sequence[int], targets: Sequence[Value]
) -> str:
    """Return DELETE of the row with the target key. Arguments as `insert`."""
    return f"DELETE FROM {relation} WHERE {_where(columns, keys, targets)}"


def _changed(row: Sequence[Value], keys: Sequence[int], targets: Sequence[Value]) -> list[Value]:
    changed = list(row)
    for position, value in reversed(list(zip(keys, targets))):
        changed[position] = value
    return changed


def _where(columns: Sequence[str], keys: Sequence[int], targets: Sequence[Value]) -> str:
    return " AND ".join(
        f"{columns[position]} IS NULL"
        if value is None
        else f"{columns[position]} = {quote_literal(value)}"
        for position, value in zip(keys, targets)
    )


def _literal(value: Value) -> str:
    return "NULL" if value is None else quote_literal(value)
