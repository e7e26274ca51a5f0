"""Connection strings, whatever they hold: the grammar's inverse, no secret shown, linear time."""

from __future__ import annotations

import io
import json
import pickle
import sys
from contextlib import redirect_stderr, redirect_stdout, suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from purelink.cli.conninfo import main
from purelink.conninfo import (
    ConninfoError,
    File,
    Surroundings,
    format,  # noqa: A004 - our own name
    parse,
    resolve,
)
from purelink.conninfo.files import password_for, service_section
from purelink.conninfo.keywords import SECRETS, names
from purelink.conninfo.parse import scan
from purelink.testing import strategies

#: looks like nothing that a table, an error or a path would hold by itself
SECRET = "Zq7Zq7"
SHELTER = Surroundings(
    {
        "HOME": "/h",
        "PGSERVICEFILE": "/h/services",
        "PGPASSWORD": SECRET + "env",
    },
    user="u",
    files={
        "/h/services": File(f"[s]\nhost=/n\npassword={SECRET}svc\n".encode()),
        "/h/.pgpass": File(f"*:*:*:*:{SECRET}file\n".encode()),
        "/h/p": File(f"*:*:*:*:{SECRET}file\n".encode()),
    },
)


@given(strategies.settings(), st.sampled_from(["keywords", "uri"]))
def test_format_is_the_inverse_of_parse(settings: dict[str, str], style: str) -> None:
    written = format(settings, style)
    assert parse(written) == settings
    assert {keyword: value for keyword, value, _ in scan(written)} == settings


@given(strategies.key_value_strings() | strategies.uris())
def test_valid_strings_mean_what_they_were_made_from(example: strategies.Written) -> None:
    assert parse(example.text) == example.settings


@given(strategies.near_misses())
def test_near_misses_get_libpqs_verdict(miss: strategies.NearMiss) -> None:
    if miss.error is None:
        assert parse(miss.text) == miss.settings
        return
    with pytest.raises(ConninfoError) as caught:
        parse(miss.text)
    assert str(caught.value) == miss.error
    position = caught.value.position
    assert position is not None
    assert 1 <= position <= len(miss.text) + 1


@given(strategies.service_files())
def test_service_files(example: strategies.ServiceFile) -> None:
    section = service_section(example.content, example.service, "F")
    assert section is not None
    found: dict[str, str] = {}
    for keyword, value, _ in section:
        found.setdefault(keyword, value)
    assert found == example.settings


@given(strategies.passfiles())
def test_passfiles(example: strategies.Passfile) -> None:
    match = password_for(example.content, example.host, example.port, example.dbname, example.user)
    assert (None if match is None else match[0]) == example.password


@st.composite
def strings_with_a_secret(draw: Any) -> str:
    """Draw a string, right or broken, that holds `SECRET` as a secret in some place."""
    keyword = draw(st.sampled_from(sorted(SECRETS)))
    before = draw(st.sampled_from(["", "host=/n ", "host='a b' ", "service=s "]))
    after = draw(
        st.sampled_from(
            [
                *("", " host=/n", " nosuch=1", " host", f" {SECRET}", f" {SECRET}=1", " host='"),
                *(" sslmode=bad", " port=1,2", f" {SECRET} host=/n", "\\"),
            ]
        )
    )
    form = draw(st.sampled_from(["pairs", "quoted", "open", "userinfo", "query", "lost"]))
    if form == "pairs":
        return f"{before}{keyword}={SECRET}{after}"
    if form == "quoted":
        return f"{before}{keyword}='{SECRET} \\' {SECRET}'{after}"
    if form == "open":
        return f"{before}{keyword}='{SECRET} {after}"
    scheme = draw(st.sampled_from(["postgresql://", "postgres://"]))
    host = draw(st.sampled_from(["%2Fn", "h", "[::1]", "[::1]x", "[", "[]", "a,b", "%zz", "h h"]))
    query = draw(st.sampled_from(["", "?sslmode=bad", "?nosuch=1", "?port", "?a=b=c", "?host=%zz"]))
    if form == "userinfo":
        wrong = draw(st.sampled_from(["", " ", "%zz", "%00", " x"]))
        return f"{scheme}u:{SECRET}{wrong}@{host}/d{query}"
    if form == "query":
        tail = draw(st.sampled_from(["", f"&{SECRET}", f"&{SECRET}=1", "&nosuch=1", f"={SECRET}"]))
        wrong = draw(st.sampled_from(["", " x", "%zz", "%00"]))
        name = keyword.replace("s", "%73") if draw(st.booleans()) else keyword
        return f"{scheme}{host}/d?{name}={SECRET}{wrong}{tail}"
    prefix = draw(st.sampled_from([" ", "jdbc:", "host=/n "]))
    return f"{prefix}{scheme}u:{SECRET}@{host}/d{query}"


