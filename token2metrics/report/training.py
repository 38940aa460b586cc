"""A training run as tables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.console import Console

from token2metrics.artifact.manifest import PhaseRecord
from token2metrics.report.remarks import campaign_lines, outlier_lines
from token2metrics.report.tables import (
    WARNING_STYLE,
    build_table,
    show_line,
    show_pairs,
    show_title,
)
from token2metrics.report.units import counted, percent
from token2metrics.training.record import CandidateEntry, DataReading, ModelEntry, TrainingRecord
from token2metrics.vocabulary import SourceKind

BEST_SHOWN = 3
CHOSEN = "chosen"
UNCONVERGED = "!"

UNCALIBRATED = "uncalibrated"
"""How a fit without any row of its model is called."""


def show_training(console: Console, record: TrainingRecord, every_candidate: bool) -> None:
    """Print what a training read, rejected, chose and reached.

    Args:
        console: Where to print.
        record: The run.
        every_candidate: Whether to show the whole search rather than its best.
    """
    for reading in record.data:
        show_reading(console, reading)
    if record.rejected_file is not None:
        show_line(console, f"rows not used are in {record.rejected_file}", WARNING_STYLE)
    console.print()
    show_candidates(console, record.models, every_candidate)
    show_models(console, record.models)
    for model in record.models:
        show_foundations(console, model)
    for name, reason in record.skipped.items():
        show_line(console, f"{name} is not trained: {reason}", WARNING_STYLE)
    trained = ", ".join(model.name for model in record.models)
    show_line(
        console, f"trained {trained} in {record.seconds:.1f} s into {record.artifact}", "bold"
    )


def show_reading(console: Console, reading: DataReading) -> None:
    """Print what was read from each file, and what of it is not used."""
    show_title(console, f"Measurements for {reading.device}")
    table = build_table(["file"], ["rows", "not used"])
    for file in reading.files:
        table.add_row(file.file, f"{file.rows:,}", f"{file.not_used:,}")
    console.print(table)
    if reading.rejected_counts:
        refused = build_table(["not used because"], ["rows"])
        for category, count in reading.rejected_counts.items():
            refused.add_row(category, f"{count:,}")
        console.print(refused)
    settings = counted(reading.settings, "distinct token setting")
    show_line(console, f"left to train on: {settings}")
    for words, count in reading.beside.items():
        show_line(console, f"used beside them: {counted(count, 'setting')} {words}")
    for reason, rows in reading.energy_set_aside.items():
        line = f"energy of {counted(rows, 'row')} not used, latency is: {reason}"
        show_line(console, line, WARNING_STYLE)


def show_candidates(console: Console, models: Sequence[ModelEntry], every_candidate: bool) -> None:
    """Print how the candidates of each search did."""
    table = build_table(["model", "phase", "candidate"], ["CV error %", ""])
    for model in models:
        for phase, entries in groupby(model.candidates, key=lambda entry: entry.phase):
            for entry in _shown(list(entries), every_candidate):
                mark = CHOSEN if entry.chosen else ""
                error = percent(entry.cv_percent)
                table.add_row(model.name, phase, entry.candidate, error, mark)
    if table.row_count:
        shown = "All" if every_candidate else f"Best {BEST_SHOWN}"
        show_title(console, f"{shown} candidates of each search")
        console.print(table)
        console.print()


def _shown(entries: list[CandidateEntry], every_candidate: bool) -> list[CandidateEntry]:
    """Return the best candidates, and the chosen one where it is not among them."""
    if every_candidate:
        return entries
    return entries[:BEST_SHOWN] + [entry for entry in entries[BEST_SHOWN:] if entry.chosen]


def show_models(console: Console, models: Sequence[ModelEntry]) -> None:
    """Print what was fitted, and its errors on held-out rows."""
    show_title(
        console,
        "Fitted models, with errors in percent: nested cross-validation, and MAPE of test settings",
    )
    table = build_table(["model", "phase", "fit"], ["rows", "MAPE", "p50", "p90", "test", "steps"])
    for model in models:
        for phase, fitted in model.phases.items():
            table.add_row(
                model.name,
                phase,
                _fit(fitted),
                _rows(fitted),
                *_errors(fitted),
                f"{fitted.iterations}{'' if fitted.converged else UNCONVERGED}",
            )
    console.print(table)
    if all(fitted.converged for model in models for fitted in model.phases.values()):
        show_line(console, "rows: of the model on the device + of the source; every fit converged")
    else:
        show_line(console, f"{UNCONVERGED} stopped before it converged", WARNING_STYLE)
    console.print()


def show_foundations(console: Console, model: ModelEntry) -> None:
    """Print which measurements a model rests on, and what stands out among them."""
    show_title(console, f"{model.name} ({model.model}), {model.seconds:.1f} s")
    pairs = []
    for phase, fitted in model.phases.items():
        pairs.append((f"{phase} latency", fitted.rests_on))
        power = fitted.head.rests_on if fitted.head else "no measured energy"
        for error in fitted.head.errors if fitted.head else ():
            power += f"; held-out energies off by {error.mape_percent:.2f} % (MAPE)"
        pairs.append((f"{phase} power", power))
    show_pairs(console, pairs)
    for phase, fitted in model.phases.items():
        for line in outlier_lines(phase, fitted.outliers, fitted.edge_rows):
            show_line(console, line, WARNING_STYLE)
        for line in campaign_lines(phase, fitted.campaigns):
            show_line(console, line)
    for warning in model.warnings:
        show_line(console, f"note: {warning}", WARNING_STYLE)
    console.print()


def _fit(fitted: PhaseRecord) -> str:
    """Name family, calibration and source."""
    if fitted.source is SourceKind.NONE:
        return f"{fitted.family}, edge rows alone"
    method = fitted.calibration if fitted.edge_rows else UNCALIBRATED
    return f"{fitted.family}, {method}, {fitted.source}"


def _rows(fitted: PhaseRecord) -> str:
    """Count edge rows and source rows."""
    return (
        f"{fitted.edge_rows}+{fitted.source_rows}" if fitted.source_rows else f"{fitted.edge_rows}"
    )


def _errors(fitted: PhaseRecord) -> tuple[str, str, str, str]:
    """Return MAPE, median and p90 of the nested cross-validation, and MAPE of the test rows."""
    nested, test = (
        next((error for error in fitted.errors if error.protocol.startswith(word)), None)
        for word in ("nested", "held-out")
    )
    return (
        percent(nested.mape_percent if nested else None),
        percent(nested.median_ape_percent if nested else None),
        percent(nested.p90_ape_percent if nested else None),
        percent(test.mape_percent if test else None),
    )
