"""How soon the monitor sees a 3 % slow-down, and how often it cries wolf, on real requests.

Each model is trained as a user would, on the device's other models and ten of its own MMLU
requests. The other requests are fed to the monitor: in the order they were measured, and shuffled,
so that nothing can have drifted. For the delay every latency is made 3 % longer from some request
on, which the monitor does not know.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.datasets import SHORT_NAMES
from benchmarks.monitor_streams import Subject, delays, false_alarms, shuffled, slower, subject
from benchmarks.protocol import Row, Target, judged_rows
from benchmarks.tables import print_rows, write_tables
from token2metrics.monitoring.cusum import Cusum, Side
from token2metrics.monitoring.metric import Metric
from token2metrics.monitoring.monitor import Monitor
from token2metrics.monitoring.opening import Opening
from token2metrics.monitoring.options import MonitorOptions
from token2metrics.monitoring.scale import Scale
from token2metrics.monitoring.summary import report
from token2metrics.monitoring.tally import Tally
from token2metrics.monitoring.tracker import Tracker
from token2metrics.prediction.predictor import Predictor
from token2metrics.vocabulary import Phase

WITHIN_REQUESTS = 50.0
PER_REQUESTS = 10_000
MOST_FALSE_ALARMS = 1.0
PERCENT = 100.0
LATE = 95.0
MICROSECOND_S = 1e-6
BEFORE, LONG_BEFORE = 300, 1_000
"""So many requests come before the slow-down, or two thirds of all where there are too few."""

AFTER = 200
"""So long it is waited for an alarm; what is not seen then counts as not seen."""

LEAST_STREAM = 1_000
"""Shorter tables are drawn from with replacement."""

SEED = 20_261_126
NORMAL_SPREADS = (0.01, 0.05, 0.1)
NORMAL_RATE = 1_000
IN_ORDER, SHUFFLED = "in order", "shuffled"
PROTOCOL = "MMLU requests on the Orin, 10 known with the other models, rest fed"


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is simulated.

    Attributes:
        draws: Trainings of each model.
        requests: Requests of each model without a drift, shuffled.
        delays: Slow-downs of each model and order.
        normal: Normal deviations at each spread.
    """

    draws: int
    requests: int
    delays: int
    normal: int


FULL = Effort(draws=5, requests=30_000, delays=100, normal=500_000)
QUICK = Effort(draws=1, requests=5_000, delays=20, normal=100_000)


def false_alarm_rows(subjects: Sequence[Subject], name: str, effort: Effort) -> Iterator[Row]:
    """Judge false alarms of one model, in order and shuffled."""
    chance = np.random.default_rng(SEED)
    whole = [np.arange(len(one.requests)) for one in subjects]
    yield from _false_alarm_rows(
        [false_alarms(*pair) for pair in zip(subjects, whole, strict=True)], name, IN_ORDER
    )
    found: list[dict[Phase, tuple[int, int]]] = []
    fed = 0
    while fed < effort.requests:
        one = subjects[len(found) % len(subjects)]
        length = max(LEAST_STREAM, len(one.requests))
        found.append(false_alarms(one, shuffled(chance, len(one.requests), length)))
        fed += length
    yield from _false_alarm_rows(found, name, SHUFFLED)


def _false_alarm_rows(
    found: Sequence[dict[Phase, tuple[int, int]]], name: str, how: str
) -> Iterator[Row]:
    """Judge the alarms of several streams together."""
    for phase in Phase:
        alarms = sum(one[phase][0] for one in found)
        judged = sum(one[phase][1] for one in found)
        yield from judged_rows(
            "monitor",
            name,
            f"{phase}: false alarms in 10,000, {how}",
            PER_REQUESTS * alarms / judged,
            [Target(MOST_FALSE_ALARMS)],
            f"{PROTOCOL}; {len(found)} streams",
        )


