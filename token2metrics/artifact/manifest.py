"""What an artifact says about itself: the schema of ``manifest.json``."""

from typing import Any

import msgspec

from token2metrics.vocabulary import CalibrationMethod, Phase, RegressionType, SourceKind

FORMAT = "token2metrics-artifact"
SCHEMA_VERSION = 3
MANIFEST_NAME = "manifest.json"


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A group of values that refuses unknown keys."""


class Hull(Record, frozen=True):
    """The range of token counts that was measured, ends included.

    Attributes:
        input_tokens: Fewest and most prompt tokens.
        output_tokens: Fewest and most output tokens; None for prefill, which has no say in them.
    """

    input_tokens: tuple[float, float]
    output_tokens: tuple[float, float] | None


class ErrorSummary(Record, frozen=True):
    """Relative errors of held-out rows, in percent.

    Attributes:
        protocol: How the rows were held out.
        rows: How many rows were predicted.
        mape_percent: Mean absolute percentage error.
        median_ape_percent: Median absolute percentage error.
        p90_ape_percent: 90th percentile of the absolute percentage error.
        bias_percent: Mean signed percentage error.
    """

    protocol: str
    rows: int
    mape_percent: float
    median_ape_percent: float
    p90_ape_percent: float
    bias_percent: float


class MarginRecord(Record, frozen=True):
    """How far predictions may be off: half-widths of intervals of the logarithm.

    Attributes:
        method: What they rest on, in words.
        rows: Held-out rows behind them.
        confidences: Ascending confidences.
        half_widths: Half-width at each of them, never falling.
    """

    method: str
    rows: int
    confidences: tuple[float, ...]
    half_widths: tuple[float, ...]


class BelievedWeight(Record, frozen=True):
    """What was believed of a weight before the model's own rows were seen.

    Attributes:
        median: Median of the belief, in the weight's unit.
        spread: Standard deviation of its logarithm.
    """

    median: float
    spread: float


class OutlierRecord(Record, frozen=True):
    """A calibration row so far off the fit that it hardly counted.

    Attributes:
        input_tokens: Its prompt tokens.
        output_tokens: Its output tokens.
        measured_s: Its latency.
        fitted_s: What the fit says.
    """

    input_tokens: float
    output_tokens: float
    measured_s: float
    fitted_s: float


class CampaignRecord(Record, frozen=True):
    """By how much the calibration rows of one data set lie off those of the largest.

    Attributes:
        source: The data set.
        rows: How many of its rows measure the phase.
        offset_percent: How much slower it measured; 0 for the largest data set, to which
            predictions refer.
    """

    source: str
    rows: int
    offset_percent: float


class MeterRecord(Record, frozen=True):
    """How the meter behind a power head read.

    Attributes:
        period_s: Seconds between its readings; 0 for one that integrates.
        pad_s: By how much its windows outlast the work on average.
    """

    period_s: float
    pad_s: float


class HeadRecord(Record, frozen=True):
    """The power head of a phase, and what its energy was measured on.

    Attributes:
        power_rail: Rail the energy belongs to.
        rows: Edge rows with energy; 0 when carried over from other models.
        rests_on: What it was fitted on, in words.
        meter: How the meter read.
        margin: How far energy and power may be off.
        errors: Held-out errors of the metered energy.
    """

    power_rail: str | None
    rows: int
    rests_on: str
    meter: MeterRecord
    margin: MarginRecord
    errors: tuple[ErrorSummary, ...] = ()


class ParallelRecord(Record, frozen=True):
    """What tells how several samples at once share a phase.

    Attributes:
        rows: Rows of this model with more than one sample; 0 when carried over.
        samples: Fewest and most samples that were measured.
        rests_on: The measurements, in words.
        margin: How far the slowdown may be off, beside the margin of one sample.
    """

    rows: int
    samples: tuple[int, int]
    rests_on: str
    margin: MarginRecord


class PhaseRecord(Record, frozen=True):
    """One fitted phase.

    Attributes:
        family: Curve family.
        hyperparameters: Fields of the family's curve.
        calibration: Method that carried the source curve over.
        terms: Names of the curve's terms.
        source: Kind of measurements the curve comes from.
        source_rows: How many rows of the source include the phase.
        edge_rows: How many rows of this model on this device include it.
        rests_on: The measurements behind the phase, in words.
        hull: Measured token range on the device; None without edge rows.
        errors: Held-out errors, by protocol.
        margin: How far the latency may be off.
        beliefs: What was believed of the curve's weights; empty without the prior method.
        outliers: Calibration rows that hardly counted.
        campaigns: Data sets of the calibration rows, where there are several to compare.
        iterations: Steps of the final fit.
        converged: Whether the final fit stopped by itself.
        step_count: Thresholds of the learned staircase.
        head: Power head; None where no energy was measured.
        parallel: Several samples at once; None where nothing measured tells.
        level: Factor on the latency by which finished requests moved the fit.
    """

    family: RegressionType
    hyperparameters: dict[str, Any]
    calibration: CalibrationMethod
    terms: tuple[str, ...]
    source: SourceKind
    source_rows: int
    edge_rows: int
    rests_on: str
    hull: Hull | None
    errors: tuple[ErrorSummary, ...]
    margin: MarginRecord
    iterations: int
    converged: bool
    beliefs: dict[str, BelievedWeight] = {}
    outliers: tuple[OutlierRecord, ...] = ()
    campaigns: tuple[CampaignRecord, ...] = ()
    step_count: int = 0
    head: HeadRecord | None = None
    parallel: ParallelRecord | None = None
    level: float = 1.0


class TrafficRecord(Record, frozen=True):
    """The model's shape as the formulas need it."""

    flop_per_token: float
    attention_flop: float
    weight_bytes: float
    kv_bytes_per_token: float
    layers: float


