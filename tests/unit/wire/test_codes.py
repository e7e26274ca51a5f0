"""The protocol's numbers, spelled."""

from __future__ import annotations

from purelink.wire import codes


def test_version_name() -> None:
    assert codes.version_name(codes.PROTOCOL_3_2) == "3.2"
    assert codes.version_name(0x00020000) == "2.0"


def test_letter_is_any_character() -> None:
    assert codes.letter(ord("R")) == "R"
    assert codes.letter(0xE9) == "é"
