"""From answers at the wire to what a caller gets: a `Result`, or the error to raise.

Floor 3, pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterable

from ..errors import ProgrammingError
from ..result import Result

if TYPE_CHECKING:
    from ..wire.session import Answer

__all__ = ["first_error", "result_of"]


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
