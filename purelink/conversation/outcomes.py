"""From answers at the wire to what a caller gets: a `Result`, or the error to raise.

Floor 3, pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterable, Sequence

from ..errors import InternalError, ProgrammingError
from ..result import Result

if TYPE_CHECKING:
    from ..wire.session import Answer

__all__ = ["first_error", "result_of", "shaped", "unfit"]


def first_error(answers: Iterable[Answer]) -> BaseException | None:
    """Return the first error of answers: the server's before that of a value; None for none."""
    odd: BaseException | None = None
    for each in answers:
        if each.formats is not None:
            return ProgrammingError(
                "COPY FROM STDIN and COPY TO STDOUT cannot be run as a query:"
                " use copy_in() and copy_out()"
            )
        if each.error is not None:
            return each.error
        odd = odd or each.value_error
    return odd


def result_of(answer: Answer, answers: Iterable[Answer]) -> Result:
    """Return an answer as a result, or raise the first error among its neighbours.

    Raises:
        DatabaseError: the server's, or a value's. ProgrammingError: it was a COPY.
    """
    error = first_error(answers)
    if error is not None:
        raise error
    return Result(answer.rows, answer.columns, answer.command_tag)


def shaped(rows: Sequence[Any], *kinds: type | tuple[type, ...]) -> Sequence[Any]:
    """Return the rows of a question of ours, if each is of the shape that was asked for.

    A server may say whatever it likes; what goes on from its rows relies on them.

    Args:
        kinds: what the value of each column is an instance of; `str` alone: never NULL.

    Raises:
        InternalError: the server's answer is none to that question.
    """
    for row in rows:
        if len(row) != len(kinds) or not all(map(isinstance, row, kinds)):
            raise unfit()
    return rows


def unfit() -> InternalError:
    """Return the error for an answer of the server's that is none to a question of ours."""
    return InternalError(
        "the server's answer to a question about its catalog makes no sense", sqlstate="XX000"
    )
