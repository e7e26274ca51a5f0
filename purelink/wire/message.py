"""What all message classes share: fields by `__slots__`, equality, repr, encode and decode.

Floor 1, pure. A message is plain data. `encode()` gives the whole message as it stands on the
wire; `decode(body)` takes the body (tag and length already off) and refuses left-over bytes.
"""

from __future__ import annotations

from struct import error as PackError  # noqa: N812 - it is an exception class

from ..errors import InterfaceError
from .codec import Body, frame

__all__ = ["Message"]


class Message:
    """One protocol message; the fields are the positional arguments, in the order of `names`."""

    __slots__: tuple[str, ...] = ()
    #: one byte; b"" for the untagged messages of the start
    tag: bytes = b""
    #: fields that `repr` shows as ***
    secret: frozenset[str] = frozenset()
    #: the fields' names, inherited ones first
    names: tuple[str, ...] = ()

    def __init_subclass__(cls) -> None:
        cls.names += tuple(cls.__dict__.get("__slots__", ()))

    def __init__(self, *fields: object) -> None:
        if len(fields) != len(self.names):
            raise TypeError(f"{type(self).__name__} takes {len(self.names)} fields")
        for name, value in zip(self.names, fields):
            setattr(self, name, value)

    def fields(self) -> tuple[object, ...]:
        """Return the values of the fields, in order."""
        return tuple(getattr(self, name) for name in self.names)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Message)
            and type(self) is type(other)
            and self.fields() == other.fields()
        )

    def __hash__(self) -> int:
        return hash((type(self), self.fields()))

    def __repr__(self) -> str:
        shown = (
            f"{name}=***" if name in self.secret else f"{name}={getattr(self, name)!r}"
            for name in self.names
        )
        return f"{type(self).__name__}({', '.join(shown)})"

    def body(self) -> bytes:
        """Return the body, without tag and length word."""
        return b""

    def encode(self) -> bytes:
        """Return the whole message as bytes.

        Raises:
            InterfaceError: the wire cannot carry it: a NUL in a string, a number or a length
                out of range.
        """
        try:
            return frame(self.tag, self.body())
        except PackError as error:
            raise InterfaceError(f"{type(self).__name__}: a number is out of range") from error

    @classmethod
    def read(cls, body: Body) -> tuple[object, ...]:  # noqa: ARG003 - what subclasses override
        """Return the fields read off a body; subclasses with fields override it."""
        return ()

    @classmethod
    def decode(cls, data: bytes) -> Message:
        """Return the message whose body is `data`.

        Raises:
            RemoteProtocolError: bytes missing or left over.
        """
        body = Body(data, cls.tag[0] if cls.tag else 0)
        fields = cls.read(body)
        body.end()
        return cls(*fields)
