"""The seam of the exports: models as programs, and what writes them as a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from token2metrics import __version__
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.load import Artifact
from token2metrics.artifact.manifest import ModelRecord
from token2metrics.export.identifiers import identifiers
from token2metrics.intervals import check_confidence
from token2metrics.prediction.checks import check_parallel
from token2metrics.prediction.program import Program, build_program
from token2metrics.prediction.quantities import LATENCY
from token2metrics.prediction.result import Result


class Format(StrEnum):
    """The kinds of files that can be written."""

    ONNX = "onnx"
    SQL = "sql"
    DUCKDB = "duckdb"
    PYTHON = "python"
    C = "c"
    JAVASCRIPT = "javascript"


class Provenance(Result, frozen=True):
    """What an export was made from.

    Attributes:
        token2metrics: Version that wrote the file.
        trained_with: Version that wrote the artifact.
        artifact_sha256: Digest of the artifact's manifest, which holds that of the weights.
    """

    token2metrics: str
    trained_with: str
    artifact_sha256: str


def provenance_of(artifact: Artifact) -> Provenance:
    """Return what is exported from an artifact."""
    manifest = artifact.manifest
    return Provenance(
        token2metrics=__version__,
        trained_with=manifest.created_by,
        artifact_sha256=manifest.manifest_sha256,
    )


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """One model, ready to be written.

    Attributes:
        identifier: A name of letters, digits and ``_`` that no other model of the export has.
        record: What the artifact says of it.
        program: What it computes.
    """

    identifier: str
    record: ModelRecord
    program: Program


@dataclass(frozen=True, slots=True)
class Bundle:
    """What one file holds.

    Attributes:
        models: At least one.
        quantities: Results of each, in order.
        confidence: Of every interval.
        parallel: Answers generated at once.
        provenance: What it was made from.
    """

    models: tuple[ExportedModel, ...]
    quantities: tuple[str, ...]
    confidence: float
    parallel: int
    provenance: Provenance

    @property
    def example(self) -> str:
        """The quantity that examples ask for: the latency, if it is there."""
        return LATENCY if LATENCY in self.quantities else self.quantities[0]


def bundle_of(
    models: Sequence[FittedModel],
    quantities: Sequence[str],
    confidence: float,
    parallel: int,
    provenance: Provenance,
) -> Bundle:
    """Record what models compute.

    Args:
        models: The fitted models, each once.
        quantities: Results, among ``QUANTITIES``.
        confidence: Of every interval, 0.5 to 0.99.
        parallel: Answers generated at once.
        provenance: What the export is made from.

    Raises:
        RequestError: If no interval is offered for the confidence, or there is less than one
            answer.
    """
    check_confidence(confidence)
    check_parallel(parallel)
    names = identifiers([model.record for model in models])
    exported = (
        ExportedModel(name, model.record, build_program(model, quantities, confidence, parallel))
        for name, model in zip(names, models, strict=True)
    )
    return Bundle(tuple(exported), tuple(quantities), confidence, parallel, provenance)


class Target(ABC):
    """Writes a bundle in one format."""

    @abstractmethod
    def encode(self, bundle: Bundle) -> bytes:
        """Return the content of the file; the same bundle gives the same bytes."""

    @abstractmethod
    def usage(self, bundle: Bundle, path: Path) -> tuple[str, ...]:
        """Return lines of the format's language that predict with the file."""
