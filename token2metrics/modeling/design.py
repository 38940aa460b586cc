"""Which requests to measure next: those that tell most of the law, then those that lower the error.

The first points of a model nobody measured determine its prefill. As many as it has physical terms
are D-optimal (Chaloner and Verdinelli 1995, "Bayesian experimental design", section 2.2): their
prompts raise the determinant of the information of the weights and departures the most. An expected
error is not to be trusted before: it rests on where the belief thinks that one term takes over from
the next. Decode has no such place, its belief is narrow and its law a sum.

Further points, and the answers of the first, are those after which the expected absolute error of
the requests people will send is least (V-optimality, with spreads in place of variances): they do
not go after weights that hardly enter any request. On the prefill sweep of three models on a Jetson
AGX Orin this beats random points for each model at three points and at five, which neither
criterion does alone (``benchmarks/next_points.py``).

Points are added one by one, so that the first points of a plan are a plan themselves: people may
stop at any of them, and one point more never raises what is expected. Exchanging earlier points
for later ones would give that up.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from token2metrics.modeling.knowledge import (
    NORMAL_MEAN,
    Array,
    Knowledge,
    PhaseViews,
    Views,
    quantile_of_errors,
)
from token2metrics.vocabulary import FITTED_PHASES, Phase

WORTH = 0.999
"""Of all points that gain at least this share of what the best one gains, the cheapest is taken.
Lower shares buy little time for much accuracy: a few percent less of the gain let the third point
of a prefill sweep move to another term of the law."""

Indices = NDArray[np.int_]


class Thrift(StrEnum):
    """What is scarce."""

    POINTS = "points"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Candidates:
    """Requests that could be measured.

    Attributes:
        tokens: Prompt and answer tokens, ``(candidates, 2)``, without duplicates.
        views: What a measurement of each phase tells; noise is infinite where it has no work.
        seconds: What each costs, repeats included, ``(candidates,)``.
    """

    tokens: NDArray[np.int64]
    views: PhaseViews
    seconds: Array


@dataclass(frozen=True, slots=True)
class Targets:
    """The requests whose predictions count.

    Attributes:
        views: How each phase of them, or the whole, depends on the coefficients, of those that
            have such work; the noise is the scatter of one more measurement.
        weights: How often each of these comes, summing to one.
        judged: The phases whose expected errors are lowered, each as important as the other.
    """

    views: PhaseViews
    weights: Mapping[Phase, Array]
    judged: tuple[Phase, ...]

    def mean_error(self, knowledge: Knowledge) -> float:
        """Return the expected absolute error of the judged phases, as a logarithm."""
        return float(np.mean([self.mean_error_of(knowledge, phase) for phase in self.judged]))

    def mean_error_of(self, knowledge: Knowledge, phase: Phase) -> float:
        """Return the expected absolute error of one phase, as a logarithm."""
        spreads = np.sqrt(knowledge.variances(self.views[phase]))
        return NORMAL_MEAN * float(self.weights[phase] @ spreads)

    def ninetieth(self, knowledge: Knowledge, phase: Phase) -> float:
        """Return the expected 90th percentile of a phase's absolute errors, as a logarithm."""
        spreads = np.sqrt(knowledge.variances(self.views[phase]))
        return quantile_of_errors(spreads, self.weights[phase])


@dataclass(frozen=True, slots=True)
class Step:
    """One designed point and what is known after it.

    Attributes:
        place: Which candidate.
        seconds: What it costs.
        knowledge: After it and all before it.
    """

    place: int
    seconds: float
    knowledge: Knowledge


