"""What the findings mean, in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from token2metrics.artifact.manifest import PhaseRecord
from token2metrics.findings.doubts import doubts_of
from token2metrics.findings.findings import Findings, ModelFindings, ShotError
from token2metrics.findings.off_by import latency_errors
from token2metrics.findings.words import between, listed, of_counts, per_cent
from token2metrics.prediction.result import Prediction, Result
from token2metrics.report.units import counted, joules, seconds
from token2metrics.vocabulary import FITTED_PHASES, Phase, SourceKind

MOST_DESCRIBED = 6
"""Of more models, what they have in common is said."""

BESIDE = {
    SourceKind.SERVER: "{rows} of a server",
    SourceKind.SIBLINGS: "{rows} of the device's other models",
    SourceKind.MODES: "{rows} of the model in another power mode",
    SourceKind.HARDWARE: "the data sheet of the device",
    SourceKind.NONE: "",
}
"""What a fit knows beside the model's own rows."""

LARGE_LOSS = 0.1
"""A larger share of rows that no fit used is worth a look."""


class Verdict(Result, frozen=True):
    """The report's first words.

    Attributes:
        headline: One sentence: what was fitted, and how far it is off.
        paragraphs: What was fitted on what, errors and energy, a few sentences each.
        distrust: What not to trust, and what would mend it; empty where nothing stands out.
    """

    headline: str
    paragraphs: tuple[str, ...]
    distrust: tuple[str, ...]


def verdict(findings: Findings) -> Verdict:
    """Say what was fitted on what, how far it is off, and what to distrust.

    Args:
        findings: Everything the report says.
    """
    return Verdict(
        headline=_headline(findings),
        paragraphs=tuple(_paragraphs(findings)),
        distrust=tuple(_distrust(findings)),
    )


def _headline(findings: Findings) -> str:
    """Say in one sentence what was fitted and how far it is off."""
    errors = {one.label: latency_errors(one) for one in findings.models}
    judged = [one for one in findings.models if errors[one.label]]
    where = listed(list(dict.fromkeys(one.device for one in findings.models)))
    if not judged:
        who = _who(findings.models)
        return f"{who} on {where}: predictions that no measurement has checked yet."
    words = []
    for phase in FITTED_PHASES:
        medians = [own[phase].median_ape_percent for own in errors.values() if phase in own]
        if medians:
            words.append(f"{between(medians)} in {phase}")
    bare = [one for one in findings.models if not errors[one.label]]
    rest = f"; nobody has checked {_who(bare)} yet" if bare else ""
    return (
        f"On {where}, predicted latencies of {_who(judged)} miss rows that no fit had seen by a "
        f"median of {' and '.join(words)}{rest}."
    )


def _who(models: Sequence[ModelFindings]) -> str:
    """Name models."""
    return listed([one.label for one in models])


def _paragraphs(findings: Findings) -> Iterator[str]:
    """Yield what was fitted on what, the errors, a typical request, energy and shots."""
    yield from _fitted_on(findings.models)
    if errors := list(_off_by(findings.models)):
        yield (
            "Errors of latency on rows that the fit had not seen, half of them below the first "
            f"number and nine in ten below the second: {'; '.join(errors)}."
        )
    if typical := list(_typical(findings)):
        yield (
            f"A request of {findings.typical_input_tokens:,} input and "
            f"{findings.typical_output_tokens:,} output tokens takes {'; '.join(typical)}."
        )
    yield from _metered(findings.models)
    yield from _few_shots(findings)


def _fitted_on(models: Sequence[ModelFindings]) -> Iterator[str]:
    """Say which rows the models rest on."""
    if len(models) > MOST_DESCRIBED:
        rows = [sum(record.edge_rows for record in one.phases.values()) for one in models]
        yield f"{len(models):,} models, fitted on {of_counts(rows)} rows of their own each."
        return
    for rests_on, labels in _alike(models).items():
        yield f"{listed(labels)}: {rests_on}."


def _alike(models: Sequence[ModelFindings]) -> dict[str, list[str]]:
    """Return what models rest on, each in the same words once."""
    found: dict[str, list[str]] = {}
    for model in models:
        words = [
            f"{phase} rests on {_rests_on(model.phases[phase])}"
            for phase in FITTED_PHASES
            if phase in model.phases
        ]
        found.setdefault("; ".join(words) or "nothing was fitted", []).append(model.label)
    return found


def _rests_on(record: PhaseRecord) -> str:
    """Say what a phase rests on: rows of the model itself, and what was known beside them."""
    own = f"{counted(record.edge_rows, 'row')} of its own" if record.edge_rows else ""
    beside = BESIDE[record.source].format(rows=counted(record.source_rows, "row"))
    return " and ".join(part for part in (own, beside) if part) or "no measurement"


