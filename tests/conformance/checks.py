"""The 540 checks of libpq's connection strings, and the surroundings that each one asks for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from purelink.conninfo import File, Surroundings

HERE = Path(__file__).parent
#: where the checks' files lie, and the names that stand for the machine's own
ROOT = "/D"
SOCKET_DIRECTORY = "/run/check"
USER = "checker"


def load() -> list[dict[str, Any]]:
    """Return all checks, in their order."""
    with (HERE / "conninfo-checks.json").open(encoding="utf-8") as file:
        checks: list[dict[str, Any]] = json.load(file)["checks"]
    return checks


def at(group: str) -> list[dict[str, Any]]:
    """Return the checks of one group, a letter."""
    return [check for check in load() if check["id"].startswith(group)]


def localized(value: Any) -> Any:
    """Return a check's value with `$D`, `$SOCKDIR` and `$OSUSER` filled in."""
    if isinstance(value, str):
        return (
            value.replace("$SOCKDIR", SOCKET_DIRECTORY).replace("$OSUSER", USER).replace("$D", ROOT)
        )
    if isinstance(value, list):
        return [localized(item) for item in value]
    if isinstance(value, dict):
        return {key: localized(item) for key, item in value.items()}
    return value


def surroundings(check: dict[str, Any]) -> Surroundings:
    """Return the clean surroundings that a check describes."""
    environment = {"HOME": f"{ROOT}/home", "PGSYSCONFDIR": f"{ROOT}/sys", "LC_ALL": "C"}
    environment.update(localized(check.get("env", {})))
    files = {
        ROOT: File(b"", is_file=False, mode=0o755),
        "/dev/null": File(b"", is_file=False, mode=0o666),
    }
    for path, given in localized(check.get("files", {})).items():
        content, mode = given if isinstance(given, list) else (given, 0o600)
        files[f"{ROOT}/{path}"] = File(content.encode("utf-8", "surrogateescape"), mode=mode)
    return Surroundings(
        environment,
        user=USER,
        passwd_home="/home/checker",
        files=files,
        socket_directory=SOCKET_DIRECTORY,
    )
