"""Connection strings against 540 answers of a real libpq 18: all that needs no connection.

Groups A to F and H whole, G as far as it is about targets; the attempts themselves (messages of
G, groups I, J, K, and D027) are in test_conninfo_connect.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from purelink.conninfo import ConninfoError, Settings, Target, integer, parse, resolve
from tests.conformance import checks

#: an error that only an attempt can meet
AT_CONNECT = ("invalid port number", "invalid integer", "could not translate", "connection to ")
#: left out of the checks' `resolved`
ASIDE = {"host", "port", "hostaddr", "passfile", "password"}


def ids(check: dict[str, Any]) -> str:
    return str(check["id"])


def resolved(check: dict[str, Any]) -> Settings:
    around = checks.surroundings(check)
    given = checks.localized(check["input"])
    if check["api"] == "params":
        pairs = [(keyword, value) for keyword, value in given]
        expand = bool(check.get("expand_dbname", 1))
        return resolve("", pairs, surroundings=around, expand_dbname=expand)
    return resolve(given, surroundings=around)


def attempt(target: Target) -> str:
    port = integer(target.port, "port")
    if target.kind == "socket":
        return f"{target.socket_directory}/.s.PGSQL.{port}"
    return f"{target.hostaddr or target.host} port {port}"


@pytest.mark.parametrize("check", checks.at("A") + checks.at("B"), ids=ids)
def test_parse(check: dict[str, Any]) -> None:
    expect = check["expect"]
    if "error" in expect:
        with pytest.raises(ConninfoError) as caught:
            parse(check["input"])
        assert str(caught.value) == expect["error"]
    else:
        assert parse(check["input"]) == expect["options"]


@pytest.mark.parametrize(
    "check", [check for group in "CDEFGH" for check in checks.at(group)], ids=ids
)
def test_resolve(check: dict[str, Any]) -> None:
    expect = checks.localized(check["expect"])
    error = expect.get("error")
    if error is not None and not error.startswith(AT_CONNECT):
        with pytest.raises(ConninfoError) as caught:
            resolved(check)
        assert str(caught.value) == error
        return
    settings = resolved(check)
    if error is not None:
        if error.startswith("invalid integer"):
            with pytest.raises(ConninfoError) as caught:
                integer(settings.targets[0].port, "port")
            assert str(caught.value) == error
        return
    if "tried" in expect:
        # the checks name the address that a host name had, too
        tried = [text.replace(" (127.0.0.1)", "") for text in expect["tried"]]
        assert [attempt(target) for target in settings.targets] == tried
    plain = resolve("host=/n", surroundings=checks.surroundings({}))
    differing = {
        keyword: value
        for keyword, value in settings.items()
        if value != plain[keyword] and keyword not in ASIDE
    }
    if "tried" in expect and "password" not in expect:  # group F tells the password alone
        assert differing == expect.get("resolved", {})
    if "password" in expect:
        assert (settings.targets[-1].password or "") == expect["password"]
    if "passfile" in expect:
        assert settings["passfile"] == expect["passfile"]
    assert "\n".join(settings.warnings) == expect.get("stderr", "")


@pytest.mark.parametrize(
    "check",
    [check for check in checks.at("I") if "startup" in check["expect"]],
    ids=ids,
)
def test_startup_parameters(check: dict[str, Any]) -> None:
    expect = checks.localized(check["expect"]["startup"][0][1:])
    given = checks.localized(check["input"]).replace("$P0", "5432")
    settings = resolve(given, surroundings=checks.surroundings(check))
    assert [list(pair) for pair in settings.startup_parameters] == expect