def delay_rows(subjects: Sequence[Subject], name: str, effort: Effort) -> Iterator[Row]:
    """Judge how soon a slow-down of one model is seen, in order and shuffled."""
    count = len(subjects[0].requests)
    least, most = (min(before, count * 2 // 3) for before in (BEFORE, LONG_BEFORE))
    for how, begin in dict.fromkeys(((IN_ORDER, least), (IN_ORDER, most), (SHUFFLED, least))):
        chance = np.random.default_rng(SEED)
        found: list[dict[Phase, float]] = []
        for number in range(effort.delays):
            if how == IN_ORDER:
                order = (np.arange(begin + AFTER) + chance.integers(count)) % count
            else:
                order = shuffled(chance, count, begin + AFTER)
            found.append(delays(subjects[number % len(subjects)], order, begin))
        yield from _delay_rows(found, name, f"{how}, after {begin:,}")


def _delay_rows(found: Sequence[dict[Phase, float]], name: str, how: str) -> Iterator[Row]:
    """Judge the delays of several streams together."""
    protocol = f"{PROTOCOL}; all latencies 3 % longer from then on; {len(found)} slow-downs"
    for phase in Phase:
        waited = np.array([one[phase] for one in found])
        late = float(np.percentile(waited, LATE, method="higher"))
        median, stem = float(np.median(waited)), f"{phase}: requests until seen, {how}"
        yield from judged_rows("monitor", name, f"{stem}, median", median, [], protocol)
        yield from judged_rows(
            "monitor", name, f"{stem}, p95", late, [Target(WITHIN_REQUESTS)], protocol
        )
        missed = PERCENT * float(np.mean(waited > WITHIN_REQUESTS))
        words = f"{phase}: not seen within 50, {how}, %"
        yield from judged_rows("monitor", name, words, missed, [], protocol)


def normal_rows(effort: Effort) -> Iterator[Row]:
    """Judge the stated rate of false alarms on normal deviations, spread known."""
    rules = MonitorOptions(requests_per_false_alarm=NORMAL_RATE).rules()
    for spread in NORMAL_SPREADS:
        chance = np.random.default_rng(SEED)
        alarms = 0
        tracker = normal_tracker(spread)
        for number, deviation in enumerate(chance.normal(0.0, spread, effort.normal)):
            if tracker.judge(float(deviation), "", number, rules) is not None:
                alarms += 1
                tracker = normal_tracker(spread)
        yield from judged_rows(
            "monitor",
            f"normal, {PERCENT * spread:g} %",
            "false alarms in 1,000",
            NORMAL_RATE * alarms / effort.normal,
            [Target(MOST_FALSE_ALARMS)],
            "normal, independent deviations; one false alarm in 1,000 asked for",
        )


def normal_tracker(spread: float) -> Tracker:
    """Return a tracker that begins with the right spread."""
    return Tracker(
        phase=Phase.REQUEST,
        metric=Metric.LATENCY,
        scale=Scale(spread),
        cusum=Cusum(Side(), Side()),
        tally=Tally(),
        opening=Opening(0),
    )


def update_rows(subjects: Sequence[Subject], name: str) -> Iterator[Row]:
    """Report the errors of predictions that follow a slow-down in the middle, and that do not."""
    for updates in (False, True):
        errors: dict[Phase, list[float]] = {phase: [] for phase in Phase}
        for one in subjects:
            monitor = Monitor(Predictor((one.predictor,)), MonitorOptions(updates=updates))
            half = len(one.requests) // 2
            for number, request in enumerate(one.requests):
                monitor.observe(slower(request) if number >= half else request)
            (model,) = report(monitor).models
            for metric in model.metrics:
                errors[metric.phase].append(metric.mape_percent)
        for phase in Phase:
            words = f"{phase}: MAPE %, {'following' if updates else 'as trained'}"
            value = float(np.mean(errors[phase]))
            yield from judged_rows(
                "monitor", name, words, value, [], f"{PROTOCOL}; 3 % slower from the middle on"
            )


def speed_rows(one: Subject, name: str) -> Iterator[Row]:
    """Report how long the monitor takes for one request."""
    for updates in (False, True):
        monitor = Monitor(Predictor((one.predictor,)), MonitorOptions(updates=updates))
        began_s = time.perf_counter()
        for request in one.requests:
            monitor.observe(request)
        taken = (time.perf_counter() - began_s) / len(one.requests)
        words = f"microseconds per request, {'following' if updates else 'as trained'}"
        value = taken / MICROSECOND_S
        yield from judged_rows("monitor", name, words, value, [], f"{PROTOCOL}; one core")


def main(
    data: Annotated[Path, typer.Option(help="Folder of the public measurements.")],
    json: Annotated[Path | None, typer.Option(help="Write the table here too.")] = None,
    quick: Annotated[bool, typer.Option(help="Fewer of everything.")] = False,
) -> None:
    """Judge the monitor; leave with 1 where a target is missed."""
    if not (data / "edgereasoning").is_dir():
        raise typer.BadParameter(f"expected the folder edgereasoning in {data}")
    effort, console = QUICK if quick else FULL, Console()
    rows = list(normal_rows(effort))
    for model, name in SHORT_NAMES.items():
        subjects = [subject(data.resolve(), model, draw) for draw in range(effort.draws)]
        rows += false_alarm_rows(subjects, name, effort)
        rows += delay_rows(subjects, name, effort)
        rows += update_rows(subjects, name)
        rows += speed_rows(subjects[0], name)
    print_rows(rows, console)
    if json is not None:
        write_tables(rows, [], json)
    if not all(row.holds for row in rows if row.holds is not None):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
