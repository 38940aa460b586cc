"""A phase over tokens: the curve of its predictions, with the rows measured."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from msgspec import Struct

from token2metrics.artifact.manifest import Hull
from token2metrics.findings.shown import LATENCY, CurvePoint, MeasuredStep, Point, TokenCurve
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.result import Interval, PhasePrediction
from token2metrics.vocabulary import MAX_TOKENS, Phase
from token2metrics.workload import TILE_TOKENS

BEYOND = 1.1
"""Curves go on so far beyond the longest measured length."""

SHORTEST_TOKENS = 16
"""Shorter prompts look alike."""

SMOOTH_POINTS = 40
"""Points of a curve beside its steps, spread over the logarithm of the length."""

MOST_EDGES = 64
"""So many steps are drawn; of a curve with more, those that are spread evenly."""

FEWEST_DECODING_TOKENS = 2
"""The first token ends prefill, so that only a second one is decoded."""


class Lengths(Struct, frozen=True):
    """Between which lengths a curve is drawn.

    Attributes:
        input_tokens: Fewest and most prompt tokens.
        output_tokens: Fewest and most output tokens.
    """

    input_tokens: tuple[int, int]
    output_tokens: tuple[int, int]

    def of(self, hull: Hull | None) -> Lengths:
        """Return the measured lengths of a phase; without any, these."""
        if hull is None:
            return self
        prompts, answers = hull.input_tokens, hull.output_tokens or self.output_tokens
        return Lengths(
            (int(prompts[0]), math.ceil(prompts[1])), (int(answers[0]), math.ceil(answers[1]))
        )


def staircase_of(
    predictor: ModelPredictor, points: Sequence[Point], usual: Lengths, confidence: float
) -> TokenCurve | None:
    """Return prefill over prompt tokens; None without a fit.

    Args:
        predictor: The model.
        points: Its measured numbers.
        usual: Lengths of the curve of a model that was not measured.
        confidence: Of the intervals.
    """
    record = predictor.model.record.phases.get(Phase.PREFILL)
    if record is None:
        return None
    measured = _measured(points, Phase.PREFILL)
    known = [usual.of(record.hull).input_tokens[1], *(one.input_tokens for one in measured)]
    longest = _within(max(known) * BEYOND)
    predicted = []
    for prompt in _prompt_lengths(longest, predictor):
        told = predictor(prompt, 1, confidence=confidence).prefill
        predicted.append(_on_curve((prompt, 1), float(prompt), 1, told))
    steps = tuple(_step(one, float(one.input_tokens), 1) for one in measured)
    return TokenCurve(predicted=_known(predicted), measured=steps)


def context_of(
    predictor: ModelPredictor, points: Sequence[Point], usual: Lengths, confidence: float
) -> TokenCurve | None:
    """Return the time per output token over the context it is generated in; None without a fit.

    The curve follows prompts and answers that grow together, from the shortest measured to the
    longest.

    Args:
        predictor: The model.
        points: Its measured numbers.
        usual: Lengths of the curve of a model that was not measured.
        confidence: Of the intervals.
    """
    record = predictor.model.record.phases.get(Phase.DECODE)
    if record is None:
        return None
    lengths = usual.of(record.hull)
    pairs = zip(
        _spread(*lengths.input_tokens),
        _spread(*(max(count, FEWEST_DECODING_TOKENS) for count in lengths.output_tokens)),
        strict=True,
    )
    predicted = []
    for prompt, answer in dict.fromkeys(pairs):
        told = predictor(prompt, answer, confidence=confidence).decode
        place = mean_context(prompt, answer)
        predicted.append(_on_curve((prompt, answer), place, answer - 1, told))
    steps = tuple(
        _step(one, mean_context(one.input_tokens, one.output_tokens), one.output_tokens - 1)
        for one in _measured(points, Phase.DECODE)
        if one.output_tokens >= FEWEST_DECODING_TOKENS
    )
    return TokenCurve(predicted=_known(predicted), measured=steps)


def mean_context(input_tokens: int, output_tokens: int) -> float:
    """Return the mean length of the context over the decode steps of an answer.

    A step attends to the prompt and the tokens generated so far, as ``workload_of`` counts them.

    Args:
        input_tokens: Prompt tokens.
        output_tokens: Generated tokens.
    """
    return input_tokens + output_tokens / 2.0


def _measured(points: Sequence[Point], phase: Phase) -> list[Point]:
    """Return the measured latencies of a phase."""
    return [one for one in points if one.phase is phase and one.metric == LATENCY]


def _within(tokens: float) -> int:
    """Return a length that a request can have."""
    return min(max(math.ceil(tokens), FEWEST_DECODING_TOKENS), MAX_TOKENS)


def _prompt_lengths(longest: int, predictor: ModelPredictor) -> list[int]:
    """Return lengths that show every step: both sides of each, and some between."""
    learned = predictor.model.weights[Phase.PREFILL].curve.steps
    edges = {int(edge) for edge in (learned.edges if learned is not None else ())}
    edges |= set(range(TILE_TOKENS, longest, TILE_TOKENS))
    shortest = min(SHORTEST_TOKENS, longest)
    inside = sorted(edge for edge in edges if shortest <= edge < longest)
    apart = max(math.ceil(len(inside) / MOST_EDGES), 1)
    shown = inside[apart - 1 :: apart]
    return sorted({*_spread(shortest, longest), *shown, *(edge + 1 for edge in shown)})


def _spread(least: int, most: int) -> list[int]:
    """Return ``SMOOTH_POINTS`` and one lengths, rising over their logarithm, both ends included."""
    start, end = max(least, 1), max(most, least, 1)
    ratio = math.log(end / start)
    return [
        min(max(round(start * math.exp(ratio * place / SMOOTH_POINTS)), start), end)
        for place in range(SMOOTH_POINTS + 1)
    ]


def _on_curve(
    tokens: tuple[int, int], place: float, steps: int, told: PhasePrediction
) -> CurvePoint | None:
    """Return a point of a curve; None where nothing is predicted."""
    if told.latency_s is None:
        return None
    exactly = Interval(lower=told.latency_s, upper=told.latency_s)
    bounds = told.latency_interval_s or exactly
    return CurvePoint(
        input_tokens=tokens[0],
        output_tokens=tokens[1],
        context_tokens=place,
        value_s=told.latency_s / steps,
        lower_s=bounds.lower / steps,
        upper_s=bounds.upper / steps,
        extrapolated=told.extrapolates is not None,
    )


def _step(point: Point, place: float, steps: int) -> MeasuredStep:
    """Return a measured row on a curve."""
    return MeasuredStep(
        input_tokens=point.input_tokens,
        output_tokens=point.output_tokens,
        context_tokens=place,
        value_s=point.measured / steps,
        standing=point.standing,
    )


def _known(points: Iterable[CurvePoint | None]) -> tuple[CurvePoint, ...]:
    """Return the points that are predicted."""
    return tuple(one for one in points if one is not None)
