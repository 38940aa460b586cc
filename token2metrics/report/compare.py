"""Configurations side by side, the front among them, and the best one within limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import asdict
from rich.console import Console

from token2metrics.comparing.choose_within import limited_value
from token2metrics.comparing.comparison import (
    Choice,
    Comparison,
    ConfigurationResult,
    Objective,
    Shortfall,
)
from token2metrics.comparing.summarise import THOUSAND
from token2metrics.comparing.totals import REPORTED_PERCENTILES
from token2metrics.report.configuration_names import common_conditions, names_of
from token2metrics.report.predictions import DECODE_ONLY
from token2metrics.report.tables import WARNING_STYLE, build_table, show_line, show_title
from token2metrics.report.units import (
    UNKNOWN,
    counted,
    digits,
    joules,
    seconds,
    upper_end,
    watts,
)

FRONT = "●"
CONFIGURATION = "model"


def show_comparison(console: Console, found: Comparison) -> None:
    """Print what every configuration costs, the front, and what the limits leave."""
    names = names_of(found.configurations)
    common = common_conditions(found.configurations)
    if common:
        show_title(console, common)
    _show_workload(console, found)
    console.print()
    _show_times(console, found, names)
    console.print()
    _show_energies(console, found, names)
    console.print()
    for line in _legend(found):
        show_line(console, line)
    for note in _notes(found, names):
        show_line(console, f"note: {note}", WARNING_STYLE)
    if found.choice is not None:
        _show_choice(console, found, found.choice, names)


def _show_workload(console: Console, found: Comparison) -> None:
    """Say what was asked."""
    asked = found.workload
    prompt = counted(asked.input_tokens, "input token")
    answer = counted(asked.output_tokens, "output token")
    if not asked.files:
        show_line(console, f"{prompt}, {answer}")
        return
    several = counted(asked.requests, "request")
    show_line(console, f"{several} of {', '.join(asked.files)}: {prompt}, {answer}")
    for reason, rows in asked.rejected_counts.items():
        show_line(console, f"set aside: {counted(rows, 'row')}: {reason}", WARNING_STYLE)


def _show_times(console: Console, found: Comparison, names: Sequence[str]) -> None:
    """Print latencies and speed."""
    single = not found.workload.files
    chosen = [] if found.percentile in REPORTED_PERCENTILES else [f"p{found.percentile:g}"]
    upper = upper_end(found.confidence)
    latency = ["latency", upper] if single else ["mean", "p50", "p95", "p99", *chosen]
    first = "TTFT" if single else "TTFT p95"
    rated = any(one.quality is not None for one in found.configurations)
    headings = [*(["quality"] if rated else []), *latency, first, "tokens/s", "outside"]
    table = build_table(["", CONFIGURATION], headings)
    for name, one in zip(names, found.configurations, strict=True):
        spread = one.latency
        ends = [seconds(spread.mean_s), seconds(_upper(one))]
        levels = [spread.mean_s, spread.p50_s, spread.p95_s, spread.p99_s]
        levels += [spread.at_percentile_s] if chosen else []
        table.add_row(
            _mark(one),
            name,
            *([_quality(one)] if rated else []),
            *(ends if single else [seconds(level) for level in levels]),
            seconds(spread.ttft_p95_s),
            digits(one.output_tokens_per_s),
            UNKNOWN if one.outside_share is None else f"{one.outside_share:.0%}",
            style=_style(one),
        )
    console.print(table)


def _show_energies(console: Console, found: Comparison, names: Sequence[str]) -> None:
    """Print energies and money."""
    single = not found.workload.files
    busy = [] if single else ["busy"]
    money = ["cost of 1,000", "of 1M tokens"]
    table = build_table(["", CONFIGURATION], ["energy", "power", "tokens/J", *busy, *money])
    for name, one in zip(names, found.configurations, strict=True):
        energy = one.energy
        table.add_row(
            _mark(one),
            name,
            _marked(joules(energy.mean_j), joules(energy.decode_mean_j)),
            _marked(watts(energy.power_w), watts(energy.decode_power_w)),
            digits(energy.output_tokens_per_j),
            *([] if single else [seconds(one.busy_s)]),
            _marked(digits(one.cost.per_1000_requests), digits(_decode_per_1000(one))),
            _marked(
                digits(one.cost.per_million_output_tokens),
                digits(one.cost.decode_per_million_output_tokens),
            ),
            style=_style(one),
        )
    console.print(table)


def _upper(one: ConfigurationResult) -> float | None:
    """Return the upper end of a single request's latency."""
    return None if one.latency.interval_s is None else one.latency.interval_s.upper


def _decode_per_1000(one: ConfigurationResult) -> float | None:
    """Return the cost of a thousand requests without the electricity of prefill."""
    cost = one.cost.decode_per_request
    return None if cost is None else cost * THOUSAND