class HardwareRecord(Record, frozen=True):
    """The device as power heads, prices and explanations need it."""

    memory_bandwidth_bytes_per_s: float | None
    compute_flop_per_s: float | None
    idle_power_w: float
    power_limit_w: float
    purchase_price: float | None
    lifetime_years: float


class ModelRecord(Record, frozen=True):
    """One model on one device, in one power mode, runtime and precision."""

    id: str
    name: str
    aliases: tuple[str, ...]
    device: str
    power_mode: str | None
    runtime: str | None
    precision: str | None
    traffic: TrafficRecord
    hardware: HardwareRecord
    phases: dict[Phase, PhaseRecord]
    configuration: dict[str, Any]
    data_fingerprint: str
    data_sources: tuple[str, ...]
    trained_at: str

    @property
    def key(self) -> str:
        """The name under which the weights are stored."""
        parts = (self.device, self.power_mode, self.runtime, self.precision, self.id)
        return "|".join(part or "" for part in parts)

    def answers_to(self, name: str) -> bool:
        """Return whether ``name`` is one of the model's names, ignoring case."""
        return name.casefold() in {n.casefold() for n in (self.id, self.name, *self.aliases)}


class Manifest(Record, frozen=True):
    """The whole artifact.

    Attributes:
        format: Always ``token2metrics-artifact``.
        schema_version: Version of this schema.
        created_by: Package version that wrote it.
        versions: Versions of the libraries that fitted it.
        weights_file: Name of the weights file beside the manifest.
        weights_sha256: Its digest.
        models: The fitted models.
        manifest_sha256: Digest of the manifest with this field empty.
    """

    format: str
    schema_version: int
    created_by: str
    versions: dict[str, str]
    weights_file: str
    weights_sha256: str
    models: tuple[ModelRecord, ...]
    manifest_sha256: str = ""


class ManifestHeader(msgspec.Struct, frozen=True):
    """The two fields that tell whether a manifest can be read at all."""

    format: str = ""
    schema_version: int = 0
