"""What a run found, for a reader: a line per point and phase, and what to distrust."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median

import msgspec

from token2metrics.measure.confidence import median_interval
from token2metrics.measure.drift import (
    Temperatures,
    Trend,
    is_throttling,
    temperatures,
    trends,
)
from token2metrics.measure.ending import Ending, Stop
from token2metrics.measure.journal import Burst, Campaign, Idle, Journal, Visited
from token2metrics.measure.plan import Point
from token2metrics.measure.session import Effort
from token2metrics.measure.tally import Tally
from token2metrics.records import Record
from token2metrics.vocabulary import Phase


class PointSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What the repeats of a point say about one phase.

    Attributes:
        input_tokens: Prompt tokens asked for.
        output_tokens: Tokens asked for.
        phase: The phase.
        repeats: Measurements.
        median_s: Median latency.
        low_s: Lower bound of the median; None while the repeats are too few.
        high_s: Upper bound of the median; None likewise.
        energy_j: Median energy, that of prefills back to back included; None without any.
        energy_rows: Rows that tell it.
    """

    input_tokens: int
    output_tokens: int
    phase: Phase
    repeats: int
    median_s: float
    low_s: float | None
    high_s: float | None
    energy_j: float | None
    energy_rows: int


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A point that the engine refused."""

    input_tokens: int
    output_tokens: int
    reason: str


class MeasureReport(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a run and the earlier ones of its campaign found.

    Attributes:
        campaign: What was measured.
        output: The table.
        journal: The journal that it is written from.
        stopped: Why the run ended.
        message: How the engine failed; None where it did not.
        seconds: How long it took.
        rows: Rows of the table.
        points: What the repeats say.
        refusals: Points that the engine refused.
        settled: Points that need no more.
        flags: How many rows have each flag.
        energy_rows: Rows with an energy.
        trends: Changes of latency over the run.
        temperature: Of the device; None where nobody told.
        throttling: Whether the device became slower as it became hotter.
        idle: Power before and after.
        client_overhead_s: Median of the client's time to the first token less the server's
            prefill; None where only one of them is known.
        damaged_lines: Lines of the journal that could not be read.
    """

    campaign: Campaign
    output: str
    journal: str
    stopped: Stop
    message: str | None
    seconds: float
    rows: int
    points: tuple[PointSummary, ...]
    refusals: tuple[Refusal, ...]
    settled: int
    flags: dict[str, int]
    energy_rows: int
    trends: tuple[Trend, ...]
    temperature: Temperatures | None
    throttling: bool
    idle: tuple[Idle, ...]
    client_overhead_s: float | None
    damaged_lines: int


def summarise(
    campaign: Campaign, journal: Journal, effort: Effort, ending: Ending, output: Path
) -> MeasureReport:
    """Return the report of a run.

    Args:
        campaign: What was measured.
        journal: What is finished.
        effort: With which effort.
        ending: How the run ended.
        output: The table.
    """
    records = journal.records()
    visits = [entry for entry in journal.entries if isinstance(entry, Visited)]
    rows = [record for entry in visits for record in entry.records]
    found, heat = trends(rows), temperatures(rows)
    overheads = [v.client_overhead_s for v in visits if v.client_overhead_s is not None]
    return MeasureReport(
        campaign=campaign,
        output=str(output),
        journal=str(journal.path),
        stopped=ending.stop,
        message=ending.message,
        seconds=ending.seconds,
        rows=len(records),
        points=tuple(_points(journal, visits, effort.rule.confidence)),
        refusals=tuple(_refusals(visits)),
        settled=len(Tally(campaign.points, effort.rule, journal.entries).closed),
        flags=dict(Counter(flag for row in rows for flag in (row.quality_flags or "").split())),
        energy_rows=sum(record.energy_j is not None for record in records),
        trends=found,
        temperature=heat,
        throttling=is_throttling(found, heat),
        idle=tuple(entry for entry in journal.entries if isinstance(entry, Idle)),
        client_overhead_s=median(overheads) if overheads else None,
        damaged_lines=journal.damaged,
    )


def _points(
    journal: Journal, visits: Iterable[Visited], confidence: float
) -> Iterator[PointSummary]:
    """Yield what the repeats of each point say, in the order of the lengths."""
    rows: dict[tuple[Point, Phase], list[Record]] = defaultdict(list)
    for visit in visits:
        for record in visit.records:
            rows[visit.point, record.phase].append(record)
    bursts: dict[int, list[Record]] = defaultdict(list)
    for entry in journal.entries:
        if isinstance(entry, Burst):
            bursts[entry.input_tokens].append(entry.record)
    for (point, phase), repeats in sorted(rows.items()):
        more = bursts[point.input_tokens] if phase is Phase.PREFILL else []
        yield _point(point, phase, repeats, more, confidence)


def _point(
    point: Point,
    phase: Phase,
    repeats: Sequence[Record],
    bursts: Sequence[Record],
    confidence: float,
) -> PointSummary:
    """Return what the repeats of one point say about one phase."""
    latency = median_interval([record.latency_s or 0.0 for record in repeats], confidence)
    energies = [r.energy_j for r in (*repeats, *bursts) if r.energy_j is not None]
    return PointSummary(
        input_tokens=point.input_tokens,
        output_tokens=point.output_tokens,
        phase=phase,
        repeats=len(repeats),
        median_s=latency.median,
        low_s=latency.low,
        high_s=latency.high,
        energy_j=median(energies) if energies else None,
        energy_rows=len(energies),
    )


def _refusals(visits: Iterable[Visited]) -> Iterator[Refusal]:
    """Yield the points that the engine refused."""
    for visit in visits:
        if visit.refused is not None:
            yield Refusal(
                input_tokens=visit.point.input_tokens,
                output_tokens=visit.point.output_tokens,
                reason=visit.refused,
            )
