"""Differential run: `conninfo.resolve` against a real libpq's PQconnectStart and PQconninfo.

Random combinations of string or keyword arrays, environment, service files and passfiles, laid out
in a scratch folder and read by both sides.
Invariant: where libpq stops before its first socket, so do we, in its words (`***` aside); else
all fifty values of PQconninfo, the password for the host whose turn it is, and the passfile
warnings are the same.
Allowed exceptions: ConninfoError. Left out: compiled-in folders (PGSYSCONFDIR is always set, the
default socket directory is handed in), LDAP lines in service files, and gssencmode=require where
the library has GSS (`--gss`).

    python -m fuzz.resolve_differential --runs 20000 --seed 1 [--libpq PATH] [--gss]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any, Optional

from fuzz.conninfo_differential import same_message
from fuzz.settings import Case, Cases
from purelink.conninfo import ConninfoError, Settings, Surroundings, integer, resolve
from purelink.surroundings import gather

#: how a message begins that only an attempt to connect can give
ATTEMPT = re.compile(
    "connection to server |could not (translate|parse)|Unix-domain socket path|invalid port number:"
    '|invalid integer value ".*" for connection option "port"',
    re.DOTALL,
)


class Worker:
    """A process that asks libpq.

    Args:
        path: the library, "" for the first that is found.
    """

    def __init__(self, path: str = "") -> None:
        command = [sys.executable, "-m", "fuzz.resolve_worker", *([path] if path else [])]
        environment = {**os.environ, "LC_ALL": "C"}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        line = self._read()
        if not line:
            raise SystemExit("no libpq to compare with")
        hello = json.loads(line)
        self.build = str(hello["build"])
        self.codeset = str(hello["codeset"])

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def ask(self, case: Case) -> dict[str, Any]:
        """Return libpq's answer to one case."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(case._asdict()) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._read())
        return answer

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def surroundings(case: Case, worker: Worker, socket_directory: str) -> Surroundings:
    """Return what libpq's process has around it."""
    here = gather()
    return Surroundings(
        case.environment,
        user=here.user,
        uid=here.uid,
        passwd_home=here.passwd_home,
        files=here.files,
        socket_directory=socket_directory,
        codeset=worker.codeset,
    )


def difference(case: Case, theirs: dict[str, Any], around: Surroundings) -> Optional[str]:
    """Return in what the two sides differ, None if in nothing."""
    message = theirs["message"].rstrip("\n")
    early = message and not ATTEMPT.match(message)
    try:
        settings = resolve(case.conninfo or "", case.pairs, surroundings=around)
    except ConninfoError as error:
        text = (case.conninfo or "") + repr(case.pairs)
        if early and same_message(str(error), message, text):
            return None
        return f"refused: {error!s:.300}\n  libpq: {message!a:.300}"
    if early:
        return f"accepted, libpq: {message!a:.300}"
    values = {name: value for name, value in settings.items() if value is not None}
    if values != theirs["settings"]:
        return f"values {sorted(set(values.items()) ^ set(theirs['settings'].items()))}"
    warnings = "".join(f"{warning}\n" for warning in settings.warnings)
    if warnings != theirs["stderr"]:
        return f"warnings {warnings!a}, libpq: {theirs['stderr']!a}"
    return _turn_differs(settings, theirs, message)


def _turn_differs(settings: Settings, theirs: dict[str, Any], message: str) -> Optional[str]:
    turns = [
        [
            target.host or target.socket_directory or target.hostaddr,
            target.port,
            target.password or "",
        ]
        for target in settings.targets
    ]
    if theirs["turn"] not in turns:
        return f"turn {theirs['turn']} is none of {turns}"
    if settings["load_balance_hosts"] == "random" or not message:
        return None
    # all failed: it is the last host's turn, or that of the port that is no number
    last = next((at for at, turn in enumerate(turns) if not _is_number(turn[1])), len(turns) - 1)
    return None if turns[last] == theirs["turn"] else f"turn {theirs['turn']}, not {turns[last]}"


def _is_number(port: str) -> bool:
    try:
        integer(port, "port")
    except ConninfoError:
        return False
    return True


def main(arguments: Optional[list[str]] = None) -> int:
    """Run; print seed, build and figures; 1 if there was a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--libpq", default="", help="path of the library to compare with")
    parser.add_argument("--gss", action="store_true", help="that library has GSS")
    parser.add_argument("--socket-directory", default="", help="its compiled default")
    options = parser.parse_args(arguments)
    seed = options.seed if options.seed is not None else time.time_ns() % 10**9
    worker = Worker(options.libpq)
    print(f"seed {seed}, against {worker.build}")
    began = time.perf_counter()
    root = Path(tempfile.mkdtemp(prefix="purelink-resolve-"))
    differences = accepted = 0
    try:
        directory = options.socket_directory or compiled_directory(worker)
        print(f"its default socket directory: {directory}, codeset: {worker.codeset}")
        cases = Cases(Random(seed), root, directory, gss=options.gss)
        for number in range(options.runs):
            case = cases.lay_out()
            theirs = worker.ask(case)
            found = difference(case, theirs, surroundings(case, worker, directory))
            accepted += not theirs["message"] or bool(ATTEMPT.match(theirs["message"]))
            if found is not None:
                differences += 1
                if differences <= 10:
                    print(f"case {number}: {case}\n  {found}")
    finally:
        worker.close()
        shutil.rmtree(root)
    print(
        f"{options.runs} combinations, {accepted} accepted, {options.runs - accepted} refused, "
        f"{differences} differences, {time.perf_counter() - began:.0f} s"
    )
    return 1 if differences else 0


def compiled_directory(worker: Worker) -> str:
    """Return the default socket directory of libpq's build."""
    answer = worker.ask(Case({}, "user=u port=1", None))
    return str(answer["turn"][0])


if __name__ == "__main__":
    sys.exit(main())
