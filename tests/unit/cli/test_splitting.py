"""A script cut into statements, wherever its lines end."""

from __future__ import annotations

import pytest

from purelink.cli.splitting import Lines, Part, statements

ROUTINE = (
    "create function f() returns int begin atomic select 1; select case when a then b end; end;"
)


def cut(text: str) -> list[str]:
    return [part.text for part in statements(Lines(text.splitlines(keepends=True)))]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("  \n-- nothing; here\n/* or\n here; */ ", []),
        ("select 1", ["select 1"]),
        ("select 1; select 2;\n", ["select 1;", "select 2;"]),
        (";;", [";", ";"]),
        ("select ';', \";\" ;x", ["select ';', \";\" ;", "x"]),
        ("select 'a\n;b'';' ; x", ["select 'a\n;b'';' ;", "x"]),
        ("select E'\\';' ; x", ["select E'\\';' ;", "x"]),
        ("select e'\\\\'; x", ["select e'\\\\';", "x"]),
        ("select '\\'; x", ["select '\\';", "x"]),
        ("select fe'\\'; x", ["select fe'\\';", "x"]),
        ("select $$;$x$;$$; y", ["select $$;$x$;$$;", "y"]),
        ("select $x$\n;$$;$X$;$x$; y", ["select $x$\n;$$;$X$;$x$;", "y"]),
        ("select a$x$; y", ["select a$x$;", "y"]),
        ("select $1; y", ["select $1;", "y"]),
        ("a /* ; /* ; */ ; */ ; b", ["a /* ; /* ; */ ; */ ;", "b"]),
        ("a -- ; '\n ; b", ["a -- ; '\n ;", "b"]),
        ("create rule r as do (a; b); c", ["create rule r as do (a; b);", "c"]),
        ("a); b", ["a);", "b"]),
        ("select 1 - 2 / 3; b", ["select 1 - 2 / 3;", "b"]),
        (
            f"{ROUTINE} select 2",
            [ROUTINE, "select 2"],
        ),
        (
            "create or replace procedure p() begin atomic a; end; b",
            ["create or replace procedure p() begin atomic a; end;", "b"],
        ),
        (
            "begin; select case when a then b end; commit",
            ["begin;", "select case when a then b end;", "commit"],
        ),
        ("select 'open; x", ["select 'open; x"]),
        ("select $$open; x", ["select $$open; x"]),
        ("\u00e9cole; b", ["\u00e9cole;", "b"]),
    ],
)
def test_cuts(text: str, parts: list[str]) -> None:
    assert cut(text) == parts
    # one letter a line would cut words: one space a line must not matter
    assert "".join(cut(text)) == "".join(parts)


def test_lines_are_counted_also_those_that_others_take() -> None:
    lines = Lines(["copy t from stdin;\n", "1\n", "\\.\n", "select\n", "2;\n", "\\q now\n", "3\n"])
    found = []
    for part in statements(lines):
        found.append(part)
        if part.text.startswith("copy"):
            assert [next(lines), next(lines)] == ["1\n", "\\.\n"]
    assert found == [
        Part("copy t from stdin;", 1),
        Part("select\n2;", 5),
        Part("\\q now", 6, backslash=True),
        Part("3", 7),
    ]
