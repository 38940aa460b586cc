"""Explanations as bars and tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise

from rich.bar import Bar
from rich.console import Console

from token2metrics.artifact.manifest import ErrorSummary
from token2metrics.prediction.explanation import (
    Demand,
    EnergyExplanation,
    Explanation,
    Factor,
    Foundation,
    PhaseExplanation,
    Term,
)
from token2metrics.prediction.result import Interval, PhasePrediction, Prediction
from token2metrics.report.predictions import between, heading
from token2metrics.report.remarks import campaign_lines, outlier_lines
from token2metrics.report.tables import (
    WARNING_STYLE,
    build_table,
    show_line,
    show_pairs,
    show_title,
)
from token2metrics.report.units import (
    UNKNOWN,
    bytes_of,
    counted,
    digits,
    flop,
    joules,
    percent,
    seconds,
    watts,
)
from token2metrics.vocabulary import Phase

BAR_WIDTH = 24
BAR_COLOUR = "cyan"
NEGLIGIBLE_SHARE = 1e-6
SMALLEST_NUMBER = 1e-9
HUGE_PERCENT = 1000.0
PERCENT = 100.0
OVERLAP = (
    "share: by what percent the latency grows when the term grows by one percent; "
    "alone: what the phase would take if nothing else took time"
)
MOVED = (
    "believed before the model's own rows were seen, ± one spread; "
    "moved by: what those rows changed"
)


def show_explanations(console: Console, explanations: Sequence[Explanation]) -> None:
    """Print where the numbers of predictions come from, one after the other."""
    for place, explanation in enumerate(explanations):
        if place:
            console.print()
        show_explanation(console, explanation)


def show_explanation(console: Console, explanation: Explanation) -> None:
    """Print where the numbers of one prediction come from."""
    prediction = explanation.prediction
    show_title(console, heading(prediction))
    prompt = counted(prediction.input_tokens, "input token")
    show_line(console, f"{prompt}, {counted(prediction.output_tokens, 'output token')}")
    console.print()
    show_pairs(console, [*_request(prediction), *_demand(explanation.demand)])
    parts = (
        (Phase.PREFILL, prediction.prefill, explanation.prefill),
        (Phase.DECODE, prediction.decode, explanation.decode),
    )
    for phase, predicted, explained in parts:
        if explained is not None:
            console.print()
            _show_phase(console, phase, prediction.confidence, predicted, explained)
    for note in prediction.notes:
        show_line(console, f"note: {note}", WARNING_STYLE)


def _request(prediction: Prediction) -> list[tuple[str, str]]:
    """Return what the whole request costs."""
    confidence = prediction.confidence
    latency = _bounded(seconds, prediction.latency_s, prediction.latency_interval_s, confidence)
    energy = _bounded(joules, prediction.energy_j, prediction.energy_interval_j, confidence)
    known = prediction.energy_j is not None
    return [("latency", latency), *([("energy", energy)] if known else [])]


def _bounded(
    unit: Callable[[float | None], str],
    value: float | None,
    interval: Interval | None,
    confidence: float,
) -> str:
    """Write a quantity with its interval."""
    if interval is None:
        return unit(value)
    return f"{unit(value)} ({confidence:.0%} interval {between(unit, interval)})"


def _demand(demand: Demand) -> list[tuple[str, str]]:
    """Return the bytes and FLOP of a request."""
    attention = f"of which attention {flop(demand.attention_flop)}"
    steps = counted(demand.steps, "decode step")
    return [
        ("FLOP of the prompt", f"{flop(demand.prompt_flop)}, {attention}"),
        ("weights", f"{bytes_of(demand.weight_bytes_per_step)}, read by prefill and every step"),
        (
            "KV cache",
            f"{bytes_of(demand.kv_bytes_per_token)} per token of context; "
            f"{bytes_of(demand.kv_bytes_read)} read over {steps}",
        ),
    ]


def _show_phase(
    console: Console,
    phase: Phase,
    confidence: float,
    predicted: PhasePrediction,
    explained: PhaseExplanation,
) -> None:
    """Print one phase: law, terms, factors, energy and rows."""
    if not predicted.latency_s:
        show_title(console, f"{phase}: nothing to do")
        return
    bounded = _bounded(seconds, predicted.latency_s, predicted.latency_interval_s, confidence)
    show_title(console, f"{phase}: {bounded}")
    show_pairs(console, [("law", explained.law), ("calibration", explained.calibration)])
    console.print()
    _show_terms(console, explained.terms)
    console.print()
    _show_factors(console, explained.factors)
    energy, foundation = explained.energy, explained.foundation
    if energy is not None:
        console.print()
        bounded = _bounded(joules, predicted.energy_j, energy.interval_j, confidence)
        show_title(console, f"{phase} energy: {bounded}, {watts(predicted.power_w)} on average")
        _show_energy(console, energy)
    console.print()
    show_pairs(console, _rows(foundation, energy))
    for line in outlier_lines(phase, foundation.outliers, foundation.own_rows):
        show_line(console, line, WARNING_STYLE)
    for line in campaign_lines(phase, foundation.campaigns):
        show_line(console, line)


def _show_terms(console: Console, terms: Sequence[Term]) -> None:
    """Print a bar per term, each beginning where the one above ends."""
    latency_s = sum(term.seconds for term in terms)
    overlap = any(
        term.alone_s is not None and abs(term.alone_s - term.seconds) > NEGLIGIBLE_SHARE * latency_s
        for term in terms
    )
    headings = ["", "seconds", *(["alone"] if overlap else [])]
    table = build_table(["share of the latency", ""], headings)
    bars = _waterfall([term.share for term in terms])
    for term, bar in zip(terms, bars, strict=True):
        alone = [seconds(term.alone_s)] if overlap else []
        table.add_row(term.name, bar, f"{term.share:z.1%}", seconds(term.seconds), *alone)
    console.print(table)
    if overlap:
        show_line(console, OVERLAP)


def _show_energy(console: Console, energy: EnergyExplanation) -> None:
    """Print a bar per part; savings go back from where the bar above ends."""
    table = build_table(["share of the energy", ""], ["", "joules"])
    bars = _waterfall([part.share for part in energy.parts])
    for part, bar in zip(energy.parts, bars, strict=True):
        table.add_row(part.name, bar, f"{part.share:z.1%}", joules(part.joules))
    console.print(table)
    console.print()
    _show_factors(console, energy.factors)


def _waterfall(shares: Sequence[float]) -> list[Bar]:
    """Return bars that lead, one after the other, from nothing to the whole.

    They begin at whole characters: there are few signs for a part of one, on that side.
    """
    ends = list(accumulate(shares, initial=0.0))
    scale = BAR_WIDTH / max(*ends, NEGLIGIBLE_SHARE)
    bars = []
    for share, edge in zip(shares, pairwise(ends), strict=True):
        begin = math.floor(max(min(edge), 0.0) * scale)
        end = begin + abs(share) * scale
        bars.append(Bar(BAR_WIDTH, begin, end, width=BAR_WIDTH, color=BAR_COLOUR))
    return bars


def _show_factors(console: Console, factors: Sequence[Factor]) -> None:
    """Print the fitted numbers, beside the nominal and the believed ones."""
    nominal = any(factor.nominal_percent is not None for factor in factors)
    believed = any(factor.believed is not None for factor in factors)
    headings = [
        *(["of nominal"] if nominal else []),
        *(["believed", "moved by", "spreads"] if believed else []),
    ]
    table = build_table(["factor"], ["fitted", *headings])
    for factor in factors:
        cells = [f"{_number(factor.value)} {factor.unit}".strip()]
        if nominal:
            cells.append(_of_nominal(factor.nominal_percent))
        if believed:
            cells += [
                _belief(factor),
                _signed(factor.moved_percent, " %"),
                _signed(factor.moved_spreads),
            ]
        table.add_row(factor.name, *cells)
    console.print(table)
    if believed:
        show_line(console, MOVED)


def _number(value: float | None) -> str:
    """Write a number; one that makes no difference is 0."""
    return digits(value) if value is None or abs(value) >= SMALLEST_NUMBER else "0"


def _of_nominal(share: float | None) -> str:
    """Write percent of a nominal figure; beyond any use it only says so."""
    if share is None:
        return UNKNOWN
    return f"{share:.0f} %" if share < HUGE_PERCENT else f">{HUGE_PERCENT:,.0f} %"


def _belief(factor: Factor) -> str:
    """Write what was believed, and how surely."""
    if factor.believed is None or factor.spread is None:
        return digits(factor.believed)
    return f"{digits(factor.believed)} ± {PERCENT * math.expm1(factor.spread):.0f} %"


def _signed(value: float | None, unit: str = "") -> str:
    """Write a movement with its sign."""
    return UNKNOWN if value is None else f"{value:+z.1f}{unit}"


def _rows(foundation: Foundation, energy: EnergyExplanation | None) -> list[tuple[str, str]]:
    """Return the measurements behind a phase."""
    pairs = [
        ("rests on", foundation.rests_on),
        ("measured range", _range(foundation)),
        *(("held-out errors", _errors(error)) for error in foundation.errors),
        (
            "interval rests on",
            f"{foundation.interval_rests_on}: up to {foundation.interval_percent:.2g} % above"
            + (", within the measured range" if foundation.measured_input_tokens else ""),
        ),
    ]
    if energy is not None:
        pairs.append(("energy rests on", energy.rests_on))
        pairs += [("energy errors", _errors(error)) for error in energy.errors]
    return pairs


def _range(foundation: Foundation) -> str:
    """Say what was measured, and whether the request lies within it."""
    if foundation.measured_input_tokens is None:
        return foundation.extrapolates or "no row of this model was measured on this device"
    words = f"{_between(foundation.measured_input_tokens)} input tokens"
    if foundation.measured_output_tokens is not None:
        words += f", {_between(foundation.measured_output_tokens)} output tokens"
    if foundation.inside is None:
        return words
    return f"{words}: this request is {'inside' if foundation.inside else 'outside'}"


def _between(ends: tuple[float, float]) -> str:
    """Write a range of counts."""
    return " .. ".join(f"{end:,.0f}" for end in ends)


def _errors(error: ErrorSummary) -> str:
    """Write held-out errors."""
    return (
        f"mean {percent(error.mape_percent)} %, median {percent(error.median_ape_percent)} %, "
        f"p90 {percent(error.p90_ape_percent)} %, bias {error.bias_percent:+.2f} % "
        f"of {counted(error.rows, 'row')} ({error.protocol})"
    )
