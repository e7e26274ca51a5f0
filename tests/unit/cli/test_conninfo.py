"""`purelink conninfo`: the table, the data, the check with its caret."""

from __future__ import annotations

import io
import json
import sys

import pytest

from purelink.cli.conninfo import main
from purelink.conninfo import File, Surroundings

HERE = Surroundings(
    {"HOME": "/h", "PGPORT": "6000", "PGPASSWORD": "hush"},
    user="me",
    files={"/h/.pgpass": File(b"*:*:*:*:hush\n")},
)
HOME = Surroundings({"HOME": "/h"}, user="me", files=HERE.files)


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["host=/n options='a\tb' password=hush"], HERE) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["keyword", "value", "from", "overrode"]
    rows = {line.split()[0]: line.split()[1:] for line in lines}
    assert rows["host"] == ["/n", "string,", "position", "1"]
    assert rows["port"] == ["6000", "PGPORT", "compiled", "default", "(5432)"]
    assert rows["options"][0] == "a\\tb"
    assert rows["password"] == ["***", "string,", "position", "23", "PGPASSWORD", "(***)"]
    assert "hostaddr" not in rows


def test_a_password_from_the_passfile(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--all", "host=/n"], HOME) == 0
    out = capsys.readouterr().out
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert rows["password"] == ["***", "/h/.pgpass,", "line", "1"]
    assert rows["hostaddr"] == ["absent"]
    assert rows["options"][0] == "''"
    assert "hush" not in out


def test_warnings_follow_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["passfile=/f"], Surroundings(user="u", files={"/f": File(b"", mode=0o644)})) == 0
    assert "WARNING: password file" in capsys.readouterr().out.splitlines()[-1]


def test_nothing_is_lent(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--no-lend", "host=/n"], HERE) == 0
    assert "password" not in capsys.readouterr().out


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json", "host=/n,h"], HERE) == 0
    told = json.loads(capsys.readouterr().out)
    settings = {entry["keyword"]: entry for entry in told["settings"]}
    assert settings["password"]["value"] == "***"
    assert settings["host"]["from"] == {
        "kind": "string",
        "place": "position 1",
        "value": "/n,h",
        "position": 1,
    }
    assert settings["port"]["overrode"][0]["place"] == "compiled default"
    assert [target["kind"] for target in told["targets"]] == ["socket", "name"]
    assert told["targets"][0]["has_password"] is True
    assert told["warnings"] == []


def test_check_is_silent_when_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", "host=h keepalives=0 keepalives_idle=x"], HERE) == 0
    assert main(["--check", "host=h keepalives=1 tcp_user_timeout=5"], HERE) == 0
    assert main(["--check", "host=/n keepalives=x connect_timeout=5"], HERE) == 0
    assert capsys.readouterr() == ("", "")
    assert main(["--check", "--json", "host=/n"], HERE) == 0
    assert json.loads(capsys.readouterr().out) == {"error": None}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("host=h sslmode=x", 'invalid sslmode value: "x"\n  host=h sslmode=x\n         ^\n'),
        (
            "password=my secret",
            (
                'missing "=" after "***" in connection info string\n  password=*** ***\n'
                "               ^\n"
            ),
        ),
        ("port=0", 'invalid port number: "0"\n  port=0\n  ^\n'),
        (
            "host=h keepalives=x",
            (
                'invalid integer value "x" for connection option "keepalives"\n'
                "  host=h keepalives=x\n         ^\n"
            ),
        ),
        ("service=no", 'definition of service "no" not found\n  service=no\n  ^\n'),
    ],
)
def test_a_wrong_string(text: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", text], HERE) == 2
    assert capsys.readouterr() == ("", message)


def test_a_wrong_environment_has_no_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", ""], Surroundings({"PGPORT": "x"}, user="u")) == 2
    message = 'invalid integer value "x" for connection option "port"\n'
    assert capsys.readouterr() == ("", message)


def test_a_wrong_string_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json", "sslmode=x"], HERE) == 2
    assert json.loads(capsys.readouterr().out) == {
        "error": 'invalid sslmode value: "x"',
        "keyword": "sslmode",
        "position": 1,
    }


def test_a_string_from_stdin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("host=/from-stdin\n"))
    assert main(["-"], HERE) == 0
    assert "/from-stdin" in capsys.readouterr().out


def test_odd_characters_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["host=/a\udcff\ud800"], HERE) == 2
    assert "lone surrogate" in capsys.readouterr().err
    assert main(["host=/a\udcffé"], HERE) == 0
    assert "/a\\udcffé" in capsys.readouterr().out


def test_this_process_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", "host=/n user=u"]) == 0
    assert capsys.readouterr() == ("", "")
