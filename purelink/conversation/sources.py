"""What a caller gives to be sent: rows, blocks, files; in pieces, synchronous or not.

Floor 3, pure. A *pull* is a function of a number that returns a list of at most so many items (an
empty one at the end), or an awaitable of it where the caller gave an async iterable or file;
a conversation asks for it with `Call`.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Callable

from ..errors import InterfaceError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["BLOCK", "CHUNK", "lists_of"]

#: Rows of a stream that are taken at a time, unless told otherwise.
CHUNK = 1000
#: Bytes that are read from a file at a time, and sent in one message.
BLOCK = 65536


def lists_of(source: Any, what: str) -> Callable[[int], Any]:
    """Return the pull of an iterable, of a file (its blocks), or of one block of bytes or str.

    Raises:
        InterfaceError: it is none of these.
    """
    if isinstance(source, (bytes, bytearray, memoryview, str)):
        source = [source]
    if hasattr(source, "read"):
        return _reading(source)
    if hasattr(source, "__aiter__"):
        items = source.__aiter__()
        return lambda count: _gathered(items, count)
    try:
        iterator = iter(source)
    except TypeError:
        raise InterfaceError(f"{what} cannot be a {type(source).__name__}") from None
    return lambda count: list(islice(iterator, count))


def _reading(file: Any) -> Callable[[int], Any]:
    def pull(_count: int) -> Any:
        block = file.read(BLOCK)
        if hasattr(block, "__await__"):
            return _awaited(block)
        return [block] if block else []

    return pull


async def _awaited(block: Any) -> list[Any]:
    found = await block
    return [found] if found else []


async def _gathered(items: AsyncIterator[Any], count: int) -> list[Any]:
    found: list[Any] = []
    while len(found) < count:
        try:
            found.append(await items.__anext__())
        except StopAsyncIteration:
            break
    return found
