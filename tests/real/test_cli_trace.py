"""`purelink trace` on a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from purelink.cli import main

if TYPE_CHECKING:
    import pytest

    from tests.conftest import AnyServer


def test_trace(server: AnyServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "--dsn", server.dsn, "--regress", "select 1", "select 2"]) == 0
    out, err = capsys.readouterr()
    assert not err
    names = [line.split("\t")[2] for line in out.splitlines()]
    assert "StartupMessage" in names
    assert names.count("Query") == 2
    assert names[-1] == "Terminate"
    assert "B\t12\tBackendKeyData\t NNNN 'BBBB'\n" in out


def test_timestamps_and_an_error(server: AnyServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "--dsn", server.dsn, "--timestamps", "select 1/0", "select 2"]) == 1
    out, err = capsys.readouterr()
    assert "division by zero" in err
    assert out.startswith("20")
    assert out.count("\tQuery\t") == 2


def test_no_connection(server: AnyServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "--dsn", f"{server.dsn} dbname=none"]) == 2
    out, err = capsys.readouterr()
    assert "ErrorResponse" in out
    assert 'database "none" does not exist' in err


def test_a_wrong_string(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "--dsn", "nonsense=1"]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert "nonsense" in err
