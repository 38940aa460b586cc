"""Everything that a report says of an artifact, as values that can be written as JSON."""

from __future__ import annotations

from token2metrics.artifact.manifest import HardwareRecord, PhaseRecord
from token2metrics.comparing.comparison import Comparison
from token2metrics.findings.shown import FactorFinding, Point, PowerOverTime, TokenCurve
from token2metrics.prediction.result import MetricErrors, Prediction, Result
from token2metrics.training.record import DataReading
from token2metrics.vocabulary import Phase


class ModelFindings(Result, frozen=True):
    """What there is to say of one model.

    Attributes:
        label: Unique among the models of the report: its short name, with what tells it from
            another of the same name.
        id: Model id.
        name: Short name.
        device: Edge device.
        power_mode: Power mode; None where no row states one.
        runtime: Runtime, likewise.
        precision: Precision of the weights, likewise.
        trained_at: When, as ISO 8601.
        sources: Where the measurements behind it come from.
        hardware: The device.
        phases: What the artifact says of each fitted phase.
        typical: The prediction of the report's typical request.
        points: Measured numbers beside their predictions.
        errors: The same as errors in percent, by phase and metric, of the predictions.
        held_out_errors: Likewise of refits that did not see the rows, or of rows never seen.
        staircase: Prefill over prompt tokens; None without a fit.
        context: Time per output token over context; None without a fit.
        power: Power over time of the typical request; None where a phase has no fit.
        factors: Fitted numbers over what was believed of them.
        warnings: What training could not do as asked.
        remarks: What is missing here, and why.
    """

    label: str
    id: str
    name: str
    device: str
    power_mode: str | None
    runtime: str | None
    precision: str | None
    trained_at: str
    sources: tuple[str, ...]
    hardware: HardwareRecord
    phases: dict[Phase, PhaseRecord]
    typical: Prediction
    points: tuple[Point, ...]
    errors: tuple[MetricErrors, ...]
    held_out_errors: tuple[MetricErrors, ...]
    staircase: TokenCurve | None
    context: TokenCurve | None
    power: PowerOverTime | None
    factors: tuple[FactorFinding, ...]
    warnings: tuple[str, ...]
    remarks: tuple[str, ...]


class ShotError(Result, frozen=True):
    """Errors of refits on a few rows, on the rows they did not see.

    Attributes:
        model: Label of the model.
        phase: Kind of row: ``prefill``, ``decode`` or ``request``.
        shots: Rows of each kind that every refit saw.
        draws: Refits, each on other rows.
        forecasts: Rows forecast, over all draws.
        median_ape_percent: Median of the absolute percentage errors.
        p90_ape_percent: Their 90th percentile.
    """

    model: str
    phase: Phase
    shots: int
    draws: int
    forecasts: int
    median_ape_percent: float
    p90_ape_percent: float


class ShotStudy(Result, frozen=True):
    """How errors fall as rows of the model itself are added.

    Attributes:
        draws: Random draws of each number of rows.
        seed: Of the draws.
        errors: By model, phase and number of rows.
        remarks: Which models could not be refitted, and why.
        seconds: How long all refits took.
    """

    draws: int
    seed: int
    errors: tuple[ShotError, ...]
    remarks: tuple[str, ...]
    seconds: float


class RejectedRows(Result, frozen=True):
    """Rows of a file that were not used, for one reason.

    Attributes:
        file: Name of the file.
        category: What the reason is filed under.
        reason: The reason, of the first such row.
        rows: How many.
    """

    file: str
    category: str
    reason: str
    rows: int


class PowerLogFinding(Result, frozen=True):
    """A measured power log, thinned to what a picture can show.

    Attributes:
        file: Name of the file.
        rail: The rails summed.
        readings: Readings in the file.
        times_s: Middle of each span of readings, from the first reading.
        power_w: Mean power of each span.
    """

    file: str
    rail: str
    readings: int
    times_s: tuple[float, ...]
    power_w: tuple[float, ...]


class Findings(Result, frozen=True):
    """Everything a report says.

    Attributes:
        artifact: Name of the artifact's directory.
        created_by: Package version that trained it.
        reported_by: Package version that reports.
        confidence: Of every interval.
        typical_input_tokens: Prompt of the typical request.
        typical_output_tokens: Its answer.
        readings: What was read to judge the models by, once per device and conditions; files by
            name.
        models: The models.
        shots: Refits on a few rows; None where they were not asked for.
        comparison: The models side by side, for the typical request; None where none has a
            latency.
        rejected: Rows not used, the most first.
        power_logs: Measured power.
        remarks: What is missing, and why.
    """

    artifact: str
    created_by: str
    reported_by: str
    confidence: float
    typical_input_tokens: int
    typical_output_tokens: int
    readings: tuple[DataReading, ...]
    models: tuple[ModelFindings, ...]
    shots: ShotStudy | None
    comparison: Comparison | None
    rejected: tuple[RejectedRows, ...]
    power_logs: tuple[PowerLogFinding, ...]
    remarks: tuple[str, ...]
