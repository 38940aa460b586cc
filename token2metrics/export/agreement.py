"""Compare what an exported file says with what the predictor says."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import product
from pathlib import Path

from token2metrics.export.checking.tool import Answers, ExportError, Request, Tool
from token2metrics.export.target import Bundle
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.quantities import EXTRAPOLATED, ends_of
from token2metrics.prediction.result import Interval, PhasePrediction, Prediction, Result
from token2metrics.vocabulary import FITTED_PHASES, MAX_TOKENS
from token2metrics.workload import TILE_TOKENS, WIDE_TILE_TOKENS, WIDEST_TILE_TOKENS

LARGEST_DIFFERENCE = 1e-6
"""Exported files agree with the predictor to this share."""

FEW_TOKENS = (0, 1, 2, 3)
TILES = (TILE_TOKENS, WIDE_TILE_TOKENS, WIDEST_TILE_TOKENS)
FAR_OUTSIDE = 10.0
MOST_COUNTS = 32
"""Each model is asked at so many lengths of prompts, and of answers."""

TOTAL_NAMES = ("latency_s", "energy_j")
PHASE_NAMES = (*TOTAL_NAMES, "power_w")


class Agreement(Result, frozen=True):
    """What a check found.

    Attributes:
        tool: What read the file.
        requests: Requests of each model.
        values: Numbers compared, all models and quantities together.
        largest_relative_difference: From the predictor.
    """

    tool: str
    requests: int
    values: int
    largest_relative_difference: float


def quantities_of(told: Prediction) -> dict[str, float | None]:
    """Return everything a prediction says under the names of the quantities."""
    found: dict[str, float | None] = {}
    for phase in FITTED_PHASES:
        part: PhasePrediction = getattr(told, phase)
        for name in PHASE_NAMES:
            found |= _with_ends(f"{phase}_{name}", getattr(part, name), _interval(part, name))
    for name in TOTAL_NAMES:
        found |= _with_ends(name, getattr(told, name), _interval(told, name))
    return found | {"power_w": told.power_w, EXTRAPOLATED: float(told.extrapolated)}


def _interval(told: Prediction | PhasePrediction, name: str) -> Interval | None:
    """Return the interval of a quantity."""
    stem, unit = name.rsplit("_", 1)
    found: Interval | None = getattr(told, f"{stem}_interval_{unit}")
    return found


def _with_ends(
    name: str, value: float | None, interval: Interval | None
) -> dict[str, float | None]:
    """Return a quantity and its bounds by name."""
    lower, upper = ends_of(name)
    if interval is None:
        return {name: value, lower: None, upper: None}
    return {name: value, lower: interval.lower, upper: interval.upper}


def grid(bundle: Bundle) -> tuple[Request, ...]:
    """Return requests at which formulas change, inside the measured ranges and far outside."""
    prompts, answers = set(FEW_TOKENS), set(FEW_TOKENS)
    for tile in TILES:
        prompts |= {tile - 1, tile, tile + 1}
    for one in bundle.models:
        for record in one.record.phases.values():
            if record.hull is not None:
                prompts |= _around(record.hull.input_tokens)
                answers |= _around(record.hull.output_tokens or ())
    return tuple(product(_some(prompts), _some(answers)))


def _some(counts: Collection[int]) -> list[int]:
    """Return counts in order; of very many, some that are spread over them, ends included."""
    ordered = sorted(counts)
    steps = min(len(ordered), MOST_COUNTS) - 1
    return [ordered[place * (len(ordered) - 1) // steps] for place in range(steps + 1)]


def _around(ends: Sequence[float]) -> set[int]:
    """Return counts at the ends of a range, beside them, far outside and as far as there are."""
    if not ends:
        return set()
    fewest, most = int(ends[0]), int(ends[-1])
    found = {fewest - 1, fewest, most, most + 1, int(most * FAR_OUTSIDE), MAX_TOKENS}
    return {count for count in found if 0 <= count <= MAX_TOKENS}


def check_agreement(
    path: Path,
    bundle: Bundle,
    predictors: Sequence[ModelPredictor],
    tool: Tool,
    requests: Sequence[Request],
) -> Agreement:
    """Carry a file out and compare it with the predictor.

    Args:
        path: The file.
        bundle: What it was written from.
        predictors: The models of the bundle, in order.
        tool: What reads the file.
        requests: Whole token counts.

    Raises:
        ExportError: If the file cannot be carried out, or says something else.
    """
    return compare(tool.answers(path, bundle, requests), bundle, predictors, tool.name, requests)


def compare(
    answers: Answers,
    bundle: Bundle,
    predictors: Sequence[ModelPredictor],
    tool: str,
    requests: Sequence[Request],
) -> Agreement:
    """Compare answers with the predictor.

    Raises:
        ExportError: If one differs by more than ``LARGEST_DIFFERENCE``.
    """
    largest, values = 0.0, 0
    for one, predictor in zip(bundle.models, predictors, strict=True):
        for request, row in zip(requests, answers[one.identifier], strict=True):
            prompt, answer = map(int, request)
            told = predictor(prompt, answer, confidence=bundle.confidence, parallel=bundle.parallel)
            wanted = quantities_of(told)
            for name, found in zip(bundle.quantities, row, strict=True):
                difference = relative_difference(found, wanted[name])
                if not difference <= LARGEST_DIFFERENCE:
                    raise ExportError(
                        f"{tool} gives {found} for {name} of {one.identifier} at {prompt} input "
                        f"and {answer} output tokens, the predictor {wanted[name]}"
                    )
                largest, values = max(largest, difference), values + 1
    return Agreement(
        tool=tool,
        requests=len(requests),
        values=values,
        largest_relative_difference=largest,
    )


def relative_difference(found: float | None, wanted: float | None) -> float:
    """Return by how much a number is off; infinitely where only one is known."""
    if found is None or wanted is None:
        return 0.0 if found is wanted else float("inf")
    if found == wanted:
        return 0.0
    return abs(found - wanted) / max(abs(found), abs(wanted))