def _marked(whole: str, decode_only: str) -> str:
    """Return a figure; that of decode, marked, where prefill has none."""
    if whole == UNKNOWN and decode_only != UNKNOWN:
        return f"{decode_only} {DECODE_ONLY}"
    return whole


def _mark(one: ConfigurationResult) -> str:
    """Return the mark of the front."""
    return FRONT if one.on_front else ""


def _style(one: ConfigurationResult) -> str:
    """Return how a row looks: bold on the front, dim where it breaks a limit."""
    if one.keeps_limits is False:
        return "dim"
    return "bold" if one.on_front else ""


def _quality(one: ConfigurationResult) -> str:
    """Write a quality as it was given."""
    return UNKNOWN if one.quality is None else f"{one.quality:g}"


def _legend(found: Comparison) -> list[str]:
    """Explain the marks."""
    lines = []
    if any(one.on_front is not None for one in found.configurations):
        words = [_objective(one, found) for one in found.objectives]
        whole = all(one.on_front is not None for one in found.configurations)
        among = "compared" if whole else "ranked"
        lines.append(f"{FRONT} Pareto front of {_listed(words)}: nothing {among} is better")
    if any(one.energy.mean_j is None and one.energy.decode_mean_j for one in found.configurations):
        lines.append(f"{DECODE_ONLY} decode only: no energy of prefill was measured")
    return lines


def _objective(objective: Objective, found: Comparison) -> str:
    """Name an objective."""
    mark = f" {DECODE_ONLY}" if found.decode_only else ""
    latency = f"p{found.percentile:g} latency" if found.workload.files else "latency"
    return {
        Objective.LATENCY: latency,
        Objective.ENERGY: f"energy{mark}",
        Objective.COST: f"cost{mark}",
        Objective.QUALITY: "quality",
    }[objective]


def _listed(words: Sequence[str]) -> str:
    """Write words in a row."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _notes(found: Comparison, names: Sequence[str]) -> list[str]:
    """Return what to know: of all, and of configurations whose latency is unknown."""
    unknown = [
        f"{name}: {note}"
        for name, one in zip(names, found.configurations, strict=True)
        if one.latency.mean_s is None
        for note in one.notes
    ]
    return [*found.notes, *dict.fromkeys(unknown)]


def _show_choice(console: Console, found: Comparison, choice: Choice, names: Sequence[str]) -> None:
    """Say which configuration to take within the limits, or what is missing."""
    console.print()
    if choice.nearest is not None:
        show_title(console, f"nothing keeps the limits; nearest: {names[choice.nearest]}")
        for short in choice.shortfalls:
            show_line(console, _shortfall(short, found), WARNING_STYLE)
    elif choice.best is not None:
        _show_best(console, found, choice, choice.best, names)


def _show_best(
    console: Console, found: Comparison, choice: Choice, place: int, names: Sequence[str]
) -> None:
    """Name the configurations that keep the limits, the best one, and what it takes of them."""
    best, name = found.configurations[place], names[place]
    if choice.best_by is Objective.QUALITY:
        keeping = f"({choice.keeping} of {len(names)} keep them)"
        title = f"best quality within the limits: {name}, {_quality(best)} {keeping}"
    else:
        kept = [n for n, one in zip(names, found.configurations, strict=True) if one.keeps_limits]
        show_title(console, f"{choice.keeping} of {len(names)} keep the limits: {', '.join(kept)}")
        least = f"least energy within them: {name}, at most {joules(best.energy.at_most_j)}"
        fastest = f"least latency within them: {name}, {seconds(best.latency.at_percentile_s)}"
        title = least if choice.best_by is Objective.ENERGY else fastest
    show_title(console, title)
    for limit, most in asdict(choice.limits).items():
        if most is not None:
            words, unit = _limit(limit, found)
            show_line(console, f"{words}: {unit(limited_value(best, limit))} of {unit(most)}")


def _limit(name: str, found: Comparison) -> tuple[str, Callable[[float | None], str]]:
    """Return a limit in words, and how its numbers are written."""
    return {
        "max_latency_s": (_objective(Objective.LATENCY, found), seconds),
        "max_energy_j": ("energy of a request, at most", joules),
        "max_cost": ("cost of a request, at most", digits),
    }[name]


def _shortfall(short: Shortfall, found: Comparison) -> str:
    """Say by how much a limit is missed."""
    words, unit = _limit(short.limit, found)
    if short.value is None or short.over_percent is None:
        return f"{words}: unknown, and {unit(short.most)} is allowed"
    over = unit(short.value - short.most)
    return (
        f"{words}: {unit(short.value)}, {over} ({short.over_percent:.3g} %) above "
        f"{unit(short.most)}"
    )
