"""From a running engine to a calibrated artifact: measure few points, train, compare."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import msgspec

from token2metrics.artifact.manifest import ErrorSummary
from token2metrics.config import ExperimentConfig, HardwareConfig
from token2metrics.errors import DataError, RequestError
from token2metrics.measure.designed_plan import calibration_plan
from token2metrics.measure.designing import known_by
from token2metrics.measure.ending import Stop
from token2metrics.measure.journal import Campaign
from token2metrics.measure.known_files import FOLDER, known_files
from token2metrics.measure.run import run_campaign
from token2metrics.measure.session import Effort, Instruments
from token2metrics.measure.session import Watcher as MeasuringWatcher
from token2metrics.measure.summary import MeasureReport
from token2metrics.measure.tables import slug, slug_of, tables
from token2metrics.modeling.lengths import Limits
from token2metrics.prediction.conditions import Conditions
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.predictor import Predictor
from token2metrics.prediction.result import PhasePrediction
from token2metrics.settings import Settings
from token2metrics.training.choice import Choice, TrainingOptions, choose_experiments
from token2metrics.training.run import Watcher as TrainingWatcher
from token2metrics.training.run import configure_torch, earlier_artifact, run_training
from token2metrics.vocabulary import FITTED_PHASES, Phase

logger = logging.getLogger(__name__)

PERCENT = 100.0
NOT_TRAINED = "nothing was trained"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a phase at the measured points.

    Attributes:
        error_percent: Median absolute error at the measured points, in percent. Before, of the
            prediction; after, of points held out in turn, where there were enough.
        width_percent: Median half-width of the interval, in percent of the prediction.
        rests_on: The measurements behind the prediction, in words.
    """

    error_percent: float | None
    width_percent: float | None
    rests_on: str


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """A phase before and after.

    Attributes:
        phase: The phase.
        points: Measured token settings.
        before: None where nothing could be predicted before.
        after: After training on the measured points.
    """

    phase: Phase
    points: int
    before: Standing | None
    after: Standing


class CalibrationReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a calibration did.

    Attributes:
        artifact: Directory of the artifact.
        model: Model id.
        device: Device.
        measured: The measuring run.
        phases: Each phase before and after; empty where measuring did not end.
        before_is: Whose prediction the one before was, or why there was none.
    """

    artifact: str
    model: str
    device: str
    measured: MeasureReport
    phases: tuple[Progress, ...]
    before_is: str


@dataclass(frozen=True, slots=True)
class Calibrator:
    """Calibrates one model on one device.

    Attributes:
        instruments: The connected engine, a meter that is not yet running, and clocks.
        hardware: The device.
        experiment: The model.
        directory: The artifact.
        settings: Threads and device of the fits, and where experiments are.
    """

    instruments: Instruments
    hardware: HardwareConfig
    experiment: ExperimentConfig
    directory: Path
    settings: Settings

    def planned(
        self, draft: Campaign, options: TrainingOptions, count: int, limits: Limits, repeats: int
    ) -> Campaign:
        """Return a campaign with designed points.

        The design does not look at what earlier calibrations of the model on the device measured:
        so the same command asks for the same points, and fewer points are the first of more.

        Args:
            draft: The campaign, whose points do not count.
            options: What to train; its data are what was known.
            count: How many points.
            limits: How long they may be.
            repeats: How often each is measured.

        Raises:
            Token2MetricsError: If something cannot be read, or there are too few lengths.
        """
        configure_torch(self.settings)
        known = options.data or self._known_files(draft.model, options.where)
        own = slug_of(draft.device, draft.model)
        measured = tables(self.directory / FOLDER)
        others = tuple(file for file in measured if not file.name.startswith(f"{own}_"))
        choice = self._choice(replace(options, data=(*known, *others)))
        points = calibration_plan(known_by(choice, self.settings), count, limits, repeats)
        return msgspec.structs.replace(draft, points=points)

    def calibrate(
        self,
        campaign: Campaign,
        effort: Effort,
        options: TrainingOptions,
        measuring: MeasuringWatcher,
        training: TrainingWatcher,
    ) -> CalibrationReport:
        """Measure, train on what was measured beside all that is known, and compare.

        Args:
            campaign: What to measure.
            effort: How much.
            options: What to train, and under which conditions; its data are what was known.
            measuring: Told of the measuring.
            training: Told of the training.

        Raises:
            Token2MetricsError: If something cannot be read, measured or written.
        """
        table = self.directory / FOLDER / f"{slug(campaign)}.parquet"
        known = options.data or self._known_files(campaign.model, options.where)
        others = tuple(file for file in tables(table.parent) if file != table)
        report = run_campaign(campaign, self.instruments, effort, table, measuring)
        if report.stopped not in (Stop.FINISHED, Stop.OUT_OF_TIME) or not report.rows:
            return self._report(campaign, report, (), NOT_TRAINED)
        before, whose = self._before(replace(options, data=(*known, *others)), training)
        all_data = replace(options, data=(*known, *others, table))
        run_training(all_data, self._choice(all_data), self.directory, self.settings, training)
        after = Predictor.load(self.directory).select(campaign.model, options.where)
        phases = tuple(
            _progress(phase, report, before, after)
            for phase in FITTED_PHASES
            if any(point.phase is phase for point in report.points)
        )
        return self._report(campaign, report, phases, whose)

    def _report(
        self,
        campaign: Campaign,
        report: MeasureReport,
        phases: tuple[Progress, ...],
        before_is: str,
    ) -> CalibrationReport:
        """Say what was done."""
        return CalibrationReport(
            artifact=str(self.directory),
            model=campaign.model,
            device=campaign.device,
            measured=report,
            phases=phases,
            before_is=before_is,
        )

    def _choice(self, options: TrainingOptions) -> Choice:
        """Choose the experiment, on the injected hardware."""
        choice = choose_experiments(options, self.settings.configs)
        return Choice(
            tuple(self._on_hardware(one) for one in choice.catalog),
            tuple(self._on_hardware(one) for one in choice.chosen),
        )

    def _on_hardware(self, experiment: ExperimentConfig) -> ExperimentConfig:
        """Put the injected hardware in place of the same device, and the measured precision."""
        if experiment.edge.name != self.hardware.name:
            return experiment
        changes: dict[str, object] = {"edge": self.hardware}
        if experiment.model.id == self.experiment.model.id:
            changes["model"] = self.experiment.model
        return experiment.model_copy(update=changes)

    def _known_files(self, model: str, where: Conditions) -> tuple[Path, ...]:
        """Return what was known before any calibration into the artifact."""
        files = known_files(earlier_artifact(self.directory), model, self.directory, where)
        return tuple(path for path in files if path.parent != self.directory / FOLDER)

    def _before(
        self, options: TrainingOptions, watcher: TrainingWatcher
    ) -> tuple[ModelPredictor | None, str]:
        """Return what would be predicted without measuring, and whose prediction that is."""
        model = self.experiment.model.id
        artifact = earlier_artifact(self.directory)
        if artifact is not None:
            predictor = Predictor(tuple(map(ModelPredictor, artifact.models)))
            try:
                found = predictor.select(model, options.where)
            except RequestError as reason:
                logger.info("no prediction in the artifact: %s", reason)
            else:
                return found, f"the artifact in {self.directory}"
        with TemporaryDirectory() as folder:
            try:
                choice = self._choice(options)
                run_training(options, choice, Path(folder), self.settings, watcher)
            except DataError as reason:
                return None, f"no prediction before: {reason}"
            untold = Conditions(device=options.where.device)
            return Predictor.load(folder).select(model, untold), "a training without rows"


def conditions_of(campaign: Campaign) -> Conditions:
    """Return the conditions under which a campaign measures."""
    return Conditions(campaign.device, campaign.power_mode, campaign.runtime, campaign.precision)


def _progress(
    phase: Phase, report: MeasureReport, before: ModelPredictor | None, after: ModelPredictor
) -> Progress:
    """Compare a phase before and after."""
    errors = after.model.record.phases[phase].errors
    measured = [point for point in report.points if point.phase is phase]
    return Progress(
        phase=phase,
        points=len(measured),
        before=None if before is None else _standing(phase, report, before, None),
        after=_standing(phase, report, after, errors),
    )


def _standing(
    phase: Phase,
    report: MeasureReport,
    predictor: ModelPredictor,
    held_out: Sequence[ErrorSummary] | None,
) -> Standing:
    """Judge a predictor at the measured points, or by its held-out errors."""
    errors, widths = [], []
    rests_on = ""
    for point in report.points:
        if point.phase is not phase:
            continue
        request = predictor(point.input_tokens, point.output_tokens)
        part: PhasePrediction = getattr(request, phase)
        rests_on = part.rests_on
        if part.latency_s is None or part.latency_interval_s is None:
            continue
        errors.append(abs(part.latency_s / point.median_s - 1.0))
        interval = part.latency_interval_s
        widths.append((interval.upper - interval.lower) / (2.0 * part.latency_s))
    if held_out is not None:
        error = held_out[0].median_ape_percent if held_out else None
    else:
        error = PERCENT * median(errors) if errors else None
    return Standing(
        error_percent=error,
        width_percent=PERCENT * median(widths) if widths else None,
        rests_on=rests_on,
    )
