"""`wire.binding` gives the bytes that the messages themselves give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from purelink.errors import InterfaceError
from purelink.wire import binding, frontend
from purelink.wire.binding import Binder

if TYPE_CHECKING:
    from purelink.values.parameters import Parameter

PARAMETERS: list[list[Parameter]] = [
    [],
    [(23, 0, b"1")],
    [(23, 0, b"1"), (0, 0, None)],
    [(17, 1, b"\0\xff"), (25, 0, b"")],
    [(0, 0, None)] * 300,
]


@pytest.mark.parametrize("parameters", PARAMETERS)
@pytest.mark.parametrize("name", [b"", b"purelink_1"])
@pytest.mark.parametrize("formats", [(), (1,), (0, 1)])
def test_the_same_bytes(parameters: list[Parameter], name: bytes, formats: tuple[int, ...]) -> None:
    forms = tuple(form for _, form, _ in parameters)
    values = tuple(value for _, _, value in parameters)
    bound = frontend.Bind(b"", name, forms if any(forms) else (), values, formats).encode()
    assert Binder(name, formats)(parameters) == bound + frontend.Execute(b"", 0).encode()


def test_what_cannot_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InterfaceError, match="between 0 and 65535"):
        Binder()([(0, 0, None)] * 65536)
    with pytest.raises(InterfaceError, match="NUL"):
        Binder(b"a\0b")
    monkeypatch.setattr(binding, "CEILING", 100)
    with pytest.raises(InterfaceError, match="accepts at most 100"):
        Binder()([(0, 0, b"x" * 101)])
    with pytest.raises(InterfaceError, match="accepts at most 100"):
        Binder()([(0, 0, b"x" * 60), (0, 0, b"x" * 60)])
