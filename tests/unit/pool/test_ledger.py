"""The books of a pool, call by call."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from purelink.errors import InterfaceError, PoolClosed, TooManyRequests
from purelink.pool.entries import SLOT, Member, Rules, Ticket
from purelink.pool.ledger import Ledger

RULES = Rules(
    min_size=0,
    max_size=2,
    max_waiting=0,
    max_lifetime=100.0,
    max_idle=10.0,
    reconnect_timeout=60.0,
    keeps=True,
)


class Thing:
    """Stands for a connection."""


class Case:
    def __init__(self, chance: float = 0.0, **rules: Any) -> None:
        self.attended: list[float] = []
        self.ledger = Ledger(
            RULES._replace(**rules),
            chance=lambda: chance,
            attend=lambda: self.attended.append(self.ledger.attended),
        )

    def enter(self, now: float = 0.0) -> tuple[Ticket, list[int]]:
        woken: list[int] = []
        ticket = Ticket(lambda: woken.append(1))
        self.ledger.enter(ticket, now)
        return ticket, woken

    def made(self, now: float = 0.0) -> Member:
        """A member that is out, made in a slot that a ticket got."""
        ticket, _ = self.enter(now)
        assert ticket.given == SLOT
        return self.ledger.made(Thing(), now, now)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"min_size": -1}, "min_size must be a whole number"),
        ({"max_size": 1.5}, "max_size must be a whole number"),
        ({"min_size": 3}, r"max_size \(2\) must not be less than min_size \(3\)"),
        ({"max_size": 0}, "max_size must be 1 or more"),
        ({"max_waiting": -1}, "max_waiting must be"),
        ({"max_idle": 0}, "max_idle must be a number of seconds above 0"),
        ({"max_lifetime": float("nan")}, "max_lifetime must be"),
    ],
)
def test_rules_that_make_no_sense(rules: dict[str, Any], words: str) -> None:
    with pytest.raises(InterfaceError, match=words):
        RULES._replace(**rules).check()


def test_first_come_first_served() -> None:
    case = Case()
    one, two = case.made(), case.made()
    tickets = [case.enter() for _ in range(3)]
    assert [ticket.given for ticket, _ in tickets] == [None, None, None]
    case.ledger.settle(two, 1.0)
    assert [ticket.given for ticket, _ in tickets] == [two, None, None]
    assert tickets[0][1] == [1]
    newcomer, _ = case.enter()
    case.ledger.settle(one, 1.0)
    assert tickets[1][0].given is one
    assert newcomer.given is None


def test_who_leaves_gives_back_what_was_given() -> None:
    case = Case(max_size=1)
    first, _ = case.enter()
    second, _ = case.enter()
    third, _ = case.enter()
    assert first.given == SLOT
    case.ledger.leave(second, 0.0)
    case.ledger.leave(first, 0.0)
    assert third.given == SLOT
    assert case.ledger.size == 1
    case.ledger.leave(third, 0.0)
    assert case.ledger.size == 0


def test_whoever_got_nothing_good_keeps_the_place() -> None:
    case = Case(max_size=1)
    bad = case.made()
    first, _ = case.enter()
    second, _ = case.enter()
    case.ledger.settle(bad, 0.0)
    assert first.given is bad
    case.ledger.again(first, 0.0)
    case.ledger.discard(bad, 0.0)
    assert [first.given, second.given] == [SLOT, None]


def test_the_last_back_is_the_first_out() -> None:
    case = Case()
    one, two = case.made(), case.made()
    case.ledger.settle(one, 0.0)
    case.ledger.settle(two, 0.0)
    ticket, _ = case.enter()
    assert ticket.given is two


def test_too_many_wait() -> None:
    case = Case(max_size=1, max_waiting=1)
    case.made()
    case.enter()
    with pytest.raises(TooManyRequests, match="has 1 requests waiting"):
        case.enter()
    assert case.ledger.statistics()["requests_waiting"] == 1
    assert case.ledger.statistics()["requests_errors"] == 1


def test_after_a_failure_one_knocks_and_the_pause_grows() -> None:
    case = Case(chance=1.0, max_size=5)
    first, woken = case.enter(0.0)
    assert not case.ledger.failed(OSError(), 0.0, 1.0)
    assert case.ledger.retry_at == 1.25
    case.ledger.again(first, 1.0)
    second, _ = case.enter(1.0)
    assert [first.given, second.given] == [None, None]
    assert case.ledger.patience(first, 1.0, 100.0) == 0.25
    assert case.ledger.patience(second, 1.0, 100.0) == 99.0
    case.ledger.serve(1.25)
    assert [first.given, second.given] == [SLOT, None]
    assert case.ledger.patience(second, 1.25, 100.0) == 98.75
    case.ledger.failed(OSError(), 1.25, 2.0)
    assert case.ledger.retry_at == 2.5
    case.ledger.again(first, 2.0)
    case.ledger.serve(2.5)
    case.ledger.made(Thing(), 2.5, 3.0)
    case.ledger.serve(3.0)
    assert second.given == SLOT
    assert case.ledger.last_error is None
    assert woken


def test_the_pause_has_a_limit_and_is_shortened_by_chance() -> None:
    case = Case(chance=0.0, max_size=1)
    now = 0.0
    pauses = []
    for _ in range(9):
        ticket, _ = case.enter(now)
        case.ledger.failed(OSError(), now, now)
        ticket.given = None
        pauses.append(case.ledger.retry_at - now)
        now = case.ledger.retry_at
    assert pauses == [0.125, 0.25, 0.5, 1.0, 2.0, 2.5, 2.5, 2.5, 2.5]


def test_those_of_one_bunch_count_once() -> None:
    case = Case(chance=1.0, max_size=3)
    for _ in range(3):
        case.enter(0.0)
    for _ in range(3):
        case.ledger.failed(OSError(), 0.0, 1.0)
    assert case.ledger.retry_at == 1.25
    assert case.ledger.size == 0
    assert case.ledger.statistics()["connections_errors"] == 3


def test_failing_for_long_is_told_once() -> None:
    case = Case(max_size=1, reconnect_timeout=5.0)
    told = []
    for now in (0.0, 2.0, 5.0, 9.0):
        ticket, _ = case.enter(now)
        told.append(case.ledger.failed(OSError(), now, now))
        ticket.given = None
    assert told == [False, False, True, False]
    assert case.ledger.given_up


def test_the_first_in_line_that_leaves_hands_on_the_watch() -> None:
    case = Case(max_size=1)
    case.made()
    first, _ = case.enter()
    _, woken = case.enter()
    case.ledger.leave(first, 0.0)
    assert woken == [1]


def test_only_what_is_out_comes_back_and_only_once() -> None:
    case = Case()
    member = case.made()
    thing = case.ledger.lend(member, 0.0)
    with pytest.raises(InterfaceError, match="not out of this pool"):
        case.ledger.returning(Thing(), 1.0)
    assert case.ledger.returning(thing, 1.0) is member
    with pytest.raises(InterfaceError, match="came back already"):
        case.ledger.returning(thing, 1.0)
    case.ledger.settle(member, 1.0)
    with pytest.raises(InterfaceError):
        case.ledger.returning(thing, 1.0)
    assert case.ledger.statistics()["usage_ms"] == 1000


def test_what_a_borrower_loses_is_struck_off() -> None:
    case = Case(max_size=2)
    lent = [case.ledger.lend(case.made(), 0.0) for _ in range(2)]
    ticket, _ = case.enter()
    assert ticket.given is None
    del lent[0]

    gc.collect()
    case.ledger.serve(1.0)
    assert ticket.given == SLOT
    assert case.ledger.statistics()["returns_bad"] == 1


def test_what_is_kept() -> None:
    case = Case()
    member = case.made()
    assert case.ledger.is_welcome(member, 0.0)
    assert not case.ledger.is_welcome(member, 100.0)
    case.ledger.drain(0.0)
    assert not case.ledger.is_welcome(member, 0.0)
    another = case.made()
    assert case.ledger.is_welcome(another, 0.0)
    case.ledger.resize(0, 1, 0.0)
    assert not case.ledger.is_welcome(another, 0.0)
    null = Case(keeps=False, max_size=0)
    member = null.made()
    assert not null.ledger.is_welcome(member, 0.0)


def test_the_old_and_the_long_idle_go() -> None:
    case = Case(chance=1.0, min_size=1, max_size=3)
    members = [case.made(0.0) for _ in range(3)]
    for when, member in enumerate(members):
        case.ledger.settle(member, float(when))
    assert case.ledger.overdue(8.9) == []
    assert case.ledger.due(8.9) == 9.0
    assert case.ledger.overdue(9.0) == members[:1]
    assert case.ledger.overdue(30.0) == members[1:2]
    assert case.ledger.overdue(89.0) == []
    assert case.ledger.due(89.0) == 90.0
    assert case.ledger.overdue(90.0) == members[2:]
    assert case.ledger.due(90.0) == 90.0  # to be filled up


def test_a_smaller_pool_closes_what_is_too_much() -> None:
    case = Case(max_size=3)
    members = [case.made() for _ in range(3)]
    for member in members:
        case.ledger.settle(member, 0.0)
    case.ledger.resize(0, 1, 0.0)
    assert case.ledger.overdue(0.0) == members[:2]
    with pytest.raises(InterfaceError):
        case.ledger.resize(2, 1, 0.0)
    assert case.ledger.rules.max_size == 1


def test_whoever_looks_after_it_is_called_in_time_and_not_too_often() -> None:
    case = Case(max_size=3)
    member = case.made()
    case.ledger.settle(member, 0.0)
    assert case.attended == [10.0]
    other = case.made(1.0) if case.ledger.take() else None
    assert other is not None
    case.ledger.settle(other, 1.0)
    assert case.attended == [10.0]
    short = Case(min_size=1)
    member = short.made()
    short.ledger.settle(member, 0.0)
    short.ledger.take()
    short.ledger.discard(member, 5.0)
    assert short.attended == [100.0, 5.0]
    assert short.ledger.due(5.0) == 5.0


def test_filling_stops_at_min_size() -> None:
    case = Case(min_size=1)
    assert case.ledger.slot(0.0)
    assert not case.ledger.slot(0.0)
    case.ledger.unmade(0.0)
    assert case.ledger.slot(0.0)
    case.ledger.close()
    assert not case.ledger.slot(0.0)


def test_closing_sends_everybody_away() -> None:
    case = Case(max_size=2)
    idle = case.made()
    case.made()
    _, woken = case.enter()
    case.ledger.settle(idle, 0.0)
    waiting, woken = case.enter()
    watcher = Ticket(lambda: woken.append(2))
    case.ledger.watchers.add(watcher)
    assert case.ledger.close() == []
    assert woken == [1, 2]
    assert waiting.given is None
    with pytest.raises(PoolClosed):
        case.enter()
    assert case.ledger.due(0.0) == float("inf")
    case.ledger.attend_by(0.0)
    assert 0.0 not in case.attended


def test_statistics_can_be_taken_out() -> None:
    case = Case()
    case.ledger.settle(case.made(), 0.0)
    found = case.ledger.statistics(pop=True)
    assert found["connections_num"] == found["requests_num"] == found["pool_available"] == 1
    found = case.ledger.statistics()
    assert found["connections_num"] == 0
    assert found["pool_size"] == 1
