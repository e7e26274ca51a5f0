"""A web tool that takes a connection string from a form, and what keeps it from being misused.

Run it:  python examples/dsn_form.py [port]      then open http://127.0.0.1:8000/

Whoever fills in the form says where we connect to and what is run there. So

* a `ConnectPolicy` decides what may be connected to: public addresses, TLS, SCRAM, a password in
  the string, ten connections at a time, a few seconds;
* the session is not a superuser's: nothing of ours (PGPASSWORD, .pgpass, certificates) is lent;
* what comes back is bounded in rows, and escaped before it is shown;
* errors are shown as they are: no password and no inside address is in them;
* the string comes by POST, is not logged, and is not put back into the page.

The standard library's WSGI server is for trying it out; the `application` runs under any.
"""

from __future__ import annotations

import html
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from wsgiref.simple_server import make_server

from purelink import ConnectPolicy, Error, PolicyError, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LONGEST_FORM = 64 * 1024
MOST_ROWS = 200
LONGEST_VALUE = 1000

PAGE = """<!doctype html>
<meta charset="utf-8">
<title>Ask a database</title>
<h1>Ask a database</h1>
<form method="post" autocomplete="off">
<p><label>Connection string<br>
<input type="password" name="dsn" size="80" placeholder="host=… dbname=… user=… password=…"></label>
<p><label>Query<br><textarea name="sql" rows="4" cols="80">{sql}</textarea></label>
<p><button>Run</button>
</form>
{answer}
"""


class Form:
    """The application.

    Args:
        policy: what may be connected to.
    """

    def __init__(self, policy: ConnectPolicy) -> None:
        self.policy = policy

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer one request (WSGI)."""
        if environ["REQUEST_METHOD"] != "POST":
            return respond(start_response, "200 OK", "", "SELECT version()")
        length = environ.get("CONTENT_LENGTH") or "0"
        if not length.isdigit() or int(length) > LONGEST_FORM:
            return respond(start_response, "413 Content Too Large", "<p>Too long.", "")
        body = environ["wsgi.input"].read(int(length)).decode("utf-8", "replace")
        fields = parse_qs(body, max_num_fields=10)
        dsn, sql = fields.get("dsn", [""])[0], fields.get("sql", [""])[0]
        status, answer = self.ask(dsn, sql)
        return respond(start_response, status, answer, sql)

    def ask(self, dsn: str, sql: str) -> tuple[str, str]:
        """Run a query at a stranger's database; return the status and the answer, as HTML."""
        with Session(policy=self.policy) as session:
            try:
                session.dblink_connect(dsn)
                with session.dblink(sql) as rows:
                    return "200 OK", table(rows.column_names, rows.fetchmany(MOST_ROWS))
            except PolicyError as refused:
                return "403 Forbidden", problem("Not from here", refused)
            except Error as error:
                return "422 Unprocessable Content", problem("It did not work", error)


def problem(title: str, error: Error) -> str:
    """Return an error as HTML."""
    return f"<h2>{title}</h2><pre>{html.escape(str(error))}</pre>"


def table(names: list[str], rows: list[tuple[Any, ...]]) -> str:
    """Return rows as an HTML table; long values are cut."""

    def cells(kind: str, values: Iterable[Any]) -> str:
        texts = ("" if value is None else str(value)[:LONGEST_VALUE] for value in values)
        return "".join(f"<{kind}>{html.escape(text)}</{kind}>" for text in texts)

    lines = [f"<tr>{cells('th', names)}</tr>", *(f"<tr>{cells('td', row)}</tr>" for row in rows)]
    return f"<table>{''.join(lines)}</table>"


def respond(
    start_response: Callable[..., Any], status: str, answer: str, sql: str
) -> Iterable[bytes]:
    """Send the page."""
    page = PAGE.format(sql=html.escape(sql), answer=answer).encode("utf-8")
    headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", str(len(page))),
        ("Cache-Control", "no-store"),
        ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    start_response(status, headers)
    return [page]


application = Form(ConnectPolicy(max_connections=10, connect_timeout=5, statement_timeout=10))


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    with make_server("127.0.0.1", port, application) as server:
        print(f"http://127.0.0.1:{server.server_port}/")
        server.serve_forever()
