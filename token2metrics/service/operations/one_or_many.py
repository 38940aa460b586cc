"""Operations that answer one request, or an array of some: all of it or nothing.

Whoever sums up the answers to an array does not notice that one is missing. Whoever is refused
does, is told each request that is at fault, and loses nothing by sending the others again: to
answer is quick and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, Generic, TypeVar

import msgspec

from token2metrics.errors import DataError, RequestError
from token2metrics.service.http.bodies import BodyReader, one_or_many
from token2metrics.service.http.endpoint import JsonEndpoint
from token2metrics.service.http.operation import Documented, Operation
from token2metrics.service.http.problems import UNANSWERABLE, ProblemError, Wrong, in_fields
from token2metrics.service.operations.choices import Choices
from token2metrics.service.serving import Served

MANY_TELLS = (
    "Send one request, or an array of some. An array is answered by an array in the same order, "
    "and all of it or nothing: `errors` names each request that cannot be answered."
)

One = TypeVar("One")


class Question(msgspec.Struct, Generic[One], frozen=True, kw_only=True):
    """One thing that can be asked of models.

    Attributes:
        path: Where.
        name: Its name in generated clients.
        summary: What it is for, in a line.
        description: What to know about it.
        asked: Type of a request.
        answered: Types of its answer, any of them.
        answer: Answers a request, from models and whether it is asked alone.
        example: Makes a request that the models of an artifact can answer.
        most: Requests in one body.
        at_once: Requests that are so quickly answered that other bodies may wait.
    """

    path: str
    name: str
    summary: str
    description: str
    asked: type[One]
    answered: tuple[Any, ...]
    answer: Callable[[Choices, One, bool], object]
    example: Callable[[Served], One]
    most: int
    at_once: int

    def answers(self, choose: Choices, asked: One | tuple[One, ...]) -> object:
        """Answer a body.

        Args:
            choose: Finds models.
            asked: One request, or some.

        Raises:
            ProblemError: If one cannot be answered.
        """
        if isinstance(asked, tuple):
            return self._each(choose, asked)
        try:
            return self.answer(choose, asked, True)
        except (RequestError, DataError) as error:
            raise ProblemError(UNANSWERABLE, in_fields(str(error))) from None

    def _each(self, choose: Choices, asked: tuple[One, ...]) -> list[object]:
        """Answer all requests.

        Raises:
            ProblemError: If one cannot be answered.
        """
        answers, wrong = [], []
        for index, one in enumerate(asked):
            try:
                answers.append(self.answer(choose, one, False))
            except (RequestError, DataError) as error:
                detail = in_fields(str(error))
                wrong.append(Wrong(pointer=f"#/{index}", detail=detail, index=index))
        if wrong:
            told = f"{len(wrong):,} of {len(asked):,} requests cannot be answered, so none was"
            raise ProblemError(UNANSWERABLE, f"{told}; see errors", wrong)
        return answers


def operation_of(
    question: Question[One], choices: Callable[[], Choices], aside: Executor
) -> Operation:
    """Return the operation that answers a question.

    Args:
        question: What can be asked.
        choices: Finds models of the artifact that is served at the moment.
        aside: Carries out what takes long.
    """

    def answer(asked: One | tuple[One, ...]) -> object:
        return question.answers(choices(), asked)

    reader = BodyReader(question.asked, question.most)
    return Operation(
        path=question.path,
        method="POST",
        endpoint=JsonEndpoint(reader, answer, question.at_once, aside),
        documented=Documented(
            name=question.name,
            summary=question.summary,
            description=f"{question.description} {MANY_TELLS}",
            asked=one_or_many(question.asked, question.most),
            answered=question.answered,
            many=True,
            problems=(UNANSWERABLE,),
            example=question.example,
            answer=lambda served, asked: question.answer(Choices(served), asked, True),
        ),
    )
