"""What holds for all bytes: decode undoes encode, cutting changes nothing, no state is left odd."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purelink.errors import Error, InterfaceError, RemoteProtocolError
from purelink.testing.bytes import HELLO, NOTICE, NOTIFICATION, READY, STATUS, complete
from purelink.testing.transcript import Transcript
from purelink.values.rows import raw_row_decoder
from purelink.wire import backend, codes, frontend, legality
from purelink.wire.auth import Authentication
from purelink.wire.message import Message
from purelink.wire.session import Answer, Session
from purelink.wire.startup import Refused, startup

text = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=20)
string = text.map(str.encode)
short = st.binary(max_size=20)
int16 = st.integers(-(2**15), 2**15 - 1)
int32 = st.integers(-(2**31), 2**31 - 1)
oid = st.integers(0, 2**32 - 1)
form = st.integers(0, 1)
value = st.one_of(st.none(), short)


def tuples(of: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, max_size=5).map(tuple)


columns = st.builds(
    backend.Column,
    text,
    oid,
    type_modifier=int32,
    type_size=int16,
    table_oid=oid,
    table_column=int16,
    format=form,
)
letters = st.integers(1, 127).map(chr)
fields = st.dictionaries(letters, text, max_size=5)
copies = st.tuples(form, st.integers(0, 5)).map(lambda pair: (pair[0], (pair[0],) * pair[1]))

BACKEND: dict[type[Message], st.SearchStrategy[tuple[Any, ...]]] = {
    backend.Authentication: st.tuples(oid, short),
    backend.BackendKeyData: st.tuples(int32, short),
    backend.ParameterStatus: st.tuples(string, string),
    backend.ReadyForQuery: st.tuples(st.sampled_from([b"I", b"T", b"E"])),
    backend.NegotiateProtocolVersion: st.tuples(oid, tuples(string)),
    backend.RowDescription: st.tuples(tuples(columns)),
    backend.DataRow: st.tuples(tuples(value)),
    backend.CommandComplete: st.tuples(string),
    backend.ParameterDescription: st.tuples(tuples(oid)),
    backend.CopyInResponse: copies,
    backend.CopyOutResponse: copies,
    backend.CopyBothResponse: copies,
    backend.CopyData: st.tuples(short),
    backend.NotificationResponse: st.tuples(int32, string, string),
    backend.FunctionCallResponse: st.tuples(value),
    backend.ErrorResponse: st.tuples(fields),
    backend.NoticeResponse: st.tuples(fields),
}
FRONTEND: dict[type[Message], st.SearchStrategy[tuple[Any, ...]]] = {
    frontend.Password: st.tuples(short),
    frontend.Query: st.tuples(string),
    frontend.Parse: st.tuples(string, string, tuples(oid)),
    frontend.Bind: st.tuples(string, string, tuples(int16), tuples(value), tuples(int16)),
    frontend.Describe: st.tuples(st.sampled_from([b"S", b"P"]), string),
    frontend.Close: st.tuples(st.sampled_from([b"S", b"P"]), string),
    frontend.Execute: st.tuples(string, int32),
    frontend.FunctionCall: st.tuples(oid, tuples(int16), tuples(value), int16),
    frontend.CopyData: st.tuples(short),
    frontend.CopyFail: st.tuples(string),
}
INITIAL: dict[type[Message], st.SearchStrategy[tuple[Any, ...]]] = {
    frontend.StartupMessage: st.tuples(
        st.integers(0x30000, 0x3FFFF), tuples(st.tuples(string.filter(bool), string))
    ),
    frontend.SSLRequest: st.tuples(),
    frontend.GSSENCRequest: st.tuples(),
    frontend.CancelRequest: st.tuples(int32, short),
}


def built(kinds: Any, known: dict[type[Message], Any]) -> st.SearchStrategy[Message]:
    return st.one_of(
        [known.get(kind, st.tuples()).map(lambda args, kind=kind: kind(*args)) for kind in kinds]
    )


backend_messages = built(backend.MESSAGES.values(), BACKEND)
frontend_messages = built(frontend.MESSAGES.values(), FRONTEND)
initial_messages = built(INITIAL, INITIAL)


@given(backend_messages)
def test_decode_undoes_encode_for_a_backend(message: Message) -> None:
    data = message.encode()
    assert backend.decode(data[0], data[5:]) == message


@given(frontend_messages)
def test_decode_undoes_encode_for_a_frontend(message: Message) -> None:
    data = message.encode()
    assert frontend.decode(data[0], data[5:]) == message


@given(initial_messages)
def test_decode_undoes_encode_for_the_start(message: Message) -> None:
    assert frontend.decode_initial(message.encode()[4:]) == message


@given(st.integers(0, 255), st.binary(max_size=60))
def test_any_body_is_a_message_or_refused(tag: int, body: bytes) -> None:
    for decode in (backend.decode, frontend.decode):
        try:
            message = decode(tag, body)
        except RemoteProtocolError:
            continue
        repr(message)
        hash(message)
    try:
        frontend.decode_initial(body)
    except RemoteProtocolError:
        pass


# -- any cutting gives the same --------------------------------------------------------------

SIDE = st.sampled_from([b"", NOTICE, STATUS, NOTIFICATION])


@st.composite
def conversations(draw: st.DrawFn) -> bytes:
    """Return the answers to one simple query: results, commands, a COPY, perhaps an error."""
    pieces: list[bytes] = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.integers(0, 3))
        if kind == 0:
            width = draw(st.integers(0, 3))
            names = [backend.Column("a", 25)] * width
            pieces.append(backend.RowDescription(names).encode())
            for _ in range(draw(st.integers(0, 4))):
                row = draw(st.tuples(*[value] * width))
                pieces += (draw(SIDE), backend.DataRow(row).encode())
            pieces.append(complete("SELECT"))
        elif kind == 1:
            pieces.append(complete("INSERT 0 1"))
        elif kind == 2:
            pieces.append(backend.CopyOutResponse(0, (0,)).encode())
            pieces += [backend.CopyData(data).encode() for data in draw(tuples(short))]
            pieces += (b"c\0\0\0\x04", complete("COPY"))
        else:
            pieces.append(backend.EmptyQueryResponse().encode())
        pieces.append(draw(SIDE))
    if draw(st.booleans()):
        pieces.append(backend.ErrorResponse({"M": "no", "C": "22012"}).encode())
    return b"".join(pieces) + READY


def heard(pieces: list[bytes]) -> Any:
    session = Session()
    session.state = legality.IDLE
    session.ask_simple(raw_row_decoder)
    for piece in pieces:
        session.receive(piece)
    assert session.idle
    answers = [
        (each.outcome, each.rows, each.columns, each.command_tag, repr(each.error))
        for each in session.answers
    ]
    return answers, session.copied, list(session.notices), list(session.notifications)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % len(data) for place in places} - {0})
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)])]


@given(conversations(), st.lists(st.integers(0, 10_000), max_size=20))
def test_any_cutting_of_the_stream_gives_the_same(data: bytes, places: list[int]) -> None:
    assert heard(cut(data, places)) == heard([data])


# -- state x message -------------------------------------------------------------------------

STATES = sorted({*legality.HEARD} - {legality.STARTUP, legality.NEGOTIATED, legality.AUTH})
WELL_FORMED = {
    kind.tag[0]: kind(*args).encode()
    for kind, args in (
        (backend.Authentication, (3,)),
        (backend.BackendKeyData, (1, b"1234")),
        (backend.ParameterStatus, (b"a", b"b")),
        (backend.ReadyForQuery, (b"I",)),
        (backend.NegotiateProtocolVersion, (0x30000,)),
        (backend.RowDescription, ([backend.Column("a", 25)],)),
        (backend.DataRow, ([b"x"],)),
        (backend.CommandComplete, (b"SELECT 1",)),
        (backend.ParameterDescription, ([25],)),
        (backend.CopyInResponse, (0, (0,))),
        (backend.CopyOutResponse, (0, (0,))),
        (backend.CopyBothResponse, (0, (0,))),
        (backend.CopyData, (b"x",)),
        (backend.NotificationResponse, (1, b"c", b"p")),
        (backend.FunctionCallResponse, (None,)),
        (backend.ErrorResponse, ({"M": "no", "C": "22012"},)),
        (backend.NoticeResponse, ({"M": "look"},)),
    )
}
for _kind in backend.MESSAGES.values():
    WELL_FORMED.setdefault(_kind.tag[0], backend.message(_kind.tag, b""))
#: states in which no extended batch is under way
SIMPLE = {
    legality.SIMPLE,
    legality.SIMPLE_ROWS,
    legality.SIMPLE_MORE,
    legality.SIMPLE_FAILED,
    legality.IDLE,
    legality.CLOSED,
    legality.AUTHENTICATED,
    legality.KEYED,
}


def in_state(state: str, *, simple_copy: bool = False) -> Session:
    session = Session()
    session.state = state
    session._decoder_for = raw_row_decoder
    session.replication = True
    if state not in SIMPLE and not simple_copy:
        answer = Answer((backend.Column("a", 25),), raw_row_decoder([backend.Column("a", 25)]))
        answer.limited = True
        session._answer = answer
        session.answers.append(answer)
        if state not in (legality.SYNC, legality.FUNCTION, legality.FUNCTION_DONE):
            session._queue.append((legality.SYNC, None))
    if state in (legality.EXECUTE, legality.EXECUTE_ROWS):
        session._decoder = raw_row_decoder([backend.Column("a", 25)])
    if simple_copy:
        session._after_copy = legality.SIMPLE_MORE
    return session


@pytest.mark.parametrize("state", STATES)
def test_state_times_message(state: str) -> None:
    """Every message in every state leads to a state of the table, or ends the session."""
    for tag in range(256):
        meet(state, tag)


def asynchronous(state: str) -> frozenset[int]:
    if state is legality.CLOSED:
        return frozenset()
    if state in (legality.AUTHENTICATED, legality.KEYED):
        return codes.ASYNCHRONOUS - {codes.NOTIFICATION_RESPONSE}
    return codes.ASYNCHRONOUS


def meet(state: str, tag: int) -> None:
    data = WELL_FORMED.get(tag, bytes([tag]) + b"\0\0\0\x04")
    copying = state.startswith("copy")
    for session in (in_state(state), in_state(state, simple_copy=copying)):
        legal = tag in legality.HEARD[state] or tag in asynchronous(state)
        try:
            session.receive(data)
        except RemoteProtocolError:
            assert not legal or state == legality.SIMPLE_ROWS  # its rows need their decoder
            assert session.closed
        else:
            assert session.state in legality.HEARD
            assert legal or (tag == codes.ERROR_RESPONSE and state == legality.IDLE)


@given(
    st.sampled_from(STATES), st.integers(0, 255), st.binary(max_size=40), st.integers(-10, 2**31)
)
@settings(max_examples=500)
def test_hostile_messages(state: str, tag: int, body: bytes, length: int) -> None:
    """Any body, any length word: a legal state, or RemoteProtocolError."""
    honest = backend.message(bytes([tag]), body)
    lying = bytes([tag]) + (length % 2**32).to_bytes(4, "big") + body
    for data in (honest, lying):
        for session in (in_state(state), in_state(state, simple_copy=state.startswith("copy"))):
            try:
                session.receive(data)
            except RemoteProtocolError:
                assert session.closed
            else:
                assert session.state in legality.HEARD


@given(st.lists(st.one_of(st.binary(min_size=1, max_size=30), backend_messages), max_size=6))
@settings(max_examples=300)
def test_hostile_startup(pieces: list[Any]) -> None:
    """Whatever a server says first: connected, refused, or an error of ours."""
    said = [piece.encode() if isinstance(piece, Message) else piece for piece in pieces]
    session = Session()
    exam = Authentication(user=b"u", password=b"pw", nonce=b"n" * 18, max_iterations=5000)
    message = frontend.StartupMessage(codes.PROTOCOL_3_2, [(b"user", b"u")])
    try:
        Transcript(said).run(startup(session, message, exam))
    except (Refused, Error):
        pass
    else:
        assert session.idle


@given(st.lists(st.integers(0, 10_000), max_size=10))
def test_any_cutting_of_the_start(places: list[int]) -> None:
    session = Session()
    exam = Authentication(user=b"u", password=None, nonce=b"")
    message = frontend.StartupMessage(codes.PROTOCOL_3_0, [(b"user", b"u")])
    Transcript(cut(HELLO[:9] + NOTICE + HELLO[9:], places)).run(startup(session, message, exam))
    assert session.idle


@given(st.binary(max_size=30))
def test_nothing_with_a_nul_goes_out(data: bytes) -> None:
    if 0 in data:
        with pytest.raises(InterfaceError):
            frontend.Query(data).encode()
    else:
        assert frontend.Query(data).encode().endswith(data + b"\0")
