"""The wire's checks that a real server can show, under both faces.

Numbers as in the protocol reference's list of checks; those of a server that lies are in
`tests/scripted`.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from purelink.errors import (
    ConnectError,
    ConnectionLost,
    DatabaseError,
    DataError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    Timeout,
)
from purelink.testing.backend import ClientGone
from purelink.values.rows import raw_row_decoder
from purelink.wire import dialogues, legality
from purelink.wire.dialogues import Batch
from purelink.wire.session import Answer
from tests.scripted.faces import AsyncFace, BlockingFace, Face

if TYPE_CHECKING:
    from collections.abc import Iterator

    from purelink.testing.server import Server
    from purelink.wire.session import Session
    from purelink.wire.wants import Dialogue

pytestmark = pytest.mark.server


@pytest.fixture(params=[BlockingFace, AsyncFace], ids=["blocking", "asyncio"])
def face(request: pytest.FixtureRequest) -> Iterator[Face]:
    made: Face = request.param()
    try:
        yield made
    finally:
        made.close()


class Line:
    """A pump with a session on it, for what the faces say otherwise."""

    def __init__(self, face: Face, dsn: str) -> None:
        self.face = face
        self.pump, connected = face.session(dsn)
        self.session: Session = connected.session

    def run(self, dialogue: Dialogue[Any]) -> Any:
        return self.face.run(self.pump, dialogue)

    def ask(self, batch: Batch) -> None:
        data = dialogues.ask(self.session, batch, raw_row_decoder)
        self.run(dialogues.until_idle(self.session, data=data))

    def script(self, sql: str) -> list[Answer]:
        """Run a simple query; return its answers, or raise the first error."""
        data = dialogues.simple_query(self.session, sql.encode(), raw_row_decoder)
        self.run(dialogues.until_idle(self.session, data=data))
        answers = list(self.session.answers)
        self.session.answers.clear()
        for answer in answers:
            if answer.error is not None:
                raise answer.error
        return answers

    def begin(self, sql: str, *, extended: bool = False) -> Answer:
        """Begin a COPY; it may have failed already."""
        if extended:
            data = dialogues.ask(self.session, one(Answer(), sql.encode()).sync(), raw_row_decoder)
        else:
            data = dialogues.simple_query(self.session, sql.encode(), raw_row_decoder)
        answer: Answer = self.run(dialogues.until_answer(self.session, data=data))
        return answer

    def end(self, data: bytes = b"") -> None:
        self.run(dialogues.until_idle(self.session, data=data))
        self.session.answers.clear()
        self.works()

    def works(self) -> None:
        assert self.script("select 'in step'")[0].rows == [(b"in step",)]


@pytest.fixture
def line(face: Face, server: Any) -> Line:
    return Line(face, server.dsn)


@pytest.fixture
def connection(face: Face, server: Any) -> Any:
    return face.connect(server.dsn)


def one(answer: Answer, sql: bytes) -> Batch:
    return Batch().parse(answer, b"", sql).bind(answer).describe_portal(answer).execute(answer)


# -- results ---------------------------------------------------------------------------------


def test_check_024_protocol_3_2(face: Face, server: Any) -> None:
    if int(server.version.split(".")[0]) < 18:
        pytest.skip(f"PostgreSQL {server.version} knows protocol 3.0 alone")
    line = Line(face, f"{server.dsn} max_protocol_version=3.2")
    assert line.session.protocol == 0x00030002
    assert len(line.session.key or b"") == 32
    line = Line(face, server.dsn)
    assert line.session.protocol == 0x00030000
    assert len(line.session.key or b"") == 4


def test_check_038_a_parameter_description_over_30000(line: Line) -> None:
    count = 7500
    sql = "select 1 where 1 in (" + ",".join(f"${n + 1}::int" for n in range(count)) + ")"
    described, found = Answer(), Answer()
    batch = Batch().parse(described, b"s", sql.encode()).describe_statement(described, b"s")
    line.ask(batch.sync())
    assert described.parameter_oids == (23,) * count
    batch = Batch().bind(found, b"s", (), (b"1",) * count).describe_portal(found).execute(found)
    line.ask(batch.sync())
    assert found.rows == [(b"1",)]


def test_check_057_an_empty_query(connection: Any) -> None:
    for text in ("", ";", " -- nothing"):
        for found in (connection.query(text), connection.script(text)[0]):
            assert (found.rows, found.description, found.command_tag) == ([], None, None)


def test_check_058_results_in_order_then_the_error(line: Line) -> None:
    line.script("create temp table t58 (a int)")
    data = dialogues.simple_query(
        line.session, b"select 1; insert into t58 values (1); select 1/0", raw_row_decoder
    )
    line.run(dialogues.until_idle(line.session, data=data))
    told = [(each.outcome, each.command_tag) for each in line.session.answers]
    assert told == [("rows", "SELECT 1"), ("command", "INSERT 0 1"), ("error", None)]
    line.session.answers.clear()
    assert line.script("select count(*) from t58")[0].rows == [(b"0",)]


# -- asynchronous messages -------------------------------------------------------------------


def test_check_074_a_rolled_back_setting(connection: Any) -> None:
    before = connection.parameters["TimeZone"]
    connection.script("begin; set timezone = 'Asia/Tokyo'")
    assert connection.parameters["TimeZone"] == "Asia/Tokyo"
    connection.script("rollback")
    assert connection.parameters["TimeZone"] == before


def test_check_075_notifications(connection: Any) -> None:
    connection.script("listen wire75")
    connection.script("notify wire75, 'pay'")
    told = connection.wait_for_notification(timeout=20)
    assert told == (connection.backend_pid, "wire75", "pay")
    connection.script("begin; notify wire75, 'later'")
    assert connection.wait_for_notification(timeout=0.05) is None
    connection.script("commit")
    assert connection.wait_for_notification(timeout=20).payload == "later"


def test_check_075_from_another_session(face: Face, server: Any, connection: Any) -> None:
    connection.script("listen other75")
    other = face.connect(server.dsn)
    other.script("notify other75")
    told = connection.wait_for_notification(timeout=20)
    assert told == (other.backend_pid, "other75", "")


# -- the extended protocol -------------------------------------------------------------------


def test_check_077_with_and_without_describe(line: Line) -> None:
    first = Answer()
    line.ask(one(first, b"select 1, 'two'").sync())
    assert first.rows == [(b"1", b"two")]
    second = Answer(first.columns, first.decoder)
    batch = Batch().parse(second, b"", b"select 3, 'four'").bind(second).execute(second)
    line.ask(batch.sync())
    assert second.rows == [(b"3", b"four")]


def test_check_078_empty_text_by_the_extended_protocol(line: Line) -> None:
    answer = Answer()
    line.ask(one(answer, b"").sync())
    assert (answer.outcome, answer.columns) == ("empty", None)


def test_check_079_two_statements_with_parameters(connection: Any) -> None:
    with pytest.raises(ProgrammingError) as failure:
        connection.query("select $1::int; select 2", 1)
    assert failure.value.sqlstate == "42601"
    assert "cannot insert multiple commands into a prepared statement" in str(failure.value)
    assert connection.query("select 1").scalar() == 1


def test_check_080_an_error_aborts_up_to_the_sync(line: Line) -> None:
    answers = [Answer() for _ in range(3)]
    batch = one(answers[0], b"select 1/0")
    for answer in answers[1:]:
        batch.parse(answer, b"", b"select 1").bind(answer).describe_portal(answer).execute(answer)
    line.ask(batch.sync())
    assert [each.outcome for each in answers] == ["error", "aborted", "aborted"]
    line.session.answers.clear()
    line.works()


def test_check_081_row_limit(line: Line) -> None:
    line.script("begin")
    first = Answer()
    batch = Batch().parse(first, b"", b"select generate_series(1, 5)").bind(first, portal=b"p")
    line.ask(batch.describe_portal(first, b"p").execute(first, b"p", 2).sync())
    counts, answer = [len(first.rows)], first
    while answer.suspended:
        answer = Answer(first.columns, first.decoder)
        line.ask(Batch().execute(answer, b"p", 2).sync())
        counts.append(len(answer.rows))
    assert counts == [2, 2, 1]
    assert answer.command_tag == "SELECT 1"
    line.session.answers.clear()
    line.script("rollback")


def test_check_082_close_of_an_unknown_statement(line: Line) -> None:
    answer = Answer()
    line.ask(Batch().close(answer, b"S", b"unknown").sync())
    assert answer.error is None
    assert answer.complete


def test_check_083_65535_parameters(connection: Any) -> None:
    count = 65_535
    sql = "select " + "+".join(f"${n + 1}::int" for n in range(count))
    try:
        assert connection.query(sql, *[1] * count).scalar() == count
    except DatabaseError as failure:
        # stack depth or memory: the server's business, and the protocol is in step
        assert failure.sqlstate[:2] in ("53", "54")  # type: ignore[index]  # noqa: PT017
    with pytest.raises(InterfaceError, match="number of parameters must be between 0 and 65535"):
        connection.query(sql, *[1] * (count + 1))
    assert connection.query("select 1").scalar() == 1


def test_checks_087_and_088_pipelines(line: Line) -> None:
    answers = [Answer() for _ in range(5)]
    texts = [b"select 1", b"select 2", b"select 1/0", b"select 4", b"select 5"]
    batch = Batch()
    for answer, text, end in zip(answers, texts, (False, True, False, True, True)):
        batch.parse(answer, b"", text).bind(answer).describe_portal(answer).execute(answer)
        if end:
            batch.sync()
    line.ask(batch)
    assert [each.outcome for each in answers] == ["rows", "rows", "error", "aborted", "rows"]
    assert answers[4].rows == [(b"5",)]
    line.session.answers.clear()
    line.works()


def test_check_091_a_pipeline_of_40_mb(line: Line) -> None:
    count, size = 400, 100_000
    text = b"select '" + b"x" * size + b"'"
    answers = [Answer() for _ in range(count)]
    batch = Batch()
    for answer in answers:
        batch.parse(answer, b"", text).bind(answer).describe_portal(answer).execute(answer)
    line.ask(batch.sync())
    assert all(answer.rows == [(b"x" * size,)] for answer in answers)
    line.session.answers.clear()
    line.works()


def test_a_deferred_constraint_fails_at_the_sync(face: Face, server: Any) -> None:
    connection = face.connect(server.dsn)
    connection.script(
        "create temp table a (x int primary key);"
        "create temp table b (x int references a deferrable initially deferred)"
    )
    with pytest.raises(DatabaseError) as failure:
        connection.query("insert into b values ($1)", 1)
    assert failure.value.sqlstate == "23503"
    assert connection.query("select count(*) from b").scalar() == 0


# -- COPY ------------------------------------------------------------------------------------


def test_check_092_copy_out(line: Line) -> None:
    for form, expected in (
        ("text", [b"1\ta\n", b"2\tb\n"]),
        (
            "binary",
            [
                b"PGCOPY\n\xff\r\n\0" + b"\0" * 8 + b"\0\2\0\0\0\4\0\0\0\1\0\0\0\1a",
                b"\0\2\0\0\0\4\0\0\0\2\0\0\0\1b",
                b"\xff\xff",
            ],
        ),
    ):
        line.begin(f"copy (values (1, 'a'), (2, 'b')) to stdout (format {form})")
        assert line.run(dialogues.until_answer(line.session)) is None
        copied = b"".join(line.session.copied)
        assert copied == b"".join(expected)
        line.end()


@pytest.mark.parametrize("extended", [False, True])
def test_checks_096_and_103_copy_in(line: Line, extended: bool) -> None:
    line.script("create temp table t96 (a int, b text)")
    begun = line.begin("copy t96 from stdin", extended=extended)
    text = "".join(f"{n}\té\N{SNOWMAN}{n}\n" for n in range(1000)).encode()
    for place in range(0, len(text), 7):
        line.run(dialogues.deliver_copy(text[place : place + 7]))
    line.end(dialogues.end_copy(line.session))
    assert begun.command_tag == "COPY 1000"
    assert line.script("select count(*) from t96 where b = 'é\N{SNOWMAN}' || a")[0].rows == [
        (b"1000",)
    ]


@pytest.mark.parametrize("extended", [False, True])
def test_check_097_copy_fail(line: Line, extended: bool) -> None:
    line.script("create temp table t97 (a int)")
    begun = line.begin("copy t97 from stdin", extended=extended)
    line.run(dialogues.deliver_copy(b"1\n"))
    line.end(dialogues.fail_copy(line.session, "no more"))
    assert begun.error is not None
    assert begun.error.sqlstate == "57014"
    assert str(begun.error) == "COPY from stdin failed: no more"


@pytest.mark.parametrize("extended", [False, True])
def test_check_098_an_error_in_the_middle_of_the_data(line: Line, extended: bool) -> None:
    line.script("create temp table t98 (a int)")
    begun = line.begin("copy t98 from stdin", extended=extended)
    for _ in range(10_000):
        if line.run(dialogues.deliver_copy(b"no number\n" * 100)):
            line.run(dialogues.read(line.session))
        if line.session.state is not legality.COPY_IN:
            break
    line.end()
    assert isinstance(begun.error, DataError)


TRIGGER = """
create temp table {name} (a int);
create or replace function pg_temp.noisy() returns trigger language plpgsql as $$
begin {body} end $$;
create trigger noisy before insert on {name} for each {each} execute function pg_temp.noisy()
"""


@pytest.mark.parametrize("extended", [False, True])
def test_an_error_before_the_first_row(line: Line, extended: bool) -> None:
    """A statement trigger fails before the server reads on: it did not swallow the Sync."""
    body = "raise exception 'not today';"
    line.script(TRIGGER.format(name="t_early", body=body, each="statement"))
    begun = line.begin("copy t_early from stdin", extended=extended)
    if begun.error is None:
        line.run(dialogues.deliver_copy(b"1\n"))
    line.end(dialogues.end_copy(line.session) if line.session.state is legality.COPY_IN else b"")
    assert begun.error is not None
    assert begun.error.sqlstate == "P0001"


def test_check_100_a_notice_for_every_row(line: Line) -> None:
    count = 100_000
    body = "raise notice 'row %', new.a; return new;"
    line.script(TRIGGER.format(name="t100", body=body, each="row"))
    begun = line.begin("copy t100 from stdin")
    heard = 0
    for number in range(0, count, 100):
        data = "".join(f"{n}\n" for n in range(number, number + 100)).encode()
        if line.run(dialogues.deliver_copy(data)):
            line.run(dialogues.peek(line.session, line.session.notices.clear))
            heard += 1
    line.end(dialogues.end_copy(line.session))
    assert begun.command_tag == f"COPY {count}"
    assert heard


def test_check_102_copies_in_one_simple_query(line: Line) -> None:
    line.script("create temp table t102 (a int)")
    data = dialogues.simple_query(
        line.session,
        b"copy (select 1) to stdout; select 2; copy t102 from stdin; copy t102 from stdin",
        raw_row_decoder,
    )
    told: list[Answer] = []
    while (found := line.run(dialogues.until_answer(line.session, data=data))) is not None:
        told.append(found)
        data = b""
        if found.outcome == "copy-in":
            line.run(dialogues.deliver_copy(b"1\n2\n"))
            data = dialogues.end_copy(line.session)
    assert [each.outcome for each in told] == ["copy-out", "rows", "copy-in", "copy-in"]
    assert [each.command_tag for each in told] == ["COPY 1", "SELECT 1", "COPY 2", "COPY 2"]
    line.session.copied.clear()
    line.works()


def test_check_062_copy_as_a_query(connection: Any) -> None:
    connection.script("create temp table t62 (a int)")
    for sql in ("copy t62 from stdin", "copy t62 to stdout"):
        for call in (connection.script, connection.query):
            with pytest.raises(ProgrammingError, match="cannot be run as a query"):
                call(sql)
            assert connection.query("select 1").scalar() == 1


def test_check_104_replication(face: Face, server: Any) -> None:
    try:
        line = Line(face, f"{server.dsn} replication=true")
    except ConnectError as failure:
        pytest.skip(f"no replication here: {failure}")
    system = line.script("IDENTIFY_SYSTEM")[0]
    assert system.columns is not None
    assert [each.name for each in system.columns] == ["systemid", "timeline", "xlogpos", "dbname"]
    position = system.rows[0][2].decode()
    begun = line.begin(f"START_REPLICATION PHYSICAL {position} TIMELINE {int(system.rows[0][1])}")
    assert begun.outcome == "copy-both"
    deadline = time.monotonic() + 20
    while not line.session.copied and time.monotonic() < deadline:
        line.run(dialogues.read(line.session))
    kinds = {data[:1] for data in line.session.copied}
    assert kinds <= {b"k", b"w"}
    reply = b"r" + b"\0" * 32 + b"\0"
    line.run(dialogues.deliver_copy(reply))
    line.run(dialogues.until_idle(line.session, data=dialogues.end_copy(line.session)))
    # "START_STREAMING" of a physical one, "COPY 0" of a logical one
    assert begun.command_tag in ("START_STREAMING", "COPY 0")
    assert [each.command_tag for each in line.session.answers] == ["START_REPLICATION"]
    line.session.answers.clear()
    answer = Answer()
    line.ask(one(answer, b"IDENTIFY_SYSTEM").sync())
    assert answer.error is not None
    assert answer.error.sqlstate == "08P01"


# -- cancel, time, the end -------------------------------------------------------------------


def test_check_171_cancel(face: Face, server: Any) -> None:
    for more in ("", "max_protocol_version=3.2"):
        connection = face.connect(f"{server.dsn} {more}")
        raw = getattr(connection, "connection", connection)

        def cancel(raw: Any = raw) -> None:
            from purelink.pumps.blocking import BlockingPump

            time.sleep(0.2)
            pump = BlockingPump()
            pump.run(raw.talk.cancellation())
            pump.close()

        thread = threading.Thread(target=cancel)
        thread.start()
        with pytest.raises(OperationalError) as failure:
            connection.query("select pg_sleep(30)")
        thread.join()
        assert failure.value.sqlstate == "57014"
        assert connection.query("select 1").scalar() == 1


def test_a_timeout_cancels(connection: Any) -> None:
    with pytest.raises(Timeout) as late:
        connection.query("select pg_sleep(30)", timeout=0.2)
    assert late.value.outcome == "cancelled"
    assert connection.query("select 1").scalar() == 1
    with pytest.raises(Timeout):
        connection.query("select generate_series(1, 100000000)", timeout=0.2)
    assert connection.query("select 1").scalar() == 1


def test_check_095_a_huge_copy_out_is_left(connection: Any) -> None:
    def reader() -> Dialogue[None]:
        session = connection.talk.session
        sql = b"copy (select generate_series(1, 100000000)) to stdout"
        data = dialogues.simple_query(session, sql, raw_row_decoder)
        yield from dialogues.until_answer(session, data=data)
        raise ClientGone("the reader had enough")

    with pytest.raises(ClientGone):
        connection.run(reader())
    assert connection.query("select 1").scalar() == 1


@pytest.mark.parametrize("busy", [False, True])
def test_check_175_terminated(face: Face, server: Any, connection: Any, busy: bool) -> None:
    other = face.connect(server.dsn)
    pid = connection.backend_pid

    def terminate() -> None:
        server.psql(f"select pg_sleep(0.2), pg_terminate_backend({pid})")

    if busy:
        thread = threading.Thread(target=terminate)
        thread.start()
        with pytest.raises(ConnectionLost) as loss:
            connection.query("select pg_sleep(30)")
        thread.join()
    else:
        other.query("select pg_terminate_backend($1)", pid)
        deadline = time.monotonic() + 20
        while connection.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not connection.is_alive()
        with pytest.raises(ConnectionLost) as loss:
            connection.query("select 1")
        assert loss.value.diagnostics is not None
        assert loss.value.diagnostics.sqlstate == "57P01"
    if busy:
        assert loss.value.sqlstate == "57P01"
        assert "terminating connection due to administrator command" in str(loss.value)
    assert connection.closed
    with pytest.raises(ConnectionLost, match=r"^no connection to the server$"):
        connection.query("select 1")


def test_check_176_statement_and_session_timeouts(connection: Any) -> None:
    connection.script("set statement_timeout = '100ms'")
    with pytest.raises(OperationalError) as failure:
        connection.query("select pg_sleep(30)")
    assert failure.value.sqlstate == "57014"
    assert not connection.closed
    connection.script("set statement_timeout = 0; set idle_session_timeout = '100ms'")
    deadline = time.monotonic() + 20
    while connection.is_alive() and time.monotonic() < deadline:
        time.sleep(0.02)
    with pytest.raises(ConnectionLost) as loss:
        connection.query("select 1")
    assert loss.value.diagnostics is not None
    assert loss.value.diagnostics.sqlstate == "57P05"


def test_wrong_password_and_unknown_database(face: Face, own_server: Server) -> None:
    place = f"host={own_server.host} port={own_server.port} dbname=postgres"
    for dsn, state in (
        (f"{place} user=u_scram password=hunter2", "28P01"),
        (f"{place} user=u_md5 password=hunter2", "28P01"),
        (f"{place} user=u_clear password=hunter2", "28P01"),
        (f"{own_server.dsn} dbname=nowhere", "3D000"),
    ):
        with pytest.raises(ConnectError) as failure:
            face.connect(dsn)
        assert failure.value.sqlstate == state
        assert "hunter2" not in str(failure.value) + repr(failure.value)
    for user in ("u_scram", "u_md5", "u_clear"):
        assert face.connect(f"{place} user={user} password=pw").password_used
