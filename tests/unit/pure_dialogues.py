"""Every dialogue told from lists of bytes, for `test_purity`: no test imports, no world.

`DIALOGUES` maps a name to a function that takes `bytewise` and raises if it went wrong.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, TypeVar

from purelink import conninfo
from purelink.conversation.connect import Connected, Plan, connect
from purelink.conversation.talk import Talk
from purelink.errors import (
    ConnectError,
    ConnectionLost,
    DataError,
    ProgrammingError,
)
from purelink.testing.bytes import (
    AUTH_OK,
    EMPTY,
    ERROR,
    FATAL,
    HELLO,
    KEY,
    NOTICE,
    NOTIFICATION,
    READY,
    READY_IN_TRANSACTION,
    STATUS,
    complete,
    error,
    extended,
    result,
    row,
    rows,
)
from purelink.testing.transcript import Transcript
from purelink.values.rows import raw_row_decoder, text_row_decoder
from purelink.wire import backend, codes, dialogues, frontend
from purelink.wire.cancel import cancel
from purelink.wire.dialogues import Batch
from purelink.wire.session import Answer, Session
from purelink.wire.startup import Refused, startup
from purelink.wire.wants import Address, Secured

E = TypeVar("E", bound=BaseException)

NONCE = b"clientnonceclientn"
SERVER_FIRST = b"r=Y2xpZW50bm9uY2VjbGllbnRuSRV,s=MDEyMzQ1Njc4OWFiY2RlZg==,i=4096"
PLAIN_PROOF = b"c=biws,r=Y2xpZW50bm9uY2VjbGllbnRuSRV,p=ahnuXsieSrJigTzAwnJUM+tYWNYesLeg4O6b6GX71Wk="
PLAIN_FINAL = b"v=HJ4Hquq6T54KgWODL/epyKPXUgMIG9aYKLUpfje2v6I="
TLS_FINAL = b"v=CUw0m+Rtc53JUjN4kFF/1/9BXgP/B0W6ix91qq94S7c="
SECURED = Secured(b"certificate", "postgresql", "TLSv1.3", "TLS_AES_256_GCM_SHA384")
COPY_IN = backend.CopyInResponse(0, (0,)).encode()
COPY_OUT = backend.CopyOutResponse(0, (0,)).encode()
COPIED = backend.CopyData(b"1\n").encode()
COPY_DONE = b"c\0\0\0\x04"
PREPARED = b"1\0\0\0\x042\0\0\0\x04n\0\0\0\x04"


def raised(kind: type[E], function: Callable[..., object], *args: Any, **keywords: Any) -> E:
    try:
        function(*args, **keywords)
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


def ask(code: int, data: bytes = b"") -> bytes:
    return backend.Authentication(code, data).encode()


SCRAM = [
    ask(codes.AUTH_SASL, b"SCRAM-SHA-256\0\0"),
    ask(codes.AUTH_SASL_CONTINUE, SERVER_FIRST),
    ask(codes.AUTH_SASL_FINAL, PLAIN_FINAL) + HELLO,
]


def plan(dsn: str, **options: Any) -> Plan:
    around = conninfo.Surroundings({}, user="me", tls=True)
    settings = conninfo.resolve(f"user=u dbname=d {dsn}", None, surroundings=around)
    return Plan(settings, entropy=lambda _size: NONCE, **options)


def connected(
    dsn: str, *channels: list[Any], bytewise: bool, **options: Any
) -> tuple[Connected, Transcript]:
    world = {key: options.pop(key) for key in ("secured", "addresses") if key in options}
    transcript = Transcript(*channels, bytewise=bytewise, **world)
    reached = transcript.run(connect(plan(dsn, **options)))
    assert reached.session.idle
    return reached, transcript


def talk(bytewise: bool, *pieces: bytes, autocommit: bool = True) -> tuple[Talk, Transcript]:
    transcript = Transcript([HELLO, *pieces], bytewise=bytewise)
    reached = transcript.run(connect(plan("host=h sslmode=disable")))
    transcript.written[0].clear()
    return Talk(reached, autocommit=autocommit), transcript


# -- connecting ------------------------------------------------------------------------------


def trust(bytewise: bool) -> None:
    reached, transcript = connected("host=h sslmode=disable", [HELLO], bytewise=bytewise)
    assert not reached.password_used
    assert transcript.written[0].startswith(b"\0\0\0")
    assert reached.session.pid == 1234


def cleartext(bytewise: bool) -> None:
    pieces = [ask(codes.AUTH_CLEARTEXT), HELLO]
    dsn = "host=h sslmode=disable password=secret"
    reached, transcript = connected(dsn, pieces, bytewise=bytewise)
    assert reached.password_used
    assert transcript.written[0].endswith(b"p\0\0\0\x0bsecret\0")


def md5(bytewise: bool) -> None:
    pieces = [ask(codes.AUTH_MD5, b"\1\2\3\4"), HELLO]
    dsn = "host=h sslmode=disable password=secret"
    _, transcript = connected(dsn, pieces, bytewise=bytewise)
    assert transcript.written[0].endswith(b"md5dffd2564502f75393b3854e1532b9fa6\0")


def scram(bytewise: bool) -> None:
    dsn = "host=h sslmode=disable password=secret"
    reached, transcript = connected(dsn, SCRAM, bytewise=bytewise)
    assert reached.password_used
    assert transcript.written[0].endswith(PLAIN_PROOF)


def scram_over_tls(bytewise: bool) -> None:
    pieces = [b"S", *SCRAM[:2], ask(codes.AUTH_SASL_FINAL, TLS_FINAL) + HELLO]
    reached, transcript = connected(
        "host=h sslmode=require password=secret",
        pieces,
        bytewise=bytewise,
        secured=SECURED,
        tls_settings=lambda target: target,
        end_point_hash=lambda certificate: certificate,
    )
    assert reached.secured == SECURED
    assert b"c=eSws" in transcript.written[0]


def a_password_provider(bytewise: bool) -> None:
    asked: list[Any] = []

    def provide(target: conninfo.Target, user: str) -> str:
        asked.append((target.host, user))
        return "secret"

    connected("host=h sslmode=disable", SCRAM, bytewise=bytewise, password=provide)
    assert asked == [("h", "u")]


def a_refused_password(bytewise: bool) -> None:
    refused = error("password authentication failed", "28P01", "FATAL")
    pieces = [ask(codes.AUTH_CLEARTEXT), refused]
    dsn = "host=h sslmode=disable password=secret"
    failure = raised(ConnectError, connected, dsn, pieces, bytewise=bytewise)
    assert failure.sqlstate == "28P01"
    assert "secret" not in str(failure)


def without_a_question(bytewise: bool) -> None:
    session = Session()

    class Exam:
        complete = False

        def answer(self, body: bytes, /) -> Any:
            self.complete = body == b"\0\0\0\0"
            yield from ()
            return b""

    message = frontend.StartupMessage(codes.PROTOCOL_3_2, [(b"user", b"u")])
    negotiated = backend.NegotiateProtocolVersion(codes.PROTOCOL_3_0).encode()
    transcript = Transcript([negotiated, AUTH_OK + NOTICE + KEY, READY], bytewise=bytewise)
    transcript.run(startup(session, message, Exam()))
    assert session.protocol == codes.PROTOCOL_3_0
    transcript = Transcript([AUTH_OK, FATAL], bytewise=bytewise)
    assert raised(Refused, transcript.run, startup(Session(), message, Exam())).authenticated


def two_hosts(bytewise: bool) -> None:
    """The first has two addresses: one refuses, one starts up; the second is a standby."""
    reached, transcript = connected(
        "host=one,two,three port=1,2,3 target_session_attrs=primary sslmode=prefer",
        [ConnectionRefusedError(111, "Connection refused")],
        [b"N", error("the database system is starting up", "57P03", "FATAL")],
        [b"N", HELLO[:-6], STATUS + READY, rows() + row(b"t") + complete("SELECT 1"), READY],
        [b"N", HELLO, rows() + row(b"f") + complete("SELECT 1") + READY],
        bytewise=bytewise,
        addresses={"one": ["192.0.2.1", "192.0.2.2"]},
        tls_settings=lambda target: target,
    )
    assert reached.target.host == "three"
    assert [where for where, _ in reached.attempts] == ["one:1", "one:1", "two:2"]
    assert reached.attempts[2][1].endswith("server is in hot standby mode")
    assert transcript.written[2].endswith(b"X\0\0\0\x04")


def a_fallback_to_plaintext(bytewise: bool) -> None:
    reached, transcript = connected(
        "host=h sslmode=prefer",
        [b"S"],
        [HELLO],
        bytewise=bytewise,
        tls_settings=lambda target: target,
    )
    assert reached.secured is None
    assert transcript.wants.count("Open") == 2


def no_host_at_all(bytewise: bool) -> None:
    failure = raised(
        ConnectError,
        connected,
        "host=one,two sslmode=disable",
        [ConnectionRefusedError(111, "Connection refused")],
        bytewise=bytewise,
        addresses={"two": OSError(-2, "Name or service not known")},
    )
    assert len(failure.attempts) == 2


# -- talking ---------------------------------------------------------------------------------


def simple_query(bytewise: bool) -> None:
    said = result(b"x") + NOTICE + EMPTY + complete("INSERT 0 1")
    conversation, transcript = talk(bytewise, said + READY)
    found = transcript.run(conversation.script("select; ; insert"))
    assert [each.command_tag for each in found] == ["SELECT 1", None, "INSERT 0 1"]


def extended_query(bytewise: bool) -> None:
    conversation, transcript = talk(bytewise, extended(b"x") + READY)
    found = transcript.run(conversation.query("select $1", ["x"]))
    assert list(found) == [("x",)]


def a_transaction(bytewise: bool) -> None:
    begun = b"1\0\0\0\x042\0\0\0\x04" + complete("BEGIN")
    pieces = [begun + extended(b"x") + READY_IN_TRANSACTION, complete("COMMIT") + READY]
    conversation, transcript = talk(bytewise, *pieces, autocommit=False)
    transcript.run(conversation.query("select 'x'"))
    transcript.run(conversation.commit())
    transcript.run(conversation.rollback())
    assert conversation.session.transaction_status == "I"


def notices_in_the_middle(bytewise: bool) -> None:
    side = NOTICE + STATUS + NOTIFICATION
    said = side.join([rows(), row(b"x"), row(b"y"), complete("SELECT 2"), READY])
    conversation, transcript = talk(bytewise, said)
    heard: list[Any] = []
    conversation.notice_handlers.append(heard.append)
    assert len(transcript.run(conversation.script("select"))[0]) == 2
    assert len(heard) == len(conversation.notifications) == 4


def an_error(bytewise: bool) -> None:
    conversation, transcript = talk(bytewise, PREPARED + ERROR + READY, ERROR + READY)
    for dialogue in (conversation.query("select 1/0"), conversation.script("select 1/0")):
        assert raised(DataError, transcript.run, dialogue).sqlstate == "22012"
    assert conversation.session.idle


def the_end_in_the_middle(bytewise: bool) -> None:
    conversation, transcript = talk(bytewise, rows() + row(b"x") + FATAL)
    failure = raised(ConnectionLost, transcript.run, conversation.script("select"))
    assert failure.sqlstate == "57P01"


def a_pipeline(bytewise: bool) -> None:
    session, transcript = idle([extended(b"x") + READY, PREPARED + ERROR + READY], bytewise)
    answers = [Answer() for _ in range(3)]
    batch = Batch()
    for answer, end in zip(answers, (True, False, True)):
        batch.parse(answer, b"", b"select").bind(answer).describe_portal(answer).execute(answer)
        if end:
            batch.sync()
    data = dialogues.ask(session, batch, raw_row_decoder)
    transcript.run(dialogues.until_idle(session, data=data))
    assert [answer.outcome for answer in answers] == ["rows", "error", "aborted"]


def idle(pieces: list[bytes], bytewise: bool) -> tuple[Session, Transcript]:
    transcript = Transcript([HELLO, *pieces], bytewise=bytewise)
    session = transcript.run(connect(plan("host=h sslmode=disable"))).session
    transcript.written[0].clear()
    return session, transcript


def a_function_call(bytewise: bool) -> None:
    value = backend.FunctionCallResponse(b"abc").encode()
    session, transcript = idle([value + READY], bytewise)
    data = dialogues.function_call(session, 1598, ())
    answer = transcript.run(dialogues.until_answer(session, data=data))
    assert answer is not None
    assert answer.value == b"abc"


def rows_as_they_come(bytewise: bool) -> None:
    pieces = [rows() + row(b"x"), row(b"y"), complete("SELECT 2") + READY]
    session, transcript = idle(pieces, bytewise)
    taken: list[Any] = []
    data = dialogues.simple_query(session, b"select", text_row_decoder)
    while True:
        answer = transcript.run(dialogues.until_rows(session, data=data))
        data = b""
        if answer is None:
            break
        taken += answer.rows
        answer.rows = []
        if answer.complete:
            session.answers.popleft()
    assert taken == [("x",), ("y",)]


def copy_out(bytewise: bool) -> None:
    pieces = [COPY_OUT + COPIED, NOTICE + COPIED + COPY_DONE, complete("COPY 2") + READY]
    session, transcript = idle(pieces, bytewise)
    data = dialogues.simple_query(session, b"copy", raw_row_decoder)
    assert transcript.run(dialogues.until_answer(session, data=data))
    assert transcript.run(dialogues.until_answer(session)) is None
    assert session.copied == [b"1\n", b"1\n"]


def copy_in(extended_protocol: bool, failing: bool, bytewise: bool) -> None:
    head = PREPARED + COPY_IN if extended_protocol else COPY_IN
    tail = ERROR + READY if failing else complete("COPY 1") + READY
    if failing and extended_protocol:
        tail += b"3\0\0\0\x04" + READY
    session, transcript = idle([head, tail[: len(ERROR)], tail[len(ERROR) :]], bytewise)
    answer = Answer()
    if extended_protocol:
        batch = Batch().parse(answer, b"", b"copy").bind(answer).describe_portal(answer)
        data = dialogues.ask(session, batch.execute(answer).sync(), raw_row_decoder)
    else:
        data = dialogues.simple_query(session, b"copy", raw_row_decoder)
    begun = transcript.run(dialogues.until_answer(session, data=data))
    assert begun is not None
    assert begun.outcome == "copy-in"
    transcript.run(dialogues.deliver_copy(b"1\n"))
    end = dialogues.fail_copy(session, "no") if failing else dialogues.end_copy(session)
    transcript.run(dialogues.until_idle(session, data=end))
    assert begun.outcome == ("error" if failing else "copy-in")


def copy_as_a_query(bytewise: bool) -> None:
    conversation, transcript = talk(bytewise, COPY_IN, ERROR + READY)
    raised(ProgrammingError, transcript.run, conversation.script("copy"))
    assert conversation.session.idle


# -- the side and the end --------------------------------------------------------------------


def a_cancel_request(bytewise: bool) -> None:
    address = Address("tcp", "192.0.2.1", 5432)
    for options in ({}, {"tls": "settings"}, {"tls": "settings", "direct": True}):
        said = [b"S"] if options == {"tls": "settings"} else []
        transcript = Transcript(said, bytewise=bytewise, secured=SECURED)
        transcript.run(cancel(address, 1234, b"wxyz", **options))
        assert transcript.written[0].endswith(b"wxyz")
    transcript = Transcript([ERROR], bytewise=bytewise)
    raised(DataError, transcript.run, cancel(address, 1234, b"wxyz"))


def recovery(bytewise: bool) -> None:
    said = [rows() + row(b"x"), error("canceling statement", "57014") + READY]
    transcript = Transcript([HELLO, *said], [], bytewise=bytewise)
    reached = transcript.run(connect(plan("host=h sslmode=disable")))
    conversation = Talk(reached, autocommit=True)
    data = dialogues.simple_query(conversation.session, b"select", raw_row_decoder)
    transcript.run(dialogues.read(conversation.session, data=data))
    assert not conversation.session.idle
    # Left here. The cancel request has a channel of its own; then the rest of the answer is read.
    assert transcript.run(conversation.recover()) is True
    assert conversation.session.idle
    assert transcript.written[1][4:8] == b"\x04\xd2\x16\x2e"


def looking_and_leaving(bytewise: bool) -> None:
    conversation, transcript = talk(bytewise, NOTIFICATION)
    transcript.run(conversation.look())
    assert transcript.run(conversation.wait()) or bytewise
    while not conversation.notifications:
        transcript.run(conversation.wait())
    transcript.run(conversation.close())
    assert transcript.written[0] == b"X\0\0\0\x04"
    assert transcript.closed == 1


DIALOGUES: dict[str, Callable[[bool], None]] = {
    each.__name__: each
    for each in (
        trust,
        cleartext,
        md5,
        scram,
        scram_over_tls,
        a_password_provider,
        a_refused_password,
        without_a_question,
        two_hosts,
        a_fallback_to_plaintext,
        no_host_at_all,
        simple_query,
        extended_query,
        a_transaction,
        notices_in_the_middle,
        an_error,
        the_end_in_the_middle,
        a_pipeline,
        a_function_call,
        rows_as_they_come,
        copy_out,
        copy_as_a_query,
        a_cancel_request,
        recovery,
        looking_and_leaving,
    )
}
for _extended in (False, True):
    for _failing in (False, True):
        _name = f"copy_in extended={_extended} failing={_failing}"
        DIALOGUES[_name] = partial(copy_in, _extended, _failing)
