"""The points to measure next: candidates and requests of a known law, put before a designer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from token2metrics.modeling.design import Candidates, Designer, Targets, Thrift
from token2metrics.modeling.knowledge import Array, Knowledge, Views, as_percent, summed
from token2metrics.modeling.known_law import KnownLaw
from token2metrics.modeling.law import Law
from token2metrics.modeling.lengths import Tokens
from token2metrics.vocabulary import FITTED_PHASES, Phase

REQUEST_OVERHEAD_S = 0.1
"""What a request costs beside its latency: connecting, checking, and the journal."""

PHYSICAL_TERMS = 3
"""Arithmetic, bandwidth and launches: so many prompts must be seen before errors of prefill
are expected."""


@dataclass(frozen=True, slots=True)
class Requests:
    """The requests that predictions should be good for.

    Attributes:
        tokens: Prompt and answer tokens, ``(requests, 2)``.
        counts: How often each comes, ``(requests,)``.
    """

    tokens: Tokens
    counts: Array


def designer_of(
    known: KnownLaw,
    candidates: Tokens,
    requests: Requests,
    judged: tuple[Phase, ...],
    repeats: int = 1,
    thrift: Thrift = Thrift.POINTS,
) -> Designer:
    """Return a designer of the points to measure.

    Args:
        known: The law and what is known of it.
        candidates: Requests that could be measured, without duplicates; those of them that were
            measured are left out, as long as others remain.
        requests: Those that count.
        judged: The phases whose errors count.
        repeats: How often each point is to be measured.
        thrift: What is scarce.
    """
    tokens = _unmeasured(known, candidates)
    views = known.law.views(tokens.astype(np.float64), repeats)
    latency_s = np.sum([view.latency_s for view in views.values()], axis=0)
    seconds = repeats * (latency_s + REQUEST_OVERHEAD_S)
    missing = max(PHYSICAL_TERMS - known.own_prompts, 0)
    return Designer(
        candidates=Candidates(tokens, views, seconds),
        targets=targets_of(known.law, requests, judged),
        determining=missing if Phase.PREFILL in judged else 0,
        thrift=thrift,
    )


def _unmeasured(known: KnownLaw, candidates: Tokens) -> Tokens:
    """Return the candidates in ascending order, whose settings were not measured yet."""
    ordered = np.unique(candidates, axis=0)
    if known.rows is None:
        return ordered
    measured = {(int(prompt), int(steps) + 1) for prompt, steps in known.rows.settings}
    fresh = [pair for pair in ordered.tolist() if tuple(pair) not in measured]
    return np.array(fresh, dtype=np.int64) if fresh else ordered


def targets_of(law: Law, requests: Requests, judged: tuple[Phase, ...]) -> Targets:
    """Return the requests as a designer judges them: each phase, and the whole.

    Args:
        law: The law.
        requests: The requests.
        judged: The phases whose errors count; one that no request has does not.
    """
    shown: dict[Phase, Views] = dict(law.views(requests.tokens.astype(np.float64)))
    shown[Phase.REQUEST] = summed({phase: shown[phase] for phase in FITTED_PHASES})
    views, weights = {}, {}
    for phase, view in shown.items():
        if view.shows.any():
            views[phase] = view.at(view.shows)
            counts = requests.counts[view.shows]
            weights[phase] = counts / counts.sum()
    return Targets(views, weights, tuple(phase for phase in judged if phase in views))


def expected_percent(targets: Targets, knowledge: Knowledge) -> Mapping[Phase, float]:
    """Return the expected 90th percentile of the absolute errors, in percent.

    Args:
        targets: The requests.
        knowledge: What is known.

    Returns:
        By phase, ``request`` for the whole; a phase that no request has is missing.
    """
    return {p: as_percent(targets.ninetieth(knowledge, p)) for p in targets.views}
