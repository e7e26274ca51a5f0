"""examples/dsn_form.py: the web tool, asked as a browser asks, and as somebody worse would."""

from __future__ import annotations

import importlib.util
import io
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.validate import validator

import pytest

from purelink import ConnectPolicy

if TYPE_CHECKING:
    from types import ModuleType

    from tests.conftest import AnyServer

pytestmark = pytest.mark.server

FILE = Path(__file__).resolve().parents[2] / "examples" / "dsn_form.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dsn_form", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def dsn(server: AnyServer) -> str:
    return f"host={server.host} port={server.port} dbname=rem user=u_scram password=pw"


class Browser:
    """Asks an application without a network."""

    def __init__(self, application: Any) -> None:
        self.application = validator(application)

    def ask(self, body: bytes | None = None, **environment: str) -> tuple[str, str]:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "GET" if body is None else "POST",
            "SCRIPT_NAME": "",
            "PATH_INFO": "/",
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_LENGTH": str(len(body or b"")),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body or b""),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            **environment,
        }
        said: list[str] = []

        def start(status: str, headers: Any, _: Any = None) -> Any:
            said.append(status)
            assert ("Cache-Control", "no-store") in headers
            return lambda data: None

        answer: Any = self.application(environ, start)
        page = b"".join(answer)
        answer.close()
        return said[0], page.decode()

    def post(self, dsn: str, sql: str = "select 1") -> tuple[str, str]:
        return self.ask(urlencode({"dsn": dsn, "sql": sql}).encode())


@pytest.fixture
def inside(example: ModuleType) -> Browser:
    """The tool where this machine's own server may be asked."""
    return Browser(example.Form(ConnectPolicy(networks=["127.0.0.0/8"], sslmode=None)))


def test_the_form(inside: Browser) -> None:
    status, page = inside.ask()
    assert status == "200 OK"
    assert '<input type="password" name="dsn"' in page


def test_an_answer(inside: Browser, dsn: str) -> None:
    status, page = inside.post(dsn, "select f1, f2 from foo where f1 < 2 order by 1")
    assert status == "200 OK"
    assert "<tr><th>f1</th><th>f2</th></tr><tr><td>0</td><td>a</td></tr>" in page
    assert "password=pw" not in page


def test_what_comes_back_is_escaped_and_bounded(inside: Browser, dsn: str) -> None:
    sql = "select '<script>', null, repeat('x', 5000) from generate_series(1, 100000)"
    status, page = inside.post(dsn, sql)
    assert status == "200 OK"
    assert "<script>" not in page
    assert page.count("<tr>") == 201
    assert len(page) < 300_000


@pytest.mark.parametrize(
    ("string", "told"),
    [
        ("host=127.0.0.1 user=u password=sesame", "address"),
        ("host=localhost user=u password=sesame", "address"),
        ("hostaddr=169.254.169.254 user=u password=sesame", "address"),
        ("host=/tmp user=u password=sesame", "unix sockets"),
        ("host=db.example.com user=u password=sesame sslkey=/etc/passwd", "names a local file"),
        ("host=db.example.com user=u password=sesame service=x", "names a local file"),
        ("host=db.example.com user=u password=sesame port=25", "port 25"),
        ("host=db.example.com user=u password=sesame sslmode=disable", "too weak"),
    ],
)
def test_what_a_stranger_may_not(example: ModuleType, string: str, told: str) -> None:
    status, page = Browser(example.application).post(string)
    assert status == "403 Forbidden"
    assert told in page
    assert "sesame" not in page


def test_nothing_of_ours_is_lent(
    inside: Browser, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "pw")
    status, page = inside.post(dsn.replace(" password=pw", ""))
    assert status == "422 Unprocessable Content"
    assert "password is required" in page
    status, page = inside.post(dsn.replace("u_scram", "plain"))
    assert status == "422 Unprocessable Content"


def test_errors_are_told_without_the_password(inside: Browser, dsn: str) -> None:
    status, page = inside.post(dsn.replace("password=pw", "password=sesame"))
    assert status == "422 Unprocessable Content"
    assert "password authentication failed for user &quot;u_scram&quot;" in page
    assert "sesame" not in page
    status, page = inside.post(dsn, "select 1/0")
    assert (status, "division by zero" in page) == ("422 Unprocessable Content", True)
    status, page = inside.post("host=x password='sesame")
    assert status == "422 Unprocessable Content"
    assert "sesame" not in page


def test_long_and_broken_forms(inside: Browser) -> None:
    assert inside.ask(b"x" * 100_000)[0].startswith("413")
    assert inside.ask(b"\xff\xfe", CONTENT_LENGTH="2")[0].startswith("422")


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Tests are quiet."""


def test_over_http(example: ModuleType) -> None:
    with make_server("127.0.0.1", 0, example.application, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            place = f"http://127.0.0.1:{server.server_port}/"
            with urllib.request.urlopen(place, timeout=10) as page:
                assert b"Ask a database" in page.read()
            form = urlencode({"dsn": "host=127.0.0.1 user=u password=p", "sql": "x"}).encode()
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(place, data=form, timeout=10)
            assert refused.value.code == 403
            refused.value.close()
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of whoever runs the tests stands between."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
