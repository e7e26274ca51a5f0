"""OpenTelemetry's instrumentation for PEP 249 modules, on purelink: spans of a real statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import purelink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import AnyServer

pytestmark = pytest.mark.server

dbapi: Any = pytest.importorskip(
    "opentelemetry.instrumentation.dbapi", reason="OpenTelemetry's DB-API part is not installed"
)
sdk: Any = pytest.importorskip("opentelemetry.sdk.trace", reason="its SDK is not installed")


@pytest.fixture
def spans() -> Iterator[Any]:
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    dbapi.wrap_connect(
        "purelink.tests", purelink, "connect", "postgresql", tracer_provider=provider,
        connection_attributes={
            "database": "settings.dbname", "port": "target.port", "host": "target.host",
            "user": "settings.user",
        },
    )  # fmt: skip
    try:
        yield exporter.get_finished_spans
    finally:
        dbapi.unwrap_connect(purelink, "connect")


def test_a_statement_is_a_span(server: AnyServer, spans: Any) -> None:
    with purelink.connect(server.dsn) as connection:
        cursor = connection.cursor()
        cursor.execute("select %s::int + 1", (41,))
        assert cursor.fetchone() == (42,)
        cursor.executemany("select %s::int", [(1,), (2,)])
        with pytest.raises(purelink.DataError):
            cursor.execute("select 1/0")
        cursor.close()
        connection.rollback()
    found = spans()
    assert [span.name for span in found] == ["select", "select", "select"]
    attributes = dict(found[0].attributes)
    assert attributes["db.system"] == "postgresql"
    assert attributes["db.statement"] == "select %s::int + 1"
    assert not found[0].status.is_ok or found[0].status.description is None
    assert found[2].status.status_code.name == "ERROR"
    assert "DivisionByZero" in (found[2].status.description or "")


def test_no_password_is_in_a_span(server: AnyServer, spans: Any) -> None:
    with purelink.connect(server.dsn) as connection:
        connection.cursor().execute("select 1")
    shown = "".join(span.to_json() for span in spans())
    assert shown
    assert not server.password or f"password={server.password}" not in shown
