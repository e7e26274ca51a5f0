"""A pool in a world of its own: the clock stands until everybody waits, connections are toys.

Test code only. `World.spawn` starts a conversation; `World.run` lets the spawned ones take their
steps in an order that is handed in, so that a failure can be told again.
"""

from __future__ import annotations

from typing import Any, Callable

from purelink.errors import ConnectionLost, OperationalError
from purelink.pool.conversation import Do, Talk, Wait, Ways
from purelink.pool.entries import Rules, Ticket
from purelink.pool.ledger import Ledger


class Toy:
    """A connection as a pool sees it."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.number = number
        self.closed = False
        self.alive = True
        self.autocommit = False
        self.transaction_status = "idle"
        self.holder: Any = None
        self.pipelining: Any = None
        self.talk = self
        self.log: list[str] = []

    def is_alive(self) -> bool:
        return self.alive and not self.closed

    def rollback(self) -> str:
        return "rollback"

    def command(self, _sql: str) -> str:
        return "command"

    def commit(self) -> None:
        self.run("commit", None)

    def run(self, what: str, _seconds: float | None) -> None:
        if not self.alive:
            self.close()
            raise ConnectionLost("it was lost")
        self.log.append(what)
        self.transaction_status = "idle"

    def close(self) -> None:
        self.closed = True
        self.transaction_status = "unknown"
        self.world.standing.discard(self)


class Task:
    """A conversation under way."""

    def __init__(self, name: str, telling: Any) -> None:
        self.name = name
        self.telling = telling
        self.step: Callable[[Any], Any] = telling.send
        self.value: Any = None
        self.ticket: Any = None
        self.pending: Do | None = None
        self.until = float("inf")
        self.rung = False
        self.done = False
        self.result: Any = None
        self.error: BaseException | None = None

    def cancel(self, error: BaseException) -> None:
        """Throw it in where the task waits: what it was about to do is not done."""
        self.ticket, self.pending, self.step, self.value = None, None, self.telling.throw, error


class World:
    """What a pool of toys lives in.

    Attributes:
        now: seconds. down: what an attempt to connect raises, or None. slow: seconds it takes.
        standing: the toys that are not closed.
    """

    def __init__(self, **rules: Any) -> None:
        self.now = 0.0
        self.down: BaseException | None = None
        self.slow = 0.0
        self.standing: set[Toy] = set()
        self.made = 0
        self.tasks: list[Task] = []
        self.current: Task | None = None
        self.attended = 0
        self.told = 0
        self.reports: list[str] = []
        self.chance = 0.0
        self.given = {
            "min_size": 0, "max_size": 2, "max_waiting": 0, "max_lifetime": 3600.0,
            "max_idle": 600.0, "reconnect_timeout": 300.0, "keeps": True, **rules,
        }  # fmt: skip
        self.ways = Ways(
            connect=self.connect,
            ticket=self.ticket,
            clock=lambda: self.now,
            report=lambda text, _error: self.reports.append(text),
            configure=None,
            check=None,
            reset=None,
            reconnect_failed=self.reconnect_failed,
        )
        self.ledger = Ledger(Rules(**self.given), chance=lambda: self.chance, attend=self.attend)
        self.talk = Talk(self.ledger, self.ways)

    def with_ways(self, **ways: Any) -> World:
        self.talk = Talk(self.ledger, self.ways._replace(**ways))
        return self

    def attend(self) -> None:
        self.attended += 1

    def reconnect_failed(self) -> None:
        self.told += 1

    def connect(self, seconds: float) -> Toy:
        if self.slow >= seconds:
            self.now += seconds
            raise OperationalError("no connection was made in time")
        self.now += self.slow
        if self.down is not None:
            raise self.down
        self.made += 1
        toy = Toy(self, self.made)
        self.standing.add(toy)
        return toy

    def ticket(self) -> Ticket:
        task = self.current
        assert task is not None

        def wake() -> None:
            task.rung = True

        return Ticket(wake)

    def spawn(self, name: str, telling: Any) -> Task:
        task = Task(name, telling)
        self.tasks.append(task)
        return task

    def ready(self) -> list[Task]:
        return [
            task
            for task in self.tasks
            if not task.done and (task.ticket is None or task.rung or task.until <= self.now)
        ]

    def advance(self, task: Task) -> None:
        """Let a conversation take one step."""
        task.ticket, task.rung, task.until = None, False, float("inf")
        self.current = task
        if task.pending is not None:
            want, task.pending = task.pending, None
            try:
                task.step, task.value = task.telling.send, want.function(*want.args)
            except BaseException as error:
                task.step, task.value = task.telling.throw, error
        try:
            want = task.step(task.value)
        except StopIteration as stop:
            task.done, task.result = True, stop.value
            return
        except BaseException as error:
            task.done, task.error = True, error
            return
        task.step, task.value = task.telling.send, None
        if isinstance(want, Wait):
            task.ticket, task.until = want.ticket, self.now + want.seconds
        else:
            task.pending = want

    def run(self, until: float = float("inf"), pick: Callable[[int], int] = lambda _n: 0) -> None:
        """Run until everybody is done, or `until`; `pick` says which of n goes next."""
        while True:
            ready = self.ready()
            if ready:
                self.advance(ready[pick(len(ready))])
                continue
            times = [task.until for task in self.tasks if not task.done]
            if not times or min(times) > until:
                break
            assert min(times) < float("inf"), "everybody waits for ever"
            self.now = max(self.now, min(times))
        if until < float("inf"):
            self.now = max(self.now, until)

    def do(self, telling: Any) -> Any:
        """Run one conversation to its end, with the others; return its result, or raise."""
        task = self.spawn("main", telling)
        for _ in range(100000):
            if task.done:
                break
            ready = self.ready()
            if ready:
                self.advance(ready[-1])
            else:
                self.now = min(each.until for each in self.tasks if not each.done)
        if task.error is not None:
            raise task.error
        return task.result

    def out(self, timeout: float = 1.0) -> Toy:
        toy = self.do(self.talk.acquire(timeout))
        assert isinstance(toy, Toy)
        return toy

    def back(self, toy: Toy) -> None:
        self.do(self.talk.release(toy))
