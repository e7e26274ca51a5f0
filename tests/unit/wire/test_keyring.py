"""The keyring: what is remembered of SCRAM logins, of which, and how little it shows."""

from __future__ import annotations

import pickle
from typing import Any, Callable

import pytest

from purelink.errors import AuthenticationError
from purelink.wire import scram
from purelink.wire.auth import Authentication
from purelink.wire.keyring import ROOM, KeyRing
from purelink.wire.scram import Keys
from purelink.wire.wants import Compute
from tests.unit.wire.test_auth import (
    CLIENT_FINAL,
    LIST,
    NONCE,
    OK,
    SERVER_FINAL,
    SERVER_FIRST,
    answer,
    iterations,
)

KEYS = Keys(b"c" * 32, b"s" * 32)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was counted out."""
    seen: list[tuple[Any, ...]] = []
    real: Callable[..., bytes] = scram.salted_password

    def count(*work: Any) -> bytes:
        seen.append(work)
        return real(*work)

    monkeypatch.setattr(scram, "salted_password", count)
    return seen


def login(ring: KeyRing | None, **settings: Any) -> Authentication:
    """Log in as far as the proof, which is the same however its keys were come by."""
    given = {"user": b"u", "password": b"secret", "nonce": NONCE, "keyring": ring, **settings}
    auth = Authentication(**given)
    answer(auth, LIST)
    assert answer(auth, SERVER_FIRST) == CLIENT_FINAL
    return auth


def finish(auth: Authentication) -> None:
    answer(auth, SERVER_FINAL)
    answer(auth, OK)
    assert auth.complete
    assert auth.password_used


def test_a_second_login_counts_nothing_out(counted: list[tuple[Any, ...]]) -> None:
    ring = KeyRing(b"e" * 32)
    first = login(ring)
    assert len(ring) == 0
    finish(first)
    assert len(ring) == 1
    second = login(ring)
    finish(second)
    assert len(counted) == 1
    assert second.scram_keys == first.scram_keys
    ring.clear()
    finish(login(ring))
    assert len(counted) == 2


def test_without_a_ring_every_login_counts(counted: list[tuple[Any, ...]]) -> None:
    finish(login(None))
    finish(login(None))
    assert len(counted) == 2


def test_of_a_server_that_did_not_prove_itself_nothing_is_kept() -> None:
    ring = KeyRing(b"e" * 32)
    auth = login(ring)
    with pytest.raises(AuthenticationError, match="incorrect server signature"):
        answer(auth, b"\0\0\0\x0cv=" + b"A" * 43 + b"=")
    assert len(ring) == 0


def test_known_keys_do_not_believe_a_server(counted: list[tuple[Any, ...]]) -> None:
    ring = KeyRing(b"e" * 32)
    finish(login(ring))
    auth = login(ring)
    with pytest.raises(AuthenticationError, match="incorrect server signature"):
        answer(auth, b"\0\0\0\x0cv=" + b"A" * 43 + b"=")
    assert len(counted) == 1


def test_of_a_callables_password_nothing_is_kept(counted: list[tuple[Any, ...]]) -> None:
    ring = KeyRing(b"e" * 32)
    for _ in range(2):
        finish(login(ring, password=lambda: "secret"))
    assert len(ring) == 0
    assert len(counted) == 2


def test_a_server_key_of_the_callers_is_the_one_that_counts() -> None:
    ring = KeyRing(b"e" * 32)
    for _ in range(2):
        auth = login(ring, scram_server_key=b"0" * 32)
        with pytest.raises(AuthenticationError, match="incorrect server signature"):
            answer(auth, SERVER_FINAL)
    assert len(ring) == 0


def test_a_long_count_is_still_a_compute_and_bounded() -> None:
    (want,) = iterations(20_001, keyring=KeyRing(b"e" * 32))
    assert isinstance(want, Compute)
    (words,) = iterations(20_001, keyring=KeyRing(b"e" * 32), max_iterations=20_000)
    assert "more than scram_max_iterations allows" in words


@pytest.mark.parametrize(
    "other",
    [(b"other", b"salt", 4096), (b"password", b"sale", 4096), (b"password", b"salt", 4097)],
)
def test_keys_belong_to_password_salt_and_count(other: tuple[bytes, bytes, int]) -> None:
    ring = KeyRing(b"e" * 32)
    tag = ring.tag(b"password", b"salt", 4096)
    ring.keep(tag, KEYS)
    assert ring.find(ring.tag(b"password", b"salt", 4096)) is KEYS
    assert ring.find(ring.tag(*other)) is None


def test_the_border_between_password_and_salt_counts() -> None:
    ring = KeyRing(b"e" * 32)
    assert ring.tag(b"ab", b"c", 1) != ring.tag(b"a", b"bc", 1)


def test_tags_differ_from_process_to_process() -> None:
    work = (b"password", b"salt", 4096)
    assert KeyRing(b"e" * 32).tag(*work) != KeyRing(b"f" * 32).tag(*work)


def test_the_one_unused_for_longest_goes_first() -> None:
    ring = KeyRing(b"e" * 32)
    tags = [ring.tag(b"password", b"salt", count) for count in range(1, ROOM + 3)]
    for tag in tags[:ROOM]:
        ring.keep(tag, KEYS)
    assert ring.find(tags[0]) is KEYS
    for tag in tags[ROOM:]:
        ring.keep(tag, KEYS)
    assert len(ring) == ROOM
    found = [ring.find(tag) is KEYS for tag in tags]
    assert found == [True, False, False] + [True] * (ROOM - 1)


def test_it_shows_nothing() -> None:
    ring = KeyRing(b"entropy!" * 4)
    ring.keep(ring.tag(b"password", b"salt", 4096), KEYS)
    assert repr(ring) == "<KeyRing ***>"
    assert b"password" not in ring.tag(b"password", b"salt", 4096)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(ring)
