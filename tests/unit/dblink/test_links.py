"""`dblink.links` by itself: conversations driven by hand, over links that are no connections.

What needs a server's answers is in `tests/conformance/test_dblink_checks_*.py`, next to the real
extension, and in `tests/real/test_dblink_interrupted.py`.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Callable

import pytest

from purelink.dblink.catalog import Catalog
from purelink.dblink.links import Links
from purelink.dblink.lookups import Filled
from purelink.dblink.opening import Opening
from purelink.errors import (
    AuthenticationError,
    ConnectionLost,
    ConninfoError,
    Diagnostics,
    Error,
    LinkError,
    OperationalError,
    server_error,
)
from purelink.wire.wants import Call, Dialogue


class FakeLink:
    """Counts what is done to it; `run` does what it was told."""

    def __init__(self, encoding: str = "UTF8", run: Callable[[], Any] = lambda: None) -> None:
        session = SimpleNamespace(
            parameters={"client_encoding": encoding}, idle=True, closed=False, answers=[]
        )
        self.said: list[str] = []
        self.talk: Any = SimpleNamespace(
            session=session, notice_handlers=[], command=self.said.append
        )
        self.closed = 0
        self.password_used = False
        self._run = run

    def run(self, dialogue: Any, /) -> Any:
        return self._run()

    def cancel(self) -> None:
        """Nothing runs."""

    def close(self) -> None:
        self.closed += 1


def drive(dialogue: Dialogue[Any]) -> Any:
    """Grant the one want there is."""
    try:
        want = next(dialogue)
        while True:
            assert isinstance(want, Call)
            try:
                given = want.function(*want.args)
            except BaseException as error:
                want = dialogue.throw(error)
            else:
                want = dialogue.send(given)
    except StopIteration as stop:
        return stop.value


def links(opener: Callable[[Any], Any], *, superuser: bool = True) -> Links:
    def planner(text: str, *, lend: bool, inline: bool) -> Any:
        return SimpleNamespace(text=text, lend=lend, inline=inline)

    opening = Opening(
        opener=opener,
        planner=planner,
        lookups=Filled(Catalog()),
        user="me",
        superuser=superuser,
        version=None,
        allow_files=False,
    )
    return Links(opening, version=None, tell=lambda notice: None)


def test_utf8_is_not_asked_for_twice() -> None:
    utf8, latin = FakeLink(), FakeLink("LATIN1")
    found = iter((utf8, latin))
    here = links(lambda plan: next(found))
    assert drive(here.connect("a", "x=1")) == "OK"
    assert drive(here.connect("b", "x=1")) == "OK"
    assert utf8.said == []
    assert latin.said == ["SET client_encoding TO 'UTF8'"]


@pytest.mark.parametrize(
    "error",
    [server_error(Diagnostics({"C": "22023", "M": "no such encoding"})), ConnectionLost("gone")],
)
def test_a_server_that_will_not_change_its_encoding(error: Error) -> None:
    """As dblink: the link is taken as it is."""

    def refuse() -> None:
        raise error

    link = FakeLink("LATIN1", refuse)
    here = links(lambda plan: link)
    assert drive(here.connect("a", "x=1")) == "OK"
    assert link.closed == 0


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_interrupted_while_the_encoding_is_set(stop: type[BaseException]) -> None:
    def interrupt() -> None:
        raise stop

    link = FakeLink("LATIN1", interrupt)
    here = links(lambda plan: link)
    with pytest.raises(stop):
        drive(here.connect("a", "x=1"))
    assert link.closed == 1
    assert here.ledger.names() is None


@pytest.mark.parametrize(
    "error",
    [
        ConninfoError('invalid connection option "x"'),
        AuthenticationError("no password supplied"),
        OperationalError("out of sockets"),
    ],
)
def test_a_failed_connect_leaves_nothing(error: Error) -> None:
    def fail(plan: Any) -> None:
        raise error

    here = links(fail)
    with pytest.raises(Error) as caught:
        drive(here.connect("a", "x=1"))
    assert here.ledger.names() is None
    if isinstance(error, OperationalError) and type(error) is OperationalError:
        assert caught.value is error
    else:
        assert isinstance(caught.value, LinkError)
        assert caught.value.sqlstate == "08001"
        assert caught.value.__cause__ is None


def test_a_name_taken_meanwhile_closes_the_new_link() -> None:
    """Two tasks connect under one name: the second's check was before the first's end."""
    first, second = FakeLink(), FakeLink()
    here = links(lambda plan: None)

    def open_(plan: Any) -> FakeLink:
        here.ledger.fill("a", first)
        return second

    here.opening.opener = open_
    with pytest.raises(LinkError, match="duplicate connection name"):
        drive(here.connect("a", "x=1"))
    assert (first.closed, second.closed) == (0, 1)
    slot = here.ledger.peek("a")
    assert slot is not None
    assert slot.link is first


def test_the_unnamed_one_is_closed_after_the_new_one_is_in_its_place() -> None:
    first, second = FakeLink(), FakeLink()
    found = iter((first, second))
    here = links(lambda plan: next(found))
    drive(here.connect(None, "x=1"))
    drive(here.connect(None, "x=1"))
    assert (first.closed, second.closed) == (1, 0)
    drive(here.close())
    assert second.closed == 1


def test_check_b_closes_the_link() -> None:
    link = FakeLink()
    here = links(lambda plan: link, superuser=False)
    with pytest.raises(LinkError, match="password is required"):
        drive(here.connect("a", "password=x"))
    assert link.closed == 1
    link.password_used = True
    assert drive(here.connect("a", "password=x")) == "OK"


def test_cancel_tells_the_error() -> None:
    link = FakeLink()
    here = links(lambda plan: link)
    drive(here.connect("a", "x=1"))
    assert drive(here.cancel_query("a")) == "OK"

    def fail() -> None:
        raise OperationalError("the cancel request was not taken within 30 s")

    link.cancel = fail  # type: ignore[method-assign]
    assert drive(here.cancel_query("a")) == "the cancel request was not taken within 30 s"
    link.talk.session.closed = True
    assert drive(here.cancel_query("a")) == "connection not open"
    here.version = 16
    assert drive(here.cancel_query("a")) == "PQcancel() -- no cancel object supplied"
