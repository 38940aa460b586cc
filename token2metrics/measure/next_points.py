"""Which requests to measure next on a device, what they cost, and what is expected of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from token2metrics.config import ExperimentConfig
from token2metrics.errors import ConfigurationError
from token2metrics.measure.plan import Point
from token2metrics.modeling.candidates import Candidate
from token2metrics.modeling.design import Designer, Step, Thrift, grown
from token2metrics.modeling.knowledge import Knowledge
from token2metrics.modeling.known_law import KnownLaw, known_law
from token2metrics.modeling.lengths import Limits, candidate_tokens, likely_tokens
from token2metrics.modeling.next_points import Requests, designer_of, expected_percent
from token2metrics.processors.pipeline import PreparedData
from token2metrics.vocabulary import FITTED_PHASES, Phase

MOST_POINTS = 40
"""A plan that is to reach a target or to fill a time ends here."""

CPU = "cpu"


class ExpectedErrors(msgspec.Struct, frozen=True, kw_only=True):
    """90th percentile of the absolute errors over the requests that count, in percent.

    Attributes:
        prefill: Of prefill.
        decode: Of decode; None where no request decodes.
        request: Of whole requests.
    """

    prefill: float | None
    decode: float | None
    request: float | None


class NextPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One point to measure.

    Attributes:
        input_tokens: Prompt tokens.
        output_tokens: Answer tokens; with 1 the request is a prefill alone.
        seconds: What it costs, repeats included.
        p90_error_percent: Expected once it and all points before it are measured.
    """

    input_tokens: int
    output_tokens: int
    seconds: float
    p90_error_percent: ExpectedErrors


