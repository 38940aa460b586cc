"""Designed plans: the few points of a calibration, and those that characterise a device."""

from __future__ import annotations

from token2metrics.errors import ConfigurationError
from token2metrics.measure.next_points import Known, Wish, next_points
from token2metrics.measure.plan import TILE_EDGES, Point, fitting_prompt
from token2metrics.modeling.lengths import Limits, candidate_tokens

CHARACTERISING_POINTS = 12
"""With the stairs, each phase then has more settings than ``auto`` wants of a spline before it
offers one (16 in prefill), and decode is seen at as many depths."""


def limits_within(
    longest_input: int, longest_output: int, context_tokens: int | None = None
) -> Limits:
    """Return both limits, prompts shortened to what a context holds beside the longest answer.

    Args:
        longest_input: Most prompt tokens.
        longest_output: Most answer tokens.
        context_tokens: Most tokens of both together; None if unknown.
    """
    fitting = fitting_prompt(longest_input, longest_output, context_tokens)
    return Limits(fitting, longest_output)


def check_room(points: int, limits: Limits) -> None:
    """Refuse a calibration for which there are too few lengths.

    Args:
        points: How many points are wanted.
        limits: How long requests may be.

    Raises:
        ConfigurationError: If there are fewer lengths, or none that decodes.
    """
    if points < 1 or limits.longest_input < 1 or limits.longest_output < 2:
        raise ConfigurationError(
            "expected at least one point, prompts of 1 token and answers of 2, got "
            f"{points} points, {limits.longest_input} and {limits.longest_output} tokens"
        )
    prompts = len(set(candidate_tokens(limits, prefill_alone=False)[:, 0].tolist()))
    if prompts < points:
        raise ConfigurationError(
            f"expected room for {points} prompts up to {limits.longest_input} tokens, got "
            f"{prompts} lengths; raise --max-input-tokens or ask for fewer --points"
        )


def calibration_plan(known: Known, points: int, limits: Limits, repeats: int) -> tuple[Point, ...]:
    """Return the points of a calibration, each of both phases.

    A prefill alone would be cheaper, but intervals rest on held-out rows, and every point that
    decodes adds one to either phase.

    Args:
        known: What is known of the model on the device.
        points: How many.
        limits: How long requests may be.
        repeats: How often each is measured.

    Raises:
        ConfigurationError: If there are fewer lengths than points.
    """
    check_room(points, limits)
    wish = Wish(limits=limits, points=points, repeats=repeats, prefill_alone=False)
    return next_points(known, wish).plan


def characterising_plan(known: Known, limits: Limits) -> tuple[Point, ...]:
    """Return the points that characterise a device.

    Those designed come first; then prefills at both sides of each tile edge, so that the staircase
    is seen whether or not it was believed, and of the longest prompt, so that the range that was
    asked for is the range that was measured.

    Args:
        known: What is known of the model on the device.
        limits: How long requests may be.
    """
    prompts = set(candidate_tokens(limits, prefill_alone=True)[:, 0].tolist())
    count = min(CHARACTERISING_POINTS, len(prompts))
    designed = next_points(known, Wish(limits=limits, points=count)).plan
    stairs = [Point(edge + step, 1) for edge in TILE_EDGES for step in (0, 1)]
    seen = [point for point in stairs if point.input_tokens <= limits.longest_input]
    return tuple(dict.fromkeys((*designed, *seen, Point(limits.longest_input, 1))))
