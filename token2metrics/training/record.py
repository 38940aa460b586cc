"""The record of a training run, as ``training.json`` holds it."""

from __future__ import annotations

from typing import Any

import msgspec

from token2metrics.artifact.manifest import PhaseRecord
from token2metrics.vocabulary import Phase

RECORD_NAME = "training.json"
"""Name of its file, beside the models."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A group of values that is written out as JSON."""


class FileReading(Entry, frozen=True):
    """What was read from one file.

    Attributes:
        file: The path as given.
        rows: Measurements read: one per phase and request.
        not_used: How many of them were rejected or set aside.
    """

    file: str
    rows: int
    not_used: int


class DefectReading(Entry, frozen=True):
    """A defect that the data doctor found.

    Attributes:
        name: What it is filed under.
        severity: How much it matters.
        action: What became of the rows.
        rows: How many rows have it.
    """

    name: str
    severity: str
    action: str
    rows: int


class DataReading(Entry, frozen=True):
    """What one preparation of the measurements found.

    Attributes:
        device: Edge device it was prepared for.
        files: The files.
        read_rows: Measurements read.
        settings: Prepared rows, one per token setting.
        beside: Settings that no curve is fitted to, but that inform one, by what they are.
        rejected_counts: Rows not used, by category.
        energy_set_aside: Rows whose energy is not used, by reason; their latency is.
        defects: What the data doctor found in rows that are right by themselves.
        fingerprint: SHA-256 of the prepared rows.
        sources: Where the measurements come from.
    """

    device: str
    files: tuple[FileReading, ...]
    read_rows: int
    settings: int
    beside: dict[str, int]
    rejected_counts: dict[str, int]
    energy_set_aside: dict[str, int]
    defects: tuple[DefectReading, ...]
    fingerprint: str
    sources: tuple[str, ...]


class CandidateEntry(Entry, frozen=True):
    """One candidate of a search.

    Attributes:
        phase: The phase judged.
        candidate: Family, calibration and source in words.
        cv_percent: Mean capped cross-validated error; None when not validated.
        chosen: Whether it won.
    """

    phase: Phase
    candidate: str
    cv_percent: float | None
    chosen: bool


class ModelEntry(Entry, frozen=True):
    """One trained model.

    Attributes:
        model: Model id.
        name: Short name.
        device: Edge device.
        seconds: How long its training took.
        phases: What the artifact says of each phase.
        candidates: The search, best first per phase.
        warnings: What was asked for and could not be done.
    """

    model: str
    name: str
    device: str
    seconds: float
    phases: dict[Phase, PhaseRecord]
    candidates: tuple[CandidateEntry, ...]
    warnings: tuple[str, ...]


class TrainingRecord(Entry, frozen=True):
    """A training run.

    Attributes:
        artifact: Directory of the artifact.
        options: What the user asked for.
        threads: Threads of the fits.
        torch_device: Where the fits ran.
        created_by: Package version.
        versions: Versions of Python and of the libraries that fitted.
        data: What was read, once per device and choice of measurements.
        rejected_file: Where rows not used were written; None without any.
        models: What was trained.
        skipped: Why other models were not trained, by name.
        seconds: How long the run took.
    """

    artifact: str
    options: dict[str, Any]
    threads: int
    torch_device: str
    created_by: str
    versions: dict[str, str]
    data: tuple[DataReading, ...]
    rejected_file: str | None
    models: tuple[ModelEntry, ...]
    skipped: dict[str, str]
    seconds: float