class NextPoints(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure next.

    Attributes:
        model: Model id.
        device: Device.
        law: Family, calibration and source of each phase, in words.
        own_rows: Measured rows of the model on the device that are known already.
        requests: How many requests the errors are expected over.
        repeats: How often each point is to be measured.
        now: What is expected before anything more is measured.
        points: In the order in which to measure them.
        target_percent: The 90th percentile that was asked for; None without one.
        judged: The phase whose error has to reach it.
        reached_after: Points after which it is reached; None where it is not.
    """

    model: str
    device: str
    law: Mapping[Phase, str]
    own_rows: int
    requests: int
    repeats: int
    now: ExpectedErrors
    points: tuple[NextPoint, ...]
    target_percent: float | None
    judged: Phase
    reached_after: int | None

    @property
    def seconds(self) -> float:
        """What all points cost together."""
        return sum(point.seconds for point in self.points)

    @property
    def plan(self) -> tuple[Point, ...]:
        """The points as a plan of ``measure``."""
        return tuple(Point(one.input_tokens, one.output_tokens) for one in self.points)


@dataclass(frozen=True, slots=True)
class Known:
    """What a design starts from.

    Attributes:
        data: Prepared measurements.
        catalog: Every known experiment.
        experiment: The model and device.
        chosen: How a training described each phase; those left out start from the most trusted
            belief.
        torch_device: Where fits run.
    """

    data: PreparedData
    catalog: Sequence[ExperimentConfig]
    experiment: ExperimentConfig
    chosen: Mapping[Phase, Candidate] | None = None
    torch_device: str = CPU


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is wanted of a design.

    Attributes:
        limits: How long requests may be.
        requests: Those that count; None for any up to the limits, evenly in logarithms.
        points: Exactly so many points, or with a target at most.
        target_percent: Stop once the expected 90th percentile is at most this.
        budget_s: Seconds that all points may take.
        judged: The phase whose error counts; for whole requests both phases are lowered.
        repeats: How often each point is to be measured.
        prefill_alone: Whether points without decode may be among them.
    """

    limits: Limits
    requests: Requests | None = None
    points: int | None = None
    target_percent: float | None = None
    budget_s: float | None = None
    judged: Phase = Phase.REQUEST
    repeats: int = 1
    prefill_alone: bool = True


def next_points(known: Known, wish: Wish) -> NextPoints:
    """Design the next points.

    Args:
        known: What is known.
        wish: What is wanted.

    Raises:
        ConfigurationError: If there are fewer lengths than points.
    """
    law = known_law(known.data, known.catalog, known.experiment, known.chosen, known.torch_device)
    return designed(known.experiment, law, wish)


def designed(experiment: ExperimentConfig, law: KnownLaw, wish: Wish) -> NextPoints:
    """Design the next points of a known law.

    Args:
        experiment: The model and device.
        law: The law.
        wish: What is wanted.

    Raises:
        ConfigurationError: If there are fewer lengths than points.
    """
    requests = wish.requests or _evenly(wish.limits)
    designer = designer_of(
        law,
        candidate_tokens(wish.limits, wish.prefill_alone),
        requests,
        FITTED_PHASES if wish.judged is Phase.REQUEST else (wish.judged,),
        wish.repeats,
        Thrift.POINTS if wish.budget_s is None else Thrift.TIME,
    )
    _refuse_nothing_judged(designer, wish)
    most = MOST_POINTS if wish.points is None else wish.points
    steps = grown(designer, law.knowledge, most, wish.budget_s)
    _refuse_too_few(len(steps), wish)
    now = _expected(designer, law.knowledge)
    points = tuple(_point(designer, step) for step in steps)
    reached = _reached([now, *(point.p90_error_percent for point in points)], wish)
    return NextPoints(
        model=experiment.model.id,
        device=experiment.edge.name,
        law={phase: str(one.candidate) for phase, one in law.law.phases.items()},
        own_rows=law.own_rows,
        requests=int(requests.counts.sum()),
        repeats=wish.repeats,
        now=now,
        points=points if reached is None else points[:reached],
        target_percent=wish.target_percent,
        judged=wish.judged,
        reached_after=reached,
    )


def _refuse_nothing_judged(designer: Designer, wish: Wish) -> None:
    """Refuse to lower the error of a phase that no request has."""
    if not designer.targets.judged:
        raise ConfigurationError(
            f"expected requests with a {wish.judged} for --phase {wish.judged}, got answers of one "
            "token alone; raise --max-output-tokens or judge another phase"
        )


def _refuse_too_few(found: int, wish: Wish) -> None:
    """Refuse a number of points for which there are too few lengths."""
    exact = wish.budget_s is None and wish.target_percent is None
    if exact and wish.points is not None and found < wish.points:
        raise ConfigurationError(
            f"expected room for {wish.points} prompts of different lengths up to "
            f"{wish.limits.longest_input} tokens, got {found}; raise --max-input-tokens or ask "
            "for fewer --points"
        )


def _expected(designer: Designer, knowledge: Knowledge) -> ExpectedErrors:
    """Return what is expected of the requests that count."""
    found = expected_percent(designer.targets, knowledge)
    return ExpectedErrors(**{str(phase): found.get(phase) for phase in Phase})


def _point(designer: Designer, step: Step) -> NextPoint:
    """Describe a designed point."""
    prompt, answer = designer.candidates.tokens[step.place].tolist()
    return NextPoint(
        input_tokens=prompt,
        output_tokens=answer,
        seconds=step.seconds,
        p90_error_percent=_expected(designer, step.knowledge),
    )


def _evenly(limits: Limits) -> Requests:
    """Return requests of all lengths up to the limits, each as likely as the others."""
    tokens = likely_tokens(limits)
    return Requests(tokens, np.ones(len(tokens)))


def _reached(errors: Sequence[ExpectedErrors], wish: Wish) -> int | None:
    """Return after how many points the target is reached; None without one, or never."""
    if wish.target_percent is None:
        return None
    for points, expected in enumerate(errors):
        value = getattr(expected, wish.judged)
        if value is not None and value <= wish.target_percent:
            return points
    return None
