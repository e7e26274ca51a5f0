"""The recipes that are files, carried as docs/recipes.md says: a zip, a zipapp, a vendored copy."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
import zipapp
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import AnyServer

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")


def recipe(title: str) -> str:
    found = re.search(
        rf'^```py title="{re.escape(title)}"\n(.*?)^```', PAGE, re.MULTILINE | re.DOTALL
    )
    assert found, title
    return found[1]


def carried(folder: Path, name: str = "purelink") -> Path:
    """Copy what a wheel holds: the package's sources."""
    for path in (ROOT / "purelink").rglob("*.py"):
        target = folder / name / path.relative_to(ROOT / "purelink")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return folder


@pytest.fixture
def environment(server: AnyServer) -> dict[str, str]:
    return {
        "PGHOST": str(server.host),
        "PGPORT": str(server.port),
        "PGUSER": str(server.superuser),
        "PGPASSWORD": str(server.password),
        "PGDATABASE": "postgres",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def run(arguments: list[str], environment: dict[str, str], folder: Path) -> str:
    # -S: nothing that is installed is there; -P is not in 3.9, so the folder is an empty one
    ran = subprocess.run(
        [sys.executable, "-S", *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("unpacked", [True, False])
def test_a_function_in_a_zip(
    environment: dict[str, str], tmp_path: Path, *, unpacked: bool
) -> None:
    build = carried(tmp_path / "build")
    (build / "handler.py").write_text(recipe("handler.py"), encoding="utf-8")
    archive = tmp_path / "function.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(build.rglob("*.py")):
            file.write(path, path.relative_to(build))
    place = archive
    if unpacked:
        # as the service does, here for a machine that no wheel of C would be for
        place = tmp_path / "task"
        with zipfile.ZipFile(archive) as file:
            file.extractall(place)
    code = textwrap.dedent(
        f"""
        import sys
        sys.platform = "somewhere9"
        sys.path.insert(0, {str(place)!r})
        import handler
        assert "asyncio" not in sys.modules
        print(*(handler.handler({{"n": n}}, None)["answer"] for n in (41, 1)))
        handler.connection.close()
        """
    )
    assert run(["-c", code], environment, tmp_path) == "42 2\n"


def test_a_zipapp(environment: dict[str, str], tmp_path: Path) -> None:
    app = carried(tmp_path / "app")
    (app / "__main__.py").write_text(recipe("__main__.py"), encoding="utf-8")
    archive = tmp_path / "report.pyz"
    zipapp.create_archive(app, archive, "/usr/bin/env python3")
    assert " postgres\n" in run([str(archive)], environment, tmp_path)


def test_the_command_line_in_a_zip(environment: dict[str, str], tmp_path: Path) -> None:
    app = carried(tmp_path / "app")
    (app / "__main__.py").write_text(
        "import sys\nfrom purelink.cli import main\nsys.exit(main())\n", encoding="utf-8"
    )
    archive = tmp_path / "purelink.pyz"
    zipapp.create_archive(app, archive)
    assert run([str(archive), "query", "-tA", "select 6 * 7"], environment, tmp_path) == "42\n"


def test_a_plug_in(environment: dict[str, str], tmp_path: Path) -> None:
    carried(tmp_path / "plugins" / "myplugin", "_purelink")
    place = tmp_path / "plugins"
    (place / "myplugin" / "__init__.py").write_text(
        recipe("myplugin/__init__.py"), encoding="utf-8"
    )
    code = f"""if True:
        import sys
        sys.path.insert(0, {str(place)!r})
        import myplugin
        assert "purelink" not in sys.modules
        print(myplugin.rows(""), myplugin.purelink.Connection.__module__)
        """
    out = run(["-c", code], environment, tmp_path)
    assert out == "[{'one': 1}] myplugin._purelink.connection\n"
