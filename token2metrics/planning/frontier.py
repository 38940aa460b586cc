"""The longest answer to every prompt at once, for programs that have no time to search."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator

from msgspec import Struct

from token2metrics.planning.answerable import SHORTEST, bounds_for, notes_on
from token2metrics.planning.limits import Demand, Limits
from token2metrics.planning.plan import most_tokens
from token2metrics.planning.unshown import unshown_power
from token2metrics.prediction.checks import check_tokens
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.result import Result

NO_TOKEN = 0
"""The longest answer to a prompt after which not even one token keeps every limit."""


class _Point(Struct, frozen=True):
    """A prompt and the longest answer to it."""

    input_tokens: int
    output_tokens: int


class Frontier(Result, frozen=True):
    """The longest answer to every prompt: a staircase that never rises.

    It is computed once, under limits of seconds in a fraction of a second, and asked in about a
    microsecond: ``Frontier.of(predictor, demand).longest_answer(400)``.

    Attributes:
        model: Model id.
        name: Short name.
        device: Device.
        power_mode: Power mode.
        runtime: Inference engine.
        precision: Precision of the weights.
        limits: What has to be kept.
        probability: How probably a request on the frontier keeps all of them.
        confidence: Of the intervals whose upper ends were used.
        parallel: Answers to the prompt that are generated at once.
        context_tokens: Tokens that the engine holds, prompt and answer together.
        input_tokens: The longest prompt of each step, ascending; empty where even the shortest
            request breaks a limit.
        output_tokens: The longest answer on each step, descending, as the limits alone allow; the
            context may leave room for less.
        unshown: Why a cap of power cannot be shown to be kept, where even the shortest request
            breaks it only because a phase was not metered; None otherwise.
        notes: What to know before trusting the frontier.
    """

    model: str
    name: str
    device: str
    power_mode: str | None
    runtime: str | None
    precision: str | None
    limits: Limits
    probability: float
    confidence: float
    parallel: int
    context_tokens: int
    input_tokens: tuple[int, ...]
    output_tokens: tuple[int, ...]
    unshown: str | None
    notes: tuple[str, ...]

    @classmethod
    def of(cls, predictor: ModelPredictor, demand: Demand) -> Frontier:
        """Compute the frontier of a model, by divide and conquer.

        Between two prompts with the same longest answer every prompt has it.

        Args:
            predictor: The model.
            demand: What has to be kept.

        Raises:
            RequestError: If nothing measured tells about a limit.
        """
        bounds, limits = bounds_for(predictor.model, demand), demand.limits
        context_tokens = demand.context_tokens

        def point(input_tokens: int, fewest: int, most: int) -> _Point:
            after = bounds.after(input_tokens)
            return _Point(input_tokens, most_tokens(after, limits, fewest, most))

        first = point(0, NO_TOKEN, context_tokens)
        last = point(context_tokens - SHORTEST, NO_TOKEN, first.output_tokens)
        steps = [*_ends(point, first, last), last]
        kept = [step for step in steps if step.output_tokens >= SHORTEST]
        record, shortest = predictor.model.record, (first.input_tokens, SHORTEST)
        return cls(
            model=record.id,
            name=record.name,
            device=record.device,
            power_mode=record.power_mode,
            runtime=record.runtime,
            precision=record.precision,
            limits=limits,
            probability=demand.probability,
            confidence=demand.confidence,
            parallel=demand.parallel,
            context_tokens=context_tokens,
            input_tokens=tuple(step.input_tokens for step in kept),
            output_tokens=tuple(step.output_tokens for step in kept),
            unshown=None if kept else unshown_power(predictor.model, demand, bounds, shortest),
            notes=notes_on(predictor.model, demand, limits.stated),
        )

    def longest_answer(self, input_tokens: int) -> int:
        """Return the most answer tokens that keep every limit and fit into the context.

        Args:
            input_tokens: Prompt tokens.

        Returns:
            Tokens; 0 where not even one is possible.

        Raises:
            RequestError: If the prompt has an impossible number of tokens.
        """
        check_tokens("input_tokens", input_tokens)
        step = bisect_left(self.input_tokens, input_tokens)
        if step == len(self.input_tokens):
            return NO_TOKEN
        return min(self.output_tokens[step], self.context_tokens - input_tokens)


def _ends(
    point: Callable[[int, int, int], _Point], first: _Point, last: _Point
) -> Iterator[_Point]:
    """Yield the last prompt of each step between two prompts, the last step left out."""
    if first.output_tokens == last.output_tokens:
        return
    if last.input_tokens - first.input_tokens == 1:
        yield first
        return
    halfway = (first.input_tokens + last.input_tokens) // 2
    middle = point(halfway, last.output_tokens, first.output_tokens)
    yield from _ends(point, first, middle)
    yield from _ends(point, middle, last)
