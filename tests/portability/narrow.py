"""Rows of the portability table: processes and interpreters that lack something."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.portability.place import PACKAGE, SMOKE, Failed, Missing, Place, program
from tests.portability.table import Row, row


@row("python -I -S -E")
def _isolated(place: Place) -> str:
    code = (
        f"import sys, runpy; sys.path.insert(0, {str(PACKAGE.parent)!r});"
        f"sys.argv = {[str(SMOKE), place.dsn]!r};"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    return place.run(sys.executable, "-I", "-S", "-E", "-c", code, path=None)


@row("no HOME, no passwd entry, no variable at all")
def _nobody(place: Place) -> str:
    if os.geteuid() != 0:
        raise Missing("only root can become a user who has no entry")
    folder = place.copied("nobody")
    return place.run(
        program("env"), "-i", _open_python(place), "smoke.py", place.dsn,
        path=None, cwd=folder, user=54321, group=54321, extra_groups=[],
    )  # fmt: skip


def _open_python(place: Place) -> str:
    """Return an interpreter that a stranger may run."""
    for each in (sys.executable, "/usr/bin/python3", program("python3")):
        found = subprocess.run(
            [each, "-c", ""], user=54321, group=54321, capture_output=True, check=False
        ) if _enterable(each) else None  # fmt: skip
        if found is not None and found.returncode == 0:
            return each
    raise Missing(f"no interpreter that a stranger may run ({place.scratch})")


def _enterable(path: str) -> bool:
    whole = os.path.realpath(path)
    parts = [whole[:at] for at, letter in enumerate(whole) if letter == "/" and at]
    return all(Path(part).stat().st_mode & 1 for part in parts)


@row("read-only file system")
def _read_only(place: Place) -> str:
    if os.geteuid() != 0:
        raise Missing("only root can make one")
    script = (
        "mount -o remount,bind,ro / && ! touch /tmp/purelink-writable 2>/dev/null"
        f' && exec {sys.executable} {SMOKE} "$1"'
    )
    try:
        return place.run(program("unshare"), "-m", "sh", "-c", script, "sh", place.dsn)
    except Failed as error:
        if "ermission denied" in str(error) or "not permitted" in str(error):
            raise Missing("mounting is not allowed here") from error
        raise


@row("closed stdin, stdout and stderr")
def _closed(place: Place) -> str:
    script = f'exec {sys.executable} {SMOKE} "$1" <&- >&- 2>&-'
    place.run("sh", "-c", script, "sh", place.dsn)
    return "exit code 0"


def _lacking(name: str, before: str) -> Row:
    """Return a row: the checks after some code has taken a part of the interpreter away."""

    def run(place: Place) -> str:
        code = (
            f"DSN = {place.dsn!r}\n{before}\nimport runpy, sys\n"
            f"sys.argv = {[str(SMOKE), place.dsn]!r}\n"
            "runpy.run_path(sys.argv[0], run_name='__main__')"
        )
        return place.run(sys.executable, "-c", code)

    run.__name__ = name
    return run


row("no ssl module")(
    _lacking(
        "no_ssl",
        "import sys; sys.modules['ssl'] = sys.modules['_ssl'] = None\n"
        "import purelink\n"
        "try: purelink.connect('host=127.0.0.1 port=1 sslmode=require')\n"
        "except purelink.Error as error: assert 'SSL support is not compiled in' in str(error)\n",
    )
)
row("a hashlib without md5 (FIPS)")(
    _lacking(
        "no_md5",
        "import hashlib\n"
        "def refuse(*args, **named): raise ValueError('[digital envelope routines] unsupported')\n"
        "hashlib.md5 = refuse\n"
        "real = hashlib.new\n"
        "hashlib.new = lambda name, *a, **k: refuse() if name == 'md5' else real(name, *a, **k)\n"
        "import sys, purelink\n"
        "user = dict(user='u_md5', password='pw', dbname='postgres')\n"
        "try: purelink.connect(DSN, **user)\n"
        "except purelink.Error as error: assert 'md5' in str(error).lower(), error\n"
        "else: raise AssertionError('md5 went through without md5')\n"
        "purelink.connect(DSN, **dict(user, user='u_scram')).close()\n",
    )
)
row("a hashlib without pbkdf2_hmac")(
    _lacking(
        "no_pbkdf2",
        "import hashlib; del hashlib.pbkdf2_hmac\n"
        "import purelink\n"
        "purelink.connect(DSN, user='u_scram', password='pw', dbname='postgres').close()\n",
    )
)


@row("no socket, ssl, threading or asyncio module: strings, and a dialogue from a list of bytes")
def _no_socket(place: Place) -> str:
    code = (
        "import sys\n"
        "for name in 'socket _socket ssl _ssl threading asyncio select selectors'.split():\n"
        "    sys.modules[name] = None\n"
        "import smoke\n"
        "held = smoke.main('')\n"
        "from tests.unit.pure_dialogues import DIALOGUES\n"
        "for told in DIALOGUES.values(): told(True)\n"
        "print(f'{held} checks, {len(DIALOGUES)} dialogues')\n"
    )
    paths = f"{PACKAGE.parent}:{SMOKE.parent}"
    return place.run(sys.executable, "-c", code, environment={"PYTHONPATH": paths})


def _locale(name: str) -> Row:
    def run(place: Place) -> str:
        code = (
            f"import locale, sys; locale.setlocale(locale.LC_ALL, {name!r}); import runpy;"
            f"sys.argv = {[str(SMOKE), place.dsn]!r};"
            "runpy.run_path(sys.argv[0], run_name='__main__')"
        )
        variables = {"LC_ALL": name, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        if name != "C":
            variables["LOCPATH"] = str(place.folder("locales"))
            made = f"{variables['LOCPATH']}/{name}"
            language, _, charmap = name.partition(".")
            try:
                place.run(program("localedef"), "-i", language, "-f", charmap, made)
            except Failed as error:
                raise Missing(f"the locale {name} cannot be made here: {error}") from error
        return place.run(sys.executable, "-c", code, environment=variables)

    return run


row("C locale, no UTF-8 mode")(_locale("C"))
row("Turkish locale")(_locale("tr_TR.UTF-8"))
