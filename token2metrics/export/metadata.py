"""What an exported file says about itself and its models, in every format the same."""

from __future__ import annotations

from typing import Any

import msgspec

from token2metrics.artifact.manifest import PhaseRecord
from token2metrics.export.target import Bundle, ExportedModel, Provenance
from token2metrics.prediction.quantities import EXTRAPOLATED
from token2metrics.prediction.result import Result
from token2metrics.vocabulary import FITTED_PHASES

UNITS = {"s": "seconds", "j": "joules", "w": "watts"}
"""Units by what names of quantities end in."""

FLAG = "1 outside the measured range, otherwise 0"
FLAGS = frozenset({EXTRAPOLATED})
"""Quantities that hold or do not; languages with truth values say so."""

TEXTS = (
    "identifier",
    "id",
    "name",
    "device",
    "power_mode",
    "runtime",
    "precision",
    "power_rail",
    "trained_at",
)
"""What exported tables of models say of each in words."""


class PhaseMetadata(Result, frozen=True):
    """What a phase of an exported model rests on.

    Attributes:
        family: Curve family.
        calibration: Method that carried it to the device.
        rests_on: The measurements behind the latency, in words.
        energy_rests_on: The measurements behind the energy, in words; None without.
        input_tokens: Fewest and most prompt tokens measured on the device; None without rows.
        output_tokens: Fewest and most output tokens; None for prefill.
    """

    family: str
    calibration: str
    rests_on: str
    energy_rests_on: str | None
    input_tokens: tuple[float, float] | None
    output_tokens: tuple[float, float] | None


class ModelMetadata(Result, frozen=True):
    """What an export says about a model.

    Attributes:
        identifier: What it is called in the file.
        id: Model id.
        name: Short name.
        device: Device.
        power_mode: Power mode.
        runtime: Inference engine.
        precision: Precision of the weights.
        power_rail: Rail that energy and power belong to; None without.
        trained_at: When it was trained.
        data_fingerprint: Digest of the rows it was trained on.
        phases: What each fitted phase rests on; a missing one is unknown.
    """

    identifier: str
    id: str
    name: str
    device: str
    power_mode: str | None
    runtime: str | None
    precision: str | None
    power_rail: str | None
    trained_at: str
    data_fingerprint: str
    phases: dict[str, PhaseMetadata]


class Metadata(Result, frozen=True):
    """What an export says about itself.

    Attributes:
        provenance: What it was made from.
        confidence: Share of requests within each interval.
        parallel: Answers generated at once.
        quantities: Results, each with its unit.
        models: The models.
    """

    provenance: Provenance
    confidence: float
    parallel: int
    quantities: dict[str, str]
    models: tuple[ModelMetadata, ...]


def unit_of(quantity: str) -> str:
    """Return the unit of a quantity, in words."""
    return FLAG if quantity in FLAGS else UNITS[quantity.rsplit("_", 1)[1]]


def metadata_of(bundle: Bundle) -> Metadata:
    """Describe a bundle."""
    return Metadata(
        provenance=bundle.provenance,
        confidence=bundle.confidence,
        parallel=bundle.parallel,
        quantities={name: unit_of(name) for name in bundle.quantities},
        models=tuple(_model(one) for one in bundle.models),
    )


def plain(metadata: Result) -> Any:
    """Return metadata as dictionaries, lists and plain values."""
    return msgspec.to_builtins(metadata)


def _model(one: ExportedModel) -> ModelMetadata:
    """Describe a model."""
    record = one.record
    rails = [phase.head.power_rail for phase in record.phases.values() if phase.head is not None]
    return ModelMetadata(
        identifier=one.identifier,
        id=record.id,
        name=record.name,
        device=record.device,
        power_mode=record.power_mode,
        runtime=record.runtime,
        precision=record.precision,
        power_rail=rails[0] if rails else None,
        trained_at=record.trained_at,
        data_fingerprint=record.data_fingerprint,
        phases={
            str(phase): _phase(record.phases[phase])
            for phase in FITTED_PHASES
            if phase in record.phases
        },
    )


def _phase(record: PhaseRecord) -> PhaseMetadata:
    """Describe a phase."""
    hull, head = record.hull, record.head
    return PhaseMetadata(
        family=str(record.family),
        calibration=str(record.calibration),
        rests_on=record.rests_on,
        energy_rests_on=None if head is None else head.rests_on,
        input_tokens=None if hull is None else hull.input_tokens,
        output_tokens=None if hull is None else hull.output_tokens,
    )


def headline(bundle: Bundle) -> tuple[str, ...]:
    """Return lines of plain words for the head of a file; no text of an artifact is in them."""
    count = len(bundle.models)
    made = bundle.provenance
    return (
        f"Latency, energy and power of language-model requests on {count} trained "
        f"model{'s' if count > 1 else ''}.",
        f"Written by Token2Metrics {made.token2metrics} from the artifact "
        f"{plain_digest(made.artifact_sha256)}.",
        f"Intervals hold {bundle.confidence:g} of requests; {bundle.parallel} "
        f"answer{'s' if bundle.parallel > 1 else ''} at once.",
    )


def plain_digest(digest: str) -> str:
    """Return the letters of a digest."""
    return "".join(letter for letter in digest if letter.isalnum())
