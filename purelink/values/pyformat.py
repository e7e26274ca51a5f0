"""Placeholders of PEP 249's `pyformat`: `%s`, `%(name)s`, `%%` become `$1`, `$2` … and `%`.

Floor 1, pure. Only the text is looked at, as psycopg does: a `%` counts inside a literal too, and
is doubled to stand for itself. Parameters are bound on the server; nothing is ever pasted.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Mapping, NamedTuple, Sequence

from ..errors import ProgrammingError

if TYPE_CHECKING:
    from typing import Any

__all__ = ["Placed", "bound", "placed"]

#: Longer texts are not kept, in characters.
TEXT_AT_MOST = 65536
#: `%` and what follows it: a name in parentheses, then one letter.
_PERCENT = re.compile(r"%(?:\(([^)]*)\))?(.?)", re.DOTALL)
#: psycopg's: s: whatever fits; t, b: text and binary, which is ours to choose.
_LETTERS = frozenset("stb")


class Placed(NamedTuple):
    """A statement with `$n` in place of its placeholders.

    Attributes:
        number: of different parameters. names: of each, in order; None: they are positional.
    """

    text: str
    number: int
    names: tuple[str, ...] | None


def placed(sql: str) -> Placed:
    """Return a statement with its placeholders numbered.

    Raises:
        ProgrammingError: one is malformed, or both kinds are there.
    """
    return _kept(sql) if len(sql) <= TEXT_AT_MOST else _placed(sql)


def _placed(sql: str) -> Placed:
    if "%" not in sql:
        return Placed(sql, 0, None)
    pieces: list[str] = []
    names: dict[str, int] = {}
    count = end = 0
    for found in _PERCENT.finditer(sql):
        start = found.start()
        pieces.append(sql[end:start])
        end = found.end()
        name, letter = found.groups()
        if letter == "%" and name is None:
            pieces.append("%")
            continue
        if letter not in _LETTERS:
            raise _malformed(found.group(), letter)
        if (name is None and names) or (name is not None and count > len(names)):
            raise ProgrammingError("positional and named placeholders cannot be mixed")
        if name is None:
            count += 1
            number = count
        else:
            number = names.setdefault(name, len(names) + 1)
            count = len(names)
        pieces.append(_apart(f"${number}", sql[start - 1 : start], sql[end : end + 1]))
    pieces.append(sql[end:])
    return Placed("".join(pieces), count, tuple(names) if names else None)


_kept = lru_cache(maxsize=1024)(_placed)


def _apart(placeholder: str, before: str, behind: str) -> str:
    """Keep `$1` from growing together with a word before it, or a digit behind it."""
    if before.isalnum() or before in ("_", "$") or (before and before > "\x7f"):
        placeholder = " " + placeholder
    return placeholder + " " if behind.isalnum() or behind in ("_", "$") else placeholder


def _malformed(text: str, letter: str) -> ProgrammingError:
    if not letter or text == "%(":
        return ProgrammingError(
            f"incomplete placeholder: {text!r}; a % that stands for itself is doubled: %%"
        )
    return ProgrammingError(
        f"only %s and %(name)s are placeholders, not {text!r}; a % that stands for itself is"
        " doubled: %%"
    )


def bound(sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> tuple[str, Sequence[Any]]:
    """Return a statement with `$n`, and its parameters in that order.

    Raises:
        ProgrammingError: a placeholder is malformed; the parameters are not what they ask for.
    """
    text, count, names = _kept(sql) if len(sql) <= TEXT_AT_MOST else _placed(sql)
    kind = type(parameters)
    if names is None and (kind is tuple or kind is list) and len(parameters) == count:
        return text, parameters  # type: ignore[return-value]  # no mapping: by its very type
    return text, in_order(parameters, count, names)


def in_order(
    parameters: Sequence[Any] | Mapping[str, Any], count: int, names: tuple[str, ...] | None
) -> Sequence[Any]:
    """Return parameters in the order of their numbers.

    Raises:
        ProgrammingError: they are not what the placeholders ask for.
    """
    if isinstance(parameters, Mapping):
        if names is None and count:
            raise ProgrammingError(
                "the statement has positional placeholders (%s), but the parameters are a mapping"
            )
        missing = [name for name in names or () if name not in parameters]
        if missing:
            raise ProgrammingError(f"parameters are missing: {', '.join(sorted(missing))}")
        return [parameters[name] for name in names or ()]
    if isinstance(parameters, (str, bytes, bytearray)) or not isinstance(parameters, Sequence):
        raise ProgrammingError(
            f"parameters must be a sequence or a mapping, not {type(parameters).__name__}"
        )
    if names is not None:
        raise ProgrammingError(
            "the statement has named placeholders (%(name)s), but the parameters are a sequence"
        )
    if len(parameters) != count:
        raise ProgrammingError(
            f"the statement has {count} placeholders, but {len(parameters)} parameters were given"
        )
    return parameters