@dataclass(frozen=True, slots=True)
class Designer:
    """Chooses points one by one.

    Attributes:
        candidates: What could be measured, in any order: it does not matter.
        targets: What should be predicted well.
        determining: How many points determine prefill before others lower the expected error.
        thrift: What is scarce: with points, the cheapest of those that gain nearly the most is
            next; with time, what gains most per second.
    """

    candidates: Candidates
    targets: Targets
    determining: int
    thrift: Thrift = Thrift.POINTS

    def determined_by(self, points: int) -> Designer:
        """Return a designer with another number of points that determine the law."""
        return replace(self, determining=points)

    def next_step(self, knowledge: Knowledge, measured: Collection[int]) -> Step | None:
        """Return the best next point; None where no length is left.

        No two points share a prompt length, and answers take turns: a law that is off at one
        length should not be believed twice, and how power ramps up shows at several answers alone.

        Args:
            knowledge: What is known.
            measured: Candidates that were chosen already.
        """
        prompts = self.candidates.tokens[:, 0]
        free = self._free(sorted(measured))
        if not len(free):
            return None
        if len(measured) < self.determining:
            telling = self._worthy(free, self._informed(knowledge, free))
            prompt = prompts[min(telling, key=self._cost)]
            free = free[prompts[free] == prompt]
        worthy = self._worthy(free, self._gains(knowledge, free))
        place = min(worthy, key=self._cost)
        return Step(int(place), float(self.candidates.seconds[place]), self.after(knowledge, place))

    def _free(self, measured: list[int]) -> Indices:
        """Return the candidates at other prompts, with answers used least; or with none at all."""
        prompts, answers = self.candidates.tokens.T
        fresh = ~np.isin(prompts, prompts[measured])
        used = np.array([np.sum(answers[measured] == answer) for answer in answers])
        decodes = fresh & (answers > 1)
        least = used[decodes].min(initial=len(measured))
        return np.flatnonzero(fresh & ((answers <= 1) | (used == least)))

    def _worthy(self, free: Indices, gains: Array) -> Indices:
        """Return the candidates that gain about as much as the best of them does."""
        seconds = self.candidates.seconds[free]
        worth = gains if self.thrift is Thrift.POINTS else gains / seconds
        worthy: Indices = free[worth >= WORTH * worth.max()]
        return worthy

    def _cost(self, place: int) -> tuple[float, ...]:
        """Return what decides between candidates of the same worth: seconds, then lengths."""
        return (float(self.candidates.seconds[place]), *self.candidates.tokens[place].tolist())

    def after(self, knowledge: Knowledge, place: int) -> Knowledge:
        """Return what is known once a candidate is measured."""
        for views in self.candidates.views.values():
            if views.shows[place]:
                knowledge = knowledge.after(views.at(np.array([place])))
        return knowledge

    def _informed(self, knowledge: Knowledge, free: Indices) -> Array:
        """Return by how much each candidate's prefill raises the information, ``(free,)``.

        As the logarithm of the determinant.
        """
        seen = self.candidates.views[Phase.PREFILL].at(free)
        known = (knowledge.variances(seen) - seen.noise) / seen.noise
        informed: Array = np.log1p(np.maximum(known, 0.0))
        return informed

    def _gains(self, knowledge: Knowledge, free: Indices) -> Array:
        """Return by how much each candidate lowers the expected error, ``(free,)``."""
        seen = {phase: self.candidates.views[phase].at(free) for phase in FITTED_PHASES}
        before = self.targets.mean_error(knowledge)
        errors = []
        for phase in self.targets.judged:
            asked = self.targets.views[phase]
            variances = knowledge.variances(asked)[:, None] - reductions(knowledge, asked, seen)
            spreads = np.sqrt(np.maximum(variances, asked.noise[:, None]))
            errors.append(self.targets.weights[phase] @ spreads)
        gains: Array = before - NORMAL_MEAN * np.mean(errors, axis=0)
        return np.maximum(gains, 0.0)


def _crossed(knowledge: Knowledge, seen: PhaseViews) -> tuple[Array, Array, Array]:
    """Return the variance of both phases of each measurement, and their covariance.

    All in units of the noise of the measurements, each ``(candidates,)``.
    """
    scaled = [views.slopes / np.sqrt(views.noise)[:, None] for views in seen.values()]
    first, second = (part @ knowledge.covariance for part in scaled)
    own = np.einsum("ci,ci->c", first, scaled[0])
    other = np.einsum("ci,ci->c", second, scaled[1])
    return own, other, np.einsum("ci,ci->c", first, scaled[1])


def reductions(knowledge: Knowledge, asked: Views, seen: PhaseViews) -> Array:
    """Return by how much each measurement lowers the variance of each request.

    Returns:
        Variances, ``(requests, candidates)``.
    """
    own, other, both = _crossed(knowledge, seen)
    determinants = (1.0 + own) * (1.0 + other) - both**2
    pulled = asked.slopes @ knowledge.covariance
    first, second = (
        pulled @ (views.slopes / np.sqrt(views.noise)[:, None]).T for views in seen.values()
    )
    lowered = (1.0 + other) * first**2 - 2.0 * both * first * second + (1.0 + own) * second**2
    lower: Array = lowered / determinants
    return lower


def grown(
    designer: Designer, knowledge: Knowledge, most: int, budget_s: float | None = None
) -> Sequence[Step]:
    """Return the points of a plan, in the order in which to measure them.

    Args:
        designer: Chooses them.
        knowledge: What is known before.
        most: Most points.
        budget_s: Seconds that all of them may take; None for any.

    Returns:
        At most that many; the plan of a smaller budget is the beginning of that of a larger one.
    """
    steps: list[Step] = []
    spent_s = 0.0
    while len(steps) < most:
        step = designer.next_step(knowledge, [one.place for one in steps])
        if step is None or (budget_s is not None and spent_s + step.seconds > budget_s):
            break
        steps.append(step)
        spent_s += step.seconds
        knowledge = step.knowledge
    return steps
