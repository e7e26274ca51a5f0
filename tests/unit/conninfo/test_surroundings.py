"""The snapshot: home folders, files, and what it hides."""

from __future__ import annotations

import pickle

import pytest

from purelink.conninfo.surroundings import File, Surroundings, cut


def test_home() -> None:
    assert Surroundings({"HOME": "/h"}, passwd_home="/p").home == "/h"
    assert Surroundings({"HOME": ""}, passwd_home="/p").home == "/p"
    assert Surroundings().home is None
    assert Surroundings().home_file(".pgpass") is None
    assert Surroundings({"HOME": "/h"}).home_file(".pgpass") == "/h/.pgpass"


def test_windows_has_other_places() -> None:
    here = Surroundings({"APPDATA": "C:/a", "HOME": "/h"}, windows=True)
    assert here.home == "C:/a/postgresql"
    assert here.home_file(".pgpass") == "C:/a/postgresql/pgpass.conf"
    assert here.home_file(".postgresql/root.crt") == "C:/a/postgresql/root.crt"
    assert here.home_file(".pg_service.conf") == "C:/a/postgresql/.pg_service.conf"
    assert Surroundings(windows=True).home is None


def test_files() -> None:
    file = File(b"x")
    assert Surroundings().file("/f") is None
    assert Surroundings(files={"/f": file}).file("/f") is file
    assert Surroundings(files={"/f": file}).file("/g") is None
    assert Surroundings(files=lambda path: file if path == "/f" else None).file("/f") is file


def test_paths_are_cut_as_in_libpq() -> None:
    assert cut("/short") == "/short"
    assert cut("/" + "é" * 600) == "/" + "é" * 511
    assert cut("/" + "x" * 300) == "/" + "x" * 300


def test_nothing_secret_shows() -> None:
    here = Surroundings({"PGPASSWORD": "hush"}, files={"/f": File(b"hush")})
    assert "hush" not in repr(here)
    assert repr(File(b"hush")) == "File(4 bytes, is_file=True, mode=0o600)"
    assert repr(File(None)) == "File(unreadable, is_file=True, mode=0o600)"
    with pytest.raises(TypeError, match="hold secrets"):
        pickle.dumps(here)