@given(strings_with_a_secret(), st.booleans())
@example(f"password={SECRET} {SECRET}", False)
@example(f" postgres://u:{SECRET}=x@h", False)
@example(f"dbname='postgres://u:{SECRET}@h/d' host=/n", False)
def test_no_secret_is_shown(text: str, check: bool) -> None:
    shown = io.StringIO()
    try:
        settings = resolve(text, surroundings=SHELTER)
    except ConninfoError as error:
        told: list[object] = [str(error), repr(error), repr(error.keyword), error.__dict__]
        told.append(pickle.dumps(error))
        assert SECRET not in repr(told)
    else:
        told = [repr(settings), repr(settings.targets), str(settings.targets)]
        told += [pickle.dumps(settings), pickle.dumps(settings.targets)]
        told += [settings.source(keyword) for keyword in settings]
        if "dbname='postgres" not in text:  # a dbname is sent as it stands, and kept so
            assert SECRET not in repr(told)
        assert SECRET not in repr(settings)
    for options in ([], ["--json"], ["--all"]):
        arguments = [*options, *(["--check"] if check else []), "--", text]
        with redirect_stdout(shown), redirect_stderr(shown), suppress(SystemExit):
            main(arguments, SHELTER)
    assert SECRET not in shown.getvalue()
    assert SECRET not in repr(SHELTER)


@given(strings_with_a_secret())
def test_targets_keep_the_password_for_those_who_ask(text: str) -> None:
    with suppress(ConninfoError):
        for target in resolve(text, surroundings=SHELTER).targets:
            assert target.password
            assert pickle.loads(pickle.dumps(target)).password is None


LONG = {
    "quotes": lambda n: "host=" + "a'" * n,
    "open quote": lambda n: "host='" + "\\'" * n,
    "backslashes": lambda n: "host=" + "\\" * n,
    "quoted backslashes": lambda n: "host='" + "\\\\" * n + "'",
    "blanks": lambda n: " " * n + "host" + " " * n,
    "blanks before a quote": lambda n: "host=" + " " * n + "'a",
    "a name": lambda n: "a" * n,
    "items": lambda n: "host=a " * n,
    "commas": lambda n: "postgresql://" + "," * n,
    "colons": lambda n: "postgresql://" + ":" * n,
    "percents": lambda n: "postgresql://" + "%41" * n,
    "ats": lambda n: "postgresql://u:" + "@" * n,
    "brackets": lambda n: "postgresql://" + "[a]," * n + "[",
    "ampersands": lambda n: "postgresql://h?" + "&" * n,
    "parameters": lambda n: "postgresql://h?" + "user=u&" * n,
    "spaces": lambda n: "postgresql://h" + " " * n + "x",
}


def steps(text: str) -> int:
    """Return how many lines of purelink's own code a parse runs."""
    count = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal count
        if "purelink" not in frame.f_code.co_filename:
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with suppress(ConninfoError):
            parse(text)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("kind", LONG)
def test_time_is_linear(kind: str) -> None:
    short, long = steps(LONG[kind](500)), steps(LONG[kind](5000))
    assert long <= 12 * short + 200, (short, long)


@pytest.mark.parametrize("kind", LONG)
def test_hundred_kilobytes_need_no_recursion(kind: str) -> None:
    text = LONG[kind](100_000)
    with suppress(ConninfoError):
        assert parse(text).keys() <= names()


def test_the_json_output_is_json() -> None:
    shown = io.StringIO()
    with redirect_stdout(shown):
        assert main(["--json", "host=/n service=s"], SHELTER) == 0
    told = json.loads(shown.getvalue())
    assert {entry["keyword"] for entry in told["settings"]} == names()
