"""The command line as a process: Ctrl-C, a pipe that breaks, a password asked on a terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

import purelink

if TYPE_CHECKING:
    from tests.conftest import AnyServer

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and terminals of POSIX")
PROGRAM = [sys.executable, "-m", "purelink"]


def environment(server: AnyServer, **more: str) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if name != "NO_COLOR"},
        "PGHOST": str(server.host),
        "PGPORT": str(server.port),
        "PGUSER": str(server.superuser),
        "PGPASSWORD": str(server.password),
        "PGDATABASE": "postgres",
        **more,
    }


def running(server: AnyServer, mark: str) -> int:
    with purelink.connect(server.dsn, autocommit=True) as connection:
        count = connection.query(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE $1 AND state = 'active'"
            " AND pid <> pg_backend_pid()",
            f"%{mark}%",
        ).scalar()
    return int(count)


def until(condition: Any) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    "arguments",
    [
        ["query", "select pg_sleep(60) /* {} */"],
        ["exec", "select 1; select pg_sleep(60) /* {} */"],
        ["copy", "out", "select pg_sleep(60) /* {} */"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_an_interrupt_cancels_the_statement(server: AnyServer, arguments: list[str]) -> None:
    mark = f"cli interrupt {arguments[0]}"
    with subprocess.Popen(
        PROGRAM + [each.format(mark) for each in arguments],
        env=environment(server),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        until(lambda: running(server, mark))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err.strip() == "interrupted"
    until(lambda: not running(server, mark))


@pytest.mark.parametrize("form", ["--csv", "--jsonl", "--json", "-A"])
def test_a_reader_that_goes_away_is_no_error(server: AnyServer, form: str) -> None:
    mark = f"cli pipe {form}"
    sql = f"select generate_series(1, 1000000000) n /* {mark} */"
    with subprocess.Popen(
        [*PROGRAM, "query", form, sql],
        env=environment(server),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(10)
        process.stdout.close()
        assert process.wait(timeout=30) == 0
        assert process.stderr.read() == b""
    until(lambda: not running(server, mark))


def test_memory_stays_bounded(server: AnyServer) -> None:
    code = (
        "import resource, sys; from purelink.cli import main; code = main(sys.argv[1:]);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr); sys.exit(code)"
    )

    def peak(rows: int) -> int:
        sql = f"select n, repeat('x', 100) from generate_series(1, {rows}) n"
        ran = subprocess.run(
            [sys.executable, "-c", code, "query", "--csv", sql],
            env=environment(server),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=True,
            timeout=120,
        )
        return int(ran.stderr)

    # 30 MB of rows more, and no more memory than some slack of the allocator's
    assert peak(300_000) - peak(1000) < 8000


class Terminal:
    """A process on a terminal of its own."""

    def __init__(self, arguments: list[str], env: dict[str, str]) -> None:
        import pty

        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            try:
                os.execve(sys.executable, PROGRAM + arguments, env)
            finally:
                os._exit(99)
        self.shown = ""

    def read_until(self, text: str) -> None:
        deadline = time.monotonic() + 20
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            try:
                self.shown += os.read(self.descriptor, 4096).decode()
            except OSError:
                break
        assert text in self.shown

    def type(self, text: str) -> None:
        os.write(self.descriptor, text.encode())

    def end(self) -> int:
        while True:
            try:
                block = os.read(self.descriptor, 4096)
            except OSError:
                break
            if not block:
                break
            self.shown += block.decode()
        os.close(self.descriptor)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_the_password_is_asked_for_on_the_terminal(server: AnyServer) -> None:
    env = environment(server, PGUSER="u_scram", TERM="xterm")
    del env["PGPASSWORD"]
    terminal = Terminal(["query", "select current_user as who"], env)
    terminal.read_until("Password for user u_scram: ")
    terminal.type("pw\n")
    assert terminal.end() == 0
    assert "pw" not in terminal.shown
    assert "\x1b[1m   who   \x1b[0m\r\n" in terminal.shown
    assert " u_scram\r\n" in terminal.shown
    wrong = Terminal(["query", "-W", "select 1"], env)
    wrong.read_until("Password: ")
    wrong.type("nonsense\n")
    assert wrong.end() == 2
    assert "password authentication failed" in wrong.shown
    assert "nonsense" not in wrong.shown
    never = Terminal(["query", "-w", "select 1"], env)
    assert never.end() == 2
    assert "no password supplied" in never.shown


def test_a_terminal_is_not_driven_by_data(server: AnyServer) -> None:
    env = environment(server, TERM="xterm")
    terminal = Terminal(["query", "--csv", "select E'\\x1b]0;owned\\x07' as x"], env)
    assert terminal.end() == 0
    assert "\\x1B]0;owned\\x07" in terminal.shown
    assert "\x1b" not in terminal.shown


@pytest.mark.parametrize("command", ["query", "exec"])
def test_a_terminal_is_not_driven_by_errors(server: AnyServer, command: str) -> None:
    said = "do $$ begin raise warning E'w\\x1b]0;w\\x07'; raise exception E'e\\x1b[2J\\x07'; end $$"
    with (
        purelink.connect(server.dsn, autocommit=True) as connection,
        pytest.raises(purelink.DatabaseError, match="e\x1b\\[2J\x07"),
    ):
        connection.query(said)  # as it is, in the error
    terminal = Terminal([command, "--color", "never", said], environment(server, TERM="xterm"))
    assert terminal.end() != 0
    assert "e\\x1B[2J\\x07" in terminal.shown
    assert "w\\x1B]0;w\\x07" in terminal.shown
    assert "\x1b" not in terminal.shown
    assert "\x07" not in terminal.shown


def test_control_c_on_a_terminal(server: AnyServer) -> None:
    mark = "cli ctrl c"
    terminal = Terminal(
        ["query", f"select pg_sleep(60) /* {mark} */"], environment(server, TERM="dumb")
    )
    until(lambda: running(server, mark))
    terminal.type("\x03")
    assert terminal.end() == 130
    assert "interrupted" in terminal.shown
    assert "Traceback" not in terminal.shown
    until(lambda: not running(server, mark))