def _off_by(models: Sequence[ModelFindings]) -> Iterator[str]:
    """Yield the held-out errors of models, or of many models together."""
    if len(models) > MOST_DESCRIBED:
        for phase in FITTED_PHASES:
            errors = map(latency_errors, models)
            found = [own[phase] for own in errors if phase in own]
            if found:
                middle = between(one.median_ape_percent for one in found)
                most = between(one.p90_ape_percent for one in found)
                yield f"{phase} {middle} and {most}"
        return
    for model in models:
        told = [
            f"{phase} {per_cent(one.median_ape_percent)} and {per_cent(one.p90_ape_percent)} "
            f"({counted(one.rows, 'row')})"
            for phase, one in latency_errors(model).items()
        ]
        if told:
            yield f"{model.label} {', '.join(told)}"


def _typical(findings: Findings) -> Iterator[str]:
    """Yield what the typical request takes."""
    known = [one for one in findings.models if one.typical.latency_s is not None]
    if len(known) <= MOST_DESCRIBED:
        for model in known:
            yield _takes(model.label, model.typical, findings.confidence)
        return
    by_latency = sorted(known, key=lambda one: one.typical.latency_s or 0.0)
    for model in (by_latency[0], by_latency[-1]):
        yield _takes(model.label, model.typical, findings.confidence)


def _takes(label: str, typical: Prediction, confidence: float) -> str:
    """Say what a request takes on a model."""
    words = f"{seconds(typical.latency_s)} on {label}"
    interval = typical.latency_interval_s
    if interval is not None:
        ends = f"{seconds(interval.lower)} to {seconds(interval.upper)}"
        words += f" ({ends} at {confidence:.0%})"
    if typical.energy_j is not None:
        words += f" and {joules(typical.energy_j)}"
    return words


def _metered(models: Sequence[ModelFindings]) -> Iterator[str]:
    """Say which energy was measured, on which rail."""
    found: dict[str, list[str]] = {}
    for model in models:
        for phase, record in model.phases.items():
            if record.head is not None and record.head.rows:
                rail = (
                    f"rail {record.head.power_rail}" if record.head.power_rail else "no rail named"
                )
                found.setdefault(f"{phase} ({rail})", []).append(model.label)
    if not found:
        yield "No energy was measured on these models."
        return
    metered = "; ".join(f"{what} of {listed(labels)}" for what, labels in found.items())
    yield f"Energy was measured of {metered}."


def _few_shots(findings: Findings) -> Iterator[str]:
    """Say how little measuring it takes."""
    if findings.shots is None:
        return
    ones = [one for one in findings.shots.errors if one.shots == 1]
    words = [
        f"{phase} by {between(one.median_ape_percent for one in own)}"
        for phase in Phase
        if (own := _of_phase(ones, phase))
    ]
    if words:
        yield (
            f"Fitted again on one random row of each kind, the models miss the others: "
            f"{' and '.join(words)} (medians over {findings.shots.draws} draws; family and source "
            "stay as chosen on all rows)."
        )


def _of_phase(errors: Sequence[ShotError], phase: Phase) -> list[ShotError]:
    """Return the errors of one kind of row."""
    return [one for one in errors if one.phase is phase]


def _distrust(findings: Findings) -> Iterator[str]:
    """Yield what not to trust, the same of several models once, the gravest first."""
    found: dict[tuple[int, str], list[str]] = {}
    for model in findings.models:
        for doubt in doubts_of(model, findings.confidence):
            found.setdefault(doubt, []).append(model.label)
    everyone = len(findings.models)
    for (_, words), labels in sorted(found.items(), key=lambda doubt: doubt[0][0]):
        who = "every model" if len(labels) == everyone > MOST_DESCRIBED else listed(labels)
        yield f"{who}: {words}."
    for model in findings.models:
        for words in model.warnings:
            yield f"{model.label}: {words}."
    yield from _lost_rows(findings)


def _lost_rows(findings: Findings) -> Iterator[str]:
    """Say where much of what was read could not be used."""
    for reading in findings.readings:
        lost = sum(reading.rejected_counts.values())
        if reading.read_rows and lost / reading.read_rows > LARGE_LOSS:
            reasons = listed(
                [f"{count:,} {name}" for name, count in reading.rejected_counts.items()]
            )
            yield f"{lost:,} of {reading.read_rows:,} rows read were not used: {reasons}."
        for reason, count in reading.energy_set_aside.items():
            yield f"the energy of {counted(count, 'row')} was not used: {reason}."
