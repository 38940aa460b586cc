"""``report``: what there is to say about trained models, to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.load import Artifact, load_artifact
from token2metrics.artifact.manifest import MANIFEST_NAME
from token2metrics.cli.options import (
    ArtifactDirectory,
    AsJson,
    Confidence,
    DataFiles,
    DeviceName,
    ModelNames,
    PowerMode,
    PrecisionName,
    RuntimeName,
)
from token2metrics.cli.own_files import refuse_overwriting, refuse_unwritable
from token2metrics.cli.progress import ProgressBar
from token2metrics.cli.report_options import (
    Draws,
    FormatName,
    PowerLogs,
    Refits,
    ReportOutput,
    format_and_path,
)
from token2metrics.cli.serve_options import STATE_NAME
from token2metrics.cli.session import Session, session_of
from token2metrics.export.target import provenance_of
from token2metrics.extras import needing
from token2metrics.findings.asked import DEFAULT_DRAWS, Asked
from token2metrics.findings.chosen import chosen_models
from token2metrics.findings.verdict import Verdict, verdict
from token2metrics.intervals import DEFAULT_CONFIDENCE
from token2metrics.prediction.conditions import Conditions
from token2metrics.report.tables import WARNING_STYLE, show_line
from token2metrics.report.units import bytes_of
from token2metrics.training.record import RECORD_NAME
from token2metrics.training.threads import limit_linear_algebra

if TYPE_CHECKING:
    from token2metrics.artifact.manifest import ModelRecord
    from token2metrics.findings.findings import Findings, ModelFindings

REPORTING = "reporting"


def report(
    context: typer.Context,
    artifact: ArtifactDirectory = None,
    model: ModelNames = None,
    data: DataFiles = None,
    output: ReportOutput = None,
    format_name: FormatName = None,
    device: DeviceName = None,
    power_mode: PowerMode = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    confidence: Confidence = DEFAULT_CONFIDENCE,
    refits: Refits = True,
    draws: Draws = DEFAULT_DRAWS,
    power_log: PowerLogs = None,
    as_json: AsJson = False,
) -> None:
    """Draw what there is to say about trained models: a page, a model card, or single pictures.

    The page works offline and holds everything: a verdict, an explorer of what
    requests cost, pictures, and tables.

    Example: [bold]python main.py report --artifact ./outputs --output report.html[/]
    """
    session = session_of(context)
    directory = session.directory(artifact)
    chosen, path = format_and_path(format_name, output, directory)
    loaded = load_artifact(directory)
    names = (MANIFEST_NAME, loaded.manifest.weights_file, RECORD_NAME, STATE_NAME)
    own = (directory / name for name in names)
    refuse_overwriting((*(data or ()), *(power_log or ()), *own), {"--output": path})
    asked = Asked(
        data=tuple(data or ()),
        models=tuple(model or ()),
        where=Conditions(device, power_mode, runtime, precision),
        confidence=confidence,
        refits=refits,
        draws=draws,
        power_logs=tuple(power_log or ()),
        configs=session.settings.configs,
        torch_device=session.settings.torch_device,
    )
    models = chosen_models(loaded, asked)
    refuse_unwritable(path)
    limit_linear_algebra(session.settings.threads)
    with needing(REPORTING):
        from token2metrics.page.explorer import explorer_part
        from token2metrics.page.write import write_report

        findings = _gathered(session, loaded, directory, asked)
    shown = _in_order(models, findings)
    told = verdict(findings)
    with session.errors.status("drawing"):
        files = write_report(
            chosen, path, findings, told, lambda: explorer_part(shown, provenance_of(loaded))
        )
    if as_json:
        session.show_json(findings)
    else:
        _show(session, told, files)


def _gathered(session: Session, loaded: Artifact, directory: Path, asked: Asked) -> Findings:
    """Gather what there is to say, under a progress bar."""
    from token2metrics.findings.gather import gather
    from token2metrics.training.run import configure_torch

    configure_torch(session.settings)
    with ProgressBar(session.errors) as progress:
        return gather(loaded, directory, asked, progress)


def _in_order(models: Sequence[FittedModel], findings: Findings) -> list[FittedModel]:
    """Return models in the order of the findings, so that each has one colour on the page."""
    places = {_identity(told): place for place, told in enumerate(findings.models)}
    return sorted(models, key=lambda model: places[_identity(model.record)])


def _identity(told: ModelRecord | ModelFindings) -> tuple[str | None, ...]:
    """Return what no two models of a report share."""
    return (told.id, told.device, told.power_mode, told.runtime, told.precision)


def _show(session: Session, told: Verdict, files: Sequence[Path]) -> None:
    """Print the verdict, and where the rest is."""
    show_line(session.console, told.headline, "bold")
    for sentence in told.distrust:
        show_line(session.console, f"distrust: {sentence}", WARNING_STYLE)
    for path in files:
        show_line(session.console, f"written to {path}, {bytes_of(path.stat().st_size)}")
