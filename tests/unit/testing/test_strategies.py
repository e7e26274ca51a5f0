"""The strategies themselves; that purelink agrees with them is in tests/property."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from purelink.conninfo.keywords import SECRETS, names
from purelink.testing import strategies


@given(st.data())
def test_secrets_and_lone_bytes_can_be_left_out(data: st.DataObject) -> None:
    plain = data.draw(strategies.settings(secrets=False, surrogates=False))
    assert not SECRETS & plain.keys()
    for written in (
        data.draw(strategies.key_value_strings(secrets=False, surrogates=False)),
        data.draw(strategies.uris(secrets=False, surrogates=False)),
    ):
        assert written.settings.keys() <= names() - SECRETS
        written.text.encode()  # no lone byte


@given(strategies.values())
def test_values_are_what_c_can_hold(value: str) -> None:
    raw = value.encode("utf-8", "surrogateescape")
    assert b"\0" not in raw
    assert raw.decode("utf-8", "surrogateescape") == value


@given(strategies.near_misses())
def test_near_misses_have_one_verdict(miss: strategies.NearMiss) -> None:
    assert (miss.error is None) != (miss.settings is None)
