"""``/v1/models``: what is known of each trained model, and what it rests on."""

from __future__ import annotations

from token2metrics.artifact.manifest import (
    ErrorSummary,
    Hull,
    ModelRecord,
    ParallelRecord,
    PhaseRecord,
)
from token2metrics.parallel import SINGLE
from token2metrics.planning.at_most import stated_limit_w
from token2metrics.prediction.assemble import PhaseTeller
from token2metrics.prediction.result import Result
from token2metrics.service.serving import Served
from token2metrics.vocabulary import Phase


class KnownEnergy(Result, frozen=True):
    """What is known of the energy of a phase.

    Attributes:
        power_rail: Rail the energy was measured on.
        rows: Metered rows of the model; 0 where carried over from other models.
        rests_on: The measurements behind it, in words.
        errors: Held-out errors, by protocol.
    """

    power_rail: str | None
    rows: int
    rests_on: str
    errors: tuple[ErrorSummary, ...]


class KnownSamples(Result, frozen=True):
    """What is known of several answers generated at once.

    Attributes:
        rows: Rows of the model with more than one; 0 where carried over.
        fewest: Fewest that were measured.
        most: Most that were measured.
        rests_on: The measurements behind it, in words.
    """

    rows: int
    fewest: int
    most: int
    rests_on: str


class KnownPhase(Result, frozen=True):
    """What is known of a phase.

    Attributes:
        family: Curve family.
        calibration: Method that carried the source curve to the device.
        source: Kind of measurements the curve comes from.
        source_rows: Rows of the source.
        rows: Rows of the model on the device.
        rests_on: The measurements behind the latency, in words.
        interval_rests_on: What intervals rest on, in words.
        hull: Measured token range; None without rows of the model on the device.
        errors: Held-out errors of the latency, by protocol.
        level: Factor by which finished requests moved the latency.
        energy: What is known of its energy; None where none was measured.
        samples: What is known of several answers at once; None where nothing was measured.
    """

    family: str
    calibration: str
    source: str
    source_rows: int
    rows: int
    rests_on: str
    interval_rests_on: str | None
    hull: Hull | None
    errors: tuple[ErrorSummary, ...]
    level: float
    energy: KnownEnergy | None
    samples: KnownSamples | None


class KnownModel(Result, frozen=True):
    """A trained model on a device.

    Attributes:
        id: Model id.
        name: Short name.
        aliases: Further names it answers to.
        device: Device.
        power_mode: Power mode.
        runtime: Inference engine.
        precision: Precision of the weights.
        idle_power_w: Watts of the device at rest.
        power_limit_w: Most watts of the device; None where not stated.
        device_price: Price of the device as configured; None where not stated.
        lifetime_years: Years of use that the device is paid off over.
        trained_at: When it was trained, ISO 8601.
        prefill: The first phase; None where nothing was measured.
        decode: The second phase; None likewise.
    """

    id: str
    name: str
    aliases: tuple[str, ...]
    device: str
    power_mode: str | None
    runtime: str | None
    precision: str | None
    idle_power_w: float
    power_limit_w: float | None
    device_price: float | None
    lifetime_years: float
    trained_at: str
    prefill: KnownPhase | None
    decode: KnownPhase | None


class Models(Result, frozen=True):
    """Every model of the artifact that is served.

    Attributes:
        artifact: Digest of the artifact.
        created_by: Version of the package that wrote it.
        loaded_at_s: When the service loaded it, in seconds since 1970.
        models: The models.
    """

    artifact: str
    created_by: str
    loaded_at_s: float
    models: tuple[KnownModel, ...]


def known_models(served: Served) -> Models:
    """Return what is known of an artifact's models.

    Args:
        served: The artifact.
    """
    return Models(
        artifact=served.digest,
        created_by=served.artifact.manifest.created_by,
        loaded_at_s=served.loaded_at_s,
        models=tuple(_known_model(one.model.record) for one in served.predictor.models),
    )


def _known_model(record: ModelRecord) -> KnownModel:
    """Return what is known of a model."""
    hardware = record.hardware
    return KnownModel(
        id=record.id,
        name=record.name,
        aliases=record.aliases,
        device=record.device,
        power_mode=record.power_mode,
        runtime=record.runtime,
        precision=record.precision,
        idle_power_w=hardware.idle_power_w,
        power_limit_w=stated_limit_w(hardware),
        device_price=hardware.purchase_price,
        lifetime_years=hardware.lifetime_years,
        trained_at=record.trained_at,
        prefill=_known_phase(Phase.PREFILL, record.phases.get(Phase.PREFILL)),
        decode=_known_phase(Phase.DECODE, record.phases.get(Phase.DECODE)),
    )


def _known_phase(phase: Phase, record: PhaseRecord | None) -> KnownPhase | None:
    """Return what is known of a phase."""
    if record is None:
        return None
    told = PhaseTeller(phase.value, record, SINGLE)
    return KnownPhase(
        family=record.family.value,
        calibration=record.calibration.value,
        source=record.source.value,
        source_rows=record.source_rows,
        rows=record.edge_rows,
        rests_on=told.rests_on,
        interval_rests_on=told.interval_rests_on,
        hull=record.hull,
        errors=record.errors,
        level=record.level,
        energy=_known_energy(record),
        samples=_known_samples(record.parallel),
    )


def _known_energy(record: PhaseRecord) -> KnownEnergy | None:
    """Return what is known of the energy of a phase."""
    head = record.head
    if head is None:
        return None
    return KnownEnergy(
        power_rail=head.power_rail, rows=head.rows, rests_on=head.rests_on, errors=head.errors
    )


def _known_samples(record: ParallelRecord | None) -> KnownSamples | None:
    """Return what is known of several answers at once."""
    if record is None:
        return None
    fewest, most = record.samples
    return KnownSamples(rows=record.rows, fewest=fewest, most=most, rests_on=record.rests_on)
