"""The conversations of a pool in a simulated world: its clock, its order, its server are ours."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purelink.errors import (
    AuthenticationError,
    InterfaceError,
    OperationalError,
    PoolClosed,
    PoolTimeout,
    ProgrammingError,
    TooManyRequests,
)
from tests.unit.pool.simulated import Toy, World


class Cancelled(BaseException):
    """What a task is cancelled with."""


def test_out_and_back_is_one_connection() -> None:
    world = World()
    first = world.out()
    world.back(first)
    assert world.out() is first
    assert world.made == 1


def test_a_dead_one_is_replaced_without_being_seen() -> None:
    world = World(max_size=3)
    toys = [world.out() for _ in range(3)]
    for toy in toys:
        world.back(toy)
    toys[1].alive = toys[2].alive = False
    assert world.out() is toys[0]
    assert toys[1].closed
    assert toys[2].closed
    assert world.ledger.statistics()["connections_lost"] == 2
    assert world.ledger.size == 1


def test_an_old_one_is_replaced_on_its_way_out() -> None:
    world = World(max_lifetime=10.0)
    toy = world.out()
    world.back(toy)
    world.now = 11.0
    assert world.out() is not toy
    assert toy.closed
    assert world.ledger.statistics()["connections_lost"] == 0


def test_a_transaction_is_rolled_back_on_the_way_in() -> None:
    world = World()
    toy = world.out()
    toy.transaction_status = "in failed transaction"
    world.back(toy)
    assert toy.log == ["rollback"]
    assert world.ledger.idle


@pytest.mark.parametrize("state", ["active", "unknown", "closed", "held", "in a pipeline", "lost"])
def test_what_is_not_sound_is_not_kept(state: str) -> None:
    world = World()
    toy = world.out()
    if state == "closed":
        toy.close()
    elif state == "held":
        toy.holder = object()
    elif state == "in a pipeline":
        toy.pipelining = object()
    elif state == "lost":
        toy.transaction_status, toy.alive = "in transaction", False
    else:
        toy.transaction_status = state
    world.back(toy)
    assert toy.closed
    assert world.ledger.size == 0
    assert world.ledger.statistics()["returns_bad"] == 1


def test_settings_come_back_as_configured() -> None:
    world = World().with_ways(configure=lambda toy: setattr(toy, "autocommit", True))
    toy = world.out()
    toy.autocommit = False
    world.back(toy)
    assert world.out().autocommit is True


def test_configure_must_not_leave_a_transaction_open() -> None:
    world = World().with_ways(
        configure=lambda toy: setattr(toy, "transaction_status", "in transaction")
    )
    with pytest.raises(InterfaceError, match="configure left the connection in transaction"):
        world.out()
    assert world.standing == set()
    assert world.ledger.size == 0


def test_reset_is_the_users_too() -> None:
    seen: list[Toy] = []
    world = World().with_ways(reset=seen.append)
    toy = world.out()
    world.back(toy)
    assert seen == [toy]

    def fails(toy: Toy) -> None:
        toy.transaction_status = "in transaction"

    world = World().with_ways(reset=fails)
    toy = world.out()
    world.back(toy)
    assert toy.closed
    assert world.reports == ["a connection could not be reset and is replaced"]


def test_check_may_refuse() -> None:
    def check(toy: Toy) -> None:
        if toy.number < 3:
            raise ProgrammingError("not this one")

    world = World(max_size=3).with_ways(check=check)
    toys = [world.out() for _ in range(2)]  # new ones are not checked
    for toy in toys:
        world.back(toy)
    assert world.out().number == 3
    assert world.standing == {toy for toy in world.standing if toy.number == 3}


def test_time_runs_out() -> None:
    world = World(max_size=1)
    world.out()
    with pytest.raises(PoolTimeout, match=r"within 5 s: 1 of 1 are out, 1 requests wait"):
        world.out(5.0)
    assert world.now == 5.0
    assert world.ledger.queue == []
    with pytest.raises(PoolTimeout):
        world.out(0.0)


def test_a_server_that_comes_back_is_found() -> None:
    world = World()
    world.down = OperationalError("no server")
    task = world.spawn("a", world.talk.acquire(30.0))
    world.run(until=2.0)
    assert not task.done
    world.down = None
    world.run()
    assert isinstance(task.result, Toy)
    assert world.now < 4.0


def test_a_server_that_does_not_come_back_is_named() -> None:
    world = World()
    world.down = OperationalError("connection refused\nin two lines")
    with pytest.raises(
        PoolTimeout, match="the last attempt to connect failed: connection ref"
    ) as x:
        world.out(3.0)
    assert x.value.__cause__ is world.down
    assert world.ledger.size == 0
    assert 4 <= world.ledger.statistics()["connections_errors"] <= 8


def test_a_slow_server_takes_no_longer_than_asked() -> None:
    world = World()
    world.slow = 100.0
    with pytest.raises(PoolTimeout) as caught:
        world.out(3.0)
    assert world.now == 3.0
    assert isinstance(caught.value.__cause__, OperationalError)
    assert world.ledger.size == 0


@pytest.mark.parametrize(
    "error", [AuthenticationError("no"), OperationalError("no database", sqlstate="3D000")]
)
def test_what_waiting_does_not_heal_is_told_at_once(error: OperationalError) -> None:
    world = World()
    world.down = error
    with pytest.raises(type(error)):
        world.out(30.0)
    assert world.now == 0.0
    assert world.ledger.size == 0
    world.ledger.resize(1, 2, 0.0)
    with pytest.raises(type(error)):
        world.do(world.talk.fill(30.0))


def test_the_users_own_error_is_told_as_it_is() -> None:
    world = World()
    world.down = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        world.out()
    assert world.ledger.size == 0


def test_failing_for_long_calls_back_once_and_the_pool_rests() -> None:
    world = World(min_size=1, reconnect_timeout=20.0)
    world.down = OperationalError("gone")
    for _ in range(50):
        due = world.do(world.talk.tend(5.0))
        if due == float("inf"):
            break
        world.now = due
    assert world.told == 1
    assert 20.0 <= world.now < 40.0
    calls = world.attended
    world.down = None
    world.back(world.out(10.0))
    assert not world.ledger.given_up
    assert world.attended >= calls


def test_it_is_filled_and_pruned() -> None:
    world = World(min_size=2, max_size=4, max_idle=50.0)
    world.do(world.talk.tend(5.0))
    assert len(world.standing) == 2
    toys = [world.out() for _ in range(4)]
    for toy in toys:
        world.back(toy)
    assert world.do(world.talk.tend(5.0)) == 50.0
    world.now = 50.0
    world.do(world.talk.tend(5.0))
    assert len(world.standing) == 2


def test_users_prune_where_nobody_else_does() -> None:
    world = World(max_size=3, max_idle=50.0)
    toys = [world.out() for _ in range(3)]
    for toy in toys:
        world.back(toy)
    world.now = 60.0
    world.back(world.out())
    assert len(world.standing) == 1


def test_a_connection_that_cannot_be_configured_does_not_stop_the_servant() -> None:
    def configure(_toy: Toy) -> None:
        raise ValueError

    world = World(min_size=1).with_ways(configure=configure)
    due = world.do(world.talk.tend(5.0))
    assert 0 < due < 1
    assert world.standing == set()
    assert world.ledger.size == 0


def test_filling_waits_for_whoever_is_filling_and_for_pauses() -> None:
    world = World(min_size=2, max_size=2)
    world.down = OperationalError("not yet")
    task = world.spawn("fill", world.talk.fill(10.0))
    world.run(until=1.0)
    world.down = None
    world.run()
    assert task.done
    assert task.error is None
    assert len(world.standing) == 2
    world = World(min_size=1)
    world.down = OperationalError("never")
    with pytest.raises(PoolTimeout, match="0 of 1 connections stand after 3"):
        world.do(world.talk.fill(3.0))
    world.ledger.close()
    with pytest.raises(PoolClosed):
        world.do(world.talk.fill(3.0))


def test_draining_replaces_all() -> None:
    world = World(max_size=3)
    out, idle = world.out(), world.out()
    world.back(idle)
    world.do(world.talk.drain())
    assert idle.closed
    assert not out.closed
    world.back(out)
    assert out.closed
    assert not world.out().closed


def test_resizing_closes_what_is_too_much() -> None:
    world = World(max_size=3)
    toys = [world.out() for _ in range(3)]
    world.back(toys[0])
    world.do(world.talk.resize(1, 1))
    assert toys[0].closed
    world.back(toys[1])
    assert toys[1].closed
    world.back(toys[2])
    assert not toys[2].closed


def test_check_all() -> None:
    world = World(max_size=3)
    toys = [world.out() for _ in range(3)]
    for toy in toys:
        world.back(toy)
    toys[0].alive = False
    world.do(world.talk.check())
    assert toys[0].closed
    assert [toy.log for toy in toys[1:]] == [["command"], ["command"]]
    assert [member.connection for member in world.ledger.idle] == toys[1:]


def test_closing() -> None:
    world = World(max_size=2)
    idle, out = world.out(), world.out()
    world.back(idle)
    closing = world.spawn("close", world.talk.close(5.0))
    world.run(until=2.0)
    assert idle.closed
    assert not closing.done
    with pytest.raises(PoolClosed):
        world.out()
    world.back(out)
    world.run()
    assert out.closed
    assert closing.result == 0
    assert world.now == 2.0


def test_closing_does_not_wait_for_ever() -> None:
    world = World(max_size=2)
    out = world.out()
    assert world.do(world.talk.close(5.0)) == 1
    assert world.now == 5.0
    world.back(out)
    assert out.closed


def test_who_waits_is_sent_away_by_closing() -> None:
    world = World(max_size=1)
    out = world.out()
    task = world.spawn("a", world.talk.acquire(60.0))
    world.run(until=1.0)
    world.do(world.talk.close(0.0))
    world.run()
    assert isinstance(task.error, PoolClosed)
    world.back(out)


def test_one_made_while_the_pool_closed_is_closed() -> None:
    world = World(max_size=1, min_size=1)

    def connect(seconds: float) -> Any:
        toy = world.connect(seconds)
        world.ledger.close()
        return toy

    world.with_ways(connect=connect)
    with pytest.raises(PoolClosed):
        world.out()
    assert world.standing == set()
    world.ledger.closed = False
    world.do(world.talk.tend(1.0))
    assert world.standing == set()


def test_a_null_pool_hands_on_or_closes() -> None:
    world = World(keeps=False, max_size=1)
    first = world.out()
    waiting = world.spawn("a", world.talk.acquire(10.0))
    world.run(until=1.0)
    world.back(first)
    world.run()
    assert waiting.result is first
    world.back(first)
    assert first.closed


def test_commit_at_the_end_and_its_failure() -> None:
    world = World()
    toy = world.out()
    world.do(world.talk.finish(toy, commit=True))
    assert toy.log == ["commit"]
    toy = world.out()
    toy.alive = False
    toy.transaction_status = "in transaction"
    with pytest.raises(OperationalError):
        world.do(world.talk.finish(toy, commit=True))
    assert world.ledger.size == 0


# -- everything at once ------------------------------------------------------------------------


@settings(max_examples=300)
@given(st.data())
def test_storms(data: st.DataObject) -> None:
    """Borrowers, cancels, losses and outages in any order: the books stay right to the end."""
    most = data.draw(st.integers(1, 3))
    world = World(
        min_size=data.draw(st.integers(0, most)),
        max_size=most,
        max_waiting=data.draw(st.sampled_from([0, 0, 2])),
        keeps=data.draw(st.booleans()),
        max_lifetime=20.0,
        max_idle=5.0,
    )
    world.chance = 0.5
    held: list[Toy] = []
    tasks: list[Any] = []
    acts = ["out", "out", "step", "step", "step", "back", "cancel", "lose", "down", "up", "later"]

    def tell(name: str) -> Any:
        toy = yield from world.talk.acquire(data.draw(st.sampled_from([0.5, 3.0, 60.0]), name))
        assert toy not in held, "one connection, two borrowers"
        held.append(toy)
        return toy

    for act in data.draw(st.lists(st.sampled_from([*acts, "tend"]), max_size=60)):
        ready = world.ready()
        if act == "out":
            tasks.append(world.spawn("out", tell("timeout")))
        elif act == "tend":
            world.spawn("tend", world.talk.tend(1.0))
        elif act == "step" and ready:
            world.advance(data.draw(st.sampled_from(ready)))
        elif act == "back" and held:
            toy = held.pop(data.draw(st.integers(0, len(held) - 1)))
            world.spawn("back", world.talk.finish(toy, commit=toy.alive))
        elif act == "cancel":
            begun = [task for task in tasks if not task.done and task.telling.gi_frame.f_lasti > 0]
            begun = [task for task in begun if task.step == task.telling.send]
            if begun:
                data.draw(st.sampled_from(begun)).cancel(Cancelled())
        elif act == "lose" and world.standing:
            data.draw(st.sampled_from(sorted(world.standing, key=lambda t: t.number))).alive = False
        elif act == "down":
            world.down = OperationalError("down")
        elif act == "up":
            world.down = None
        elif act == "later":
            world.now += data.draw(st.sampled_from([0.1, 1.0, 6.0]))
        assert world.ledger.size <= most
        assert len(world.standing) <= most + 1  # one may be on its way to be closed
    world.down = None
    while held or any(not task.done for task in world.tasks):
        for toy in held:
            world.spawn("back", world.talk.finish(toy, commit=toy.alive))
        held.clear()
        world.run()
    for task in tasks:
        kinds = (PoolTimeout, TooManyRequests, Cancelled)
        assert task.error is None or isinstance(task.error, kinds), task.error
    assert world.ledger.out == {}
    assert world.ledger.queue == []
    assert world.ledger.making == 0
    assert {member.connection for member in world.ledger.idle} == world.standing
    world.do(world.talk.close(1.0))
    assert world.standing == set()
