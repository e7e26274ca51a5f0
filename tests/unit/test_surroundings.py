"""The gatherer: this process's environment, user and files, and systems that lack some."""

from __future__ import annotations

import builtins
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from purelink import surroundings
from purelink.conninfo import resolve
from purelink.surroundings import default_socket_directory, gather

if TYPE_CHECKING:
    from pathlib import Path

posix = pytest.mark.skipif(os.name != "posix", reason="Unix's users and permissions")


@posix
def test_this_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import pwd

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PGAPPNAME", "\udcff\u00e9")
    here = gather()
    assert here.environment["PGAPPNAME"] == "\udcff\u00e9"
    assert here.user == pwd.getpwuid(os.geteuid()).pw_name
    assert here.uid == os.geteuid()
    assert here.home == str(tmp_path)
    assert here.codeset
    assert here.socket_directory == default_socket_directory()
    assert here.tls is True
    assert resolve("host=/n", surroundings=here)["application_name"] == "\udcff\u00e9"


@posix
def test_files(tmp_path: Path) -> None:
    here = gather()
    path = tmp_path / "file-\udcff"
    path.write_bytes(b"content")
    path.chmod(0o640)
    file = here.file(str(path))
    assert file is not None
    assert (file.content, file.is_file, file.mode) == (b"content", True, 0o640)
    path.unlink()
    assert here.file(str(path)) is file  # as it was when first asked for
    folder = here.file(str(tmp_path))
    assert folder is not None
    assert (folder.content, folder.is_file) == (b"", False)
    null = here.file("/dev/null")
    assert null is not None
    assert (null.content, null.is_file) == (b"", False)
    assert here.file(str(tmp_path / "none")) is None
    assert here.file("a\0b") is None


@posix
def test_a_file_without_end_is_read_as_far_as_any_file_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(surroundings, "_LARGEST_FILE", 1000)
    endless = gather().file("/dev/zero")
    assert endless is not None
    assert endless.content == bytes(1000)


def test_a_file_that_cannot_be_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")

    def refuse(*_: Any) -> Any:
        raise PermissionError

    monkeypatch.setattr(builtins, "open", refuse)
    file = gather().file(str(path))
    assert file is not None
    assert file.content is None


@posix
def test_a_user_without_an_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    import pwd

    def unknown(uid: int) -> Any:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    monkeypatch.delenv("HOME", raising=False)
    here = gather()
    assert (here.user, here.uid, here.home) == (None, 4711, None)


@posix
def test_a_user_is_looked_up_once_and_one_who_is_not_found_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import pwd

    entry, seen = pwd.getpwuid(os.geteuid()), list[int]()

    def look(uid: int) -> Any:
        seen.append(uid)
        if uid == 4711:
            raise KeyError(uid)
        return entry

    monkeypatch.setattr(surroundings, "_USERS", {})
    monkeypatch.setattr(pwd, "getpwuid", look)
    for uid in (1, 1, 4711, 4711, 2):
        monkeypatch.setattr(os, "geteuid", lambda uid=uid: uid)
        assert gather().user == (None if uid == 4711 else entry.pw_name)
    assert seen == [1, 4711, 4711, 2]


@pytest.mark.parametrize("in_bytes", [True, False])
def test_only_what_is_looked_at_is_copied(monkeypatch: pytest.MonkeyPatch, in_bytes: bool) -> None:
    if in_bytes and not os.supports_bytes_environ:
        pytest.skip("an environment in text")
    monkeypatch.setattr(os, "supports_bytes_environ", in_bytes)
    monkeypatch.setenv("A_SECRET", "secret")
    monkeypatch.setenv("PGHOST", "/here")
    monkeypatch.setenv("HOME", "/home")
    found = gather().environment
    assert found["PGHOST"] == "/here"
    assert found["HOME"] == "/home"
    assert {name for name in found if not name.startswith("PG")} <= {"HOME", "APPDATA"}


def test_no_user_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "_USERS", {})
    monkeypatch.setitem(sys.modules, "pwd", None)
    monkeypatch.delattr(os, "geteuid", raising=False)
    here = gather()
    assert (here.user, here.uid) == (None, 0)


@pytest.mark.parametrize("name", ["me", None])
def test_windows(monkeypatch: pytest.MonkeyPatch, name: str | None) -> None:
    import getpass

    def user() -> str:
        if name is None:
            raise OSError
        return name

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(getpass, "getuser", user)
    monkeypatch.setattr(os, "supports_bytes_environ", False)
    monkeypatch.setenv("APPDATA", "C:/a")
    here = gather()
    assert (here.user, here.home, here.socket_directory) == (name, "C:/a/postgresql", "")


def test_no_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "locale", None)
    assert gather().codeset == "UTF-8"


def test_tls_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ssl", None)
    assert gather().tls is False
    monkeypatch.delitem(sys.modules, "ssl")
    assert gather().tls is True


def test_the_socket_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(surroundings, "_DEBIAN_DIRECTORY", str(tmp_path))
    assert default_socket_directory() == str(tmp_path)
    monkeypatch.setattr(surroundings, "_DEBIAN_DIRECTORY", str(tmp_path / "none"))
    assert default_socket_directory() == "/tmp"
