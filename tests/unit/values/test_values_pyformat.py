"""`%s` and `%(name)s` become `$n`, and nothing else changes."""

from __future__ import annotations

import pytest

from purelink.errors import ProgrammingError
from purelink.values.pyformat import bound, placed


@pytest.mark.parametrize(
    ("sql", "text", "count", "names"),
    [
        ("select 1", "select 1", 0, None),
        ("%s", "$1", 1, None),
        ("select %s, %s", "select $1, $2", 2, None),
        ("%(b)s %(a)s %(b)s", "$1 $2 $1", 2, ("b", "a")),
        ("%(a b)s", "$1", 1, ("a b",)),
        ("%()s", "$1", 1, ("",)),
        ("100%% %s %%s", "100% $1 %s", 1, None),
        ("a%s", "a $1", 1, None),
        ("$%s", "$ $1", 1, None),
        ("é%s", "é $1", 1, None),
        ("%s1", "$1 1", 1, None),
        ("%s%s", "$1 $2", 2, None),
        ("(%s)::int", "($1)::int", 1, None),
        ("%s," * 12, "$1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,", 12, None),
        ("x" * 70000 + " %s", "x" * 70000 + " $1", 1, None),
    ],
)
def test_placeholders(sql: str, text: str, count: int, names: tuple[str, ...] | None) -> None:
    assert placed(sql) == (text, count, names)


@pytest.mark.parametrize(
    "sql", ["%", "%d", "%(a)d", "%(a", "%(a)", "%(a)%", "%s %(a)s", "%(a)s %s"]
)
def test_malformed(sql: str) -> None:
    with pytest.raises(ProgrammingError):
        placed(sql)


def test_bound() -> None:
    assert bound("%s", (1,)) == ("$1", (1,))
    assert bound("%s", range(1)) == ("$1", range(1))
    assert bound("%(b)s%(a)s", {"a": 1, "b": 2, "c": 3}) == ("$1 $2", [2, 1])
    assert bound("x", {}) == ("x", [])
    with pytest.raises(ProgrammingError, match="missing: a, b"):
        bound("%(b)s%(a)s", {})
