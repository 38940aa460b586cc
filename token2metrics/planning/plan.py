"""The longest answer, or the longest prompt, that keeps every limit with a probability.

What a request takes at most never falls as tokens rise, so the longest one is found by bisection,
exactly: it keeps every limit and one token more breaks one. For the same reason it holds for every
shorter request too: a model that stops early, as most answers do, keeps the limits all the more.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

from token2metrics.planning.answerable import SHORTEST, bounds_for, notes_on, room_beside
from token2metrics.planning.at_most import UpperBounds
from token2metrics.planning.limits import AtMost, Broken, Demand, Limits
from token2metrics.planning.unshown import unshown_power
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.result import Result

INPUT_TOKENS = "input_tokens"
OUTPUT_TOKENS = "output_tokens"


class Plan(Result, frozen=True):
    """The longest request that keeps every limit.

    Attributes:
        model: Model id.
        name: Short name.
        device: Device.
        power_mode: Power mode.
        runtime: Inference engine.
        precision: Precision of the weights.
        sought: Which count is the largest possible: ``input_tokens`` or ``output_tokens``.
        input_tokens: Prompt tokens; None where none is possible.
        output_tokens: Answer tokens; None where none is possible.
        feasible: Whether the shortest request keeps every limit.
        ended_by_context: Whether the engine's context ends the plan, and no limit.
        limits: What had to be kept.
        probability: How probably such a request keeps all of them.
        confidence: Of the intervals whose upper ends were used.
        parallel: Answers to the prompt that are generated at once.
        context_tokens: Tokens that the engine holds, prompt and answer together.
        at_most: What the planned request takes at most; of the shortest where none is possible.
        next_at_most: What one token more takes at most; None where the context or infeasibility
            ends the plan.
        broken: Limits that one token more breaks, or that the shortest request breaks already.
        unshown: Why a cap of power cannot be shown to be kept, where the shortest request breaks it
            only because a phase was not metered; None otherwise.
        notes: What to know before trusting the plan.
    """

    model: str
    name: str
    device: str
    power_mode: str | None
    runtime: str | None
    precision: str | None
    sought: str
    input_tokens: int | None
    output_tokens: int | None
    feasible: bool
    ended_by_context: bool
    limits: Limits
    probability: float
    confidence: float
    parallel: int
    context_tokens: int
    at_most: AtMost
    next_at_most: AtMost | None
    broken: tuple[Broken, ...]
    unshown: str | None
    notes: tuple[str, ...]


def longest_answer(predictor: ModelPredictor, input_tokens: int, demand: Demand) -> Plan:
    """Find the longest answer to a prompt.

    Args:
        predictor: The model.
        input_tokens: Prompt tokens.
        demand: What has to be kept.

    Raises:
        RequestError: If the prompt leaves no room in the context, or nothing measured tells about
            a limit.
    """
    room = room_beside(INPUT_TOKENS, input_tokens, demand)
    bounds = bounds_for(predictor.model, demand).after(input_tokens)
    count = most_tokens(bounds, demand.limits, SHORTEST - 1, room)
    ends = [(input_tokens, max(count, SHORTEST)), (input_tokens, count + 1)]
    return _plan(predictor, demand, OUTPUT_TOKENS, ends[: 1 + (count < room)])


def longest_prompt(predictor: ModelPredictor, output_tokens: int, demand: Demand) -> Plan:
    """Find the longest prompt before an answer.

    Args:
        predictor: The model.
        output_tokens: Answer tokens.
        demand: What has to be kept.

    Raises:
        RequestError: If the answer leaves no room in the context, or nothing measured tells about
            a limit.
    """
    room = room_beside(OUTPUT_TOKENS, output_tokens, demand)
    bounds = bounds_for(predictor.model, demand)
    count = most_tokens(
        lambda prompt: bounds(prompt, output_tokens), demand.limits, SHORTEST - 1, room
    )
    ends = [(max(count, SHORTEST), output_tokens), (count + 1, output_tokens)]
    return _plan(predictor, demand, INPUT_TOKENS, ends[: 1 + (count < room)])


def most_tokens(bounds: Callable[[int], AtMost], limits: Limits, fewest: int, most: int) -> int:
    """Find the most tokens that keep every limit, by bisection.

    Args:
        bounds: What a number of tokens takes at most, never falling.
        limits: What has to be kept.
        fewest: Tokens known to keep them; any fewer than ``SHORTEST`` stand for none.
        most: Tokens that are enough.
    """
    candidates = range(fewest + 1, most + 1)
    return fewest + bisect_left(
        candidates, True, key=lambda count: bool(limits.broken_by(bounds(count)))
    )


def _plan(
    predictor: ModelPredictor, demand: Demand, sought: str, ends: Sequence[tuple[int, int]]
) -> Plan:
    """Describe a plan.

    Args:
        predictor: The model.
        demand: What had to be kept.
        sought: Which count was sought.
        ends: The longest request, or the shortest where none is possible; and the next one, where
            the context holds it.
    """
    record, limits = predictor.model.record, demand.limits
    every = Limits.__struct_fields__
    bounds = UpperBounds.of(predictor.model, demand, every)
    at_most, *further = (bounds(*end) for end in ends)
    feasible = not limits.broken_by(at_most)
    following = further[0] if further and feasible else None
    found = dict(zip((INPUT_TOKENS, OUTPUT_TOKENS), ends[0], strict=True))
    return Plan(
        model=record.id,
        name=record.name,
        device=record.device,
        power_mode=record.power_mode,
        runtime=record.runtime,
        precision=record.precision,
        sought=sought,
        input_tokens=found[INPUT_TOKENS] if feasible or sought == OUTPUT_TOKENS else None,
        output_tokens=found[OUTPUT_TOKENS] if feasible or sought == INPUT_TOKENS else None,
        feasible=feasible,
        ended_by_context=feasible and following is None,
        limits=limits,
        probability=demand.probability,
        confidence=demand.confidence,
        parallel=demand.parallel,
        context_tokens=demand.context_tokens,
        at_most=at_most,
        next_at_most=following,
        broken=limits.broken_by(at_most if following is None else following),
        unshown=None if feasible else unshown_power(predictor.model, demand, bounds, ends[0]),
        notes=(*notes_on(predictor.model, demand, every), *_outside(predictor, ends[0], demand)),
    )


def _outside(
    predictor: ModelPredictor, request: tuple[int, int], demand: Demand
) -> tuple[str, ...]:
    """Say where a request lies outside the measured range."""
    prediction = predictor(*request, confidence=demand.confidence, parallel=demand.parallel)
    return tuple(
        f"{name} extrapolates: {phase.extrapolates}"
        for name, phase in (("prefill", prediction.prefill), ("decode", prediction.decode))
        if phase.extrapolates
    )
