"""The directory of a scored trace: what was asked of it is pinned, and only that goes on."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from enum import Enum, auto
from pathlib import Path

import msgspec

from token2metrics.artifact.fitted import FittedModel, weight_tables
from token2metrics.errors import ArtifactError, ConfigurationError, DataError
from token2metrics.files import remove_stale, write_file
from token2metrics.scoring.inputs import Source
from token2metrics.scoring.partitions import Partition, partition_name
from token2metrics.scoring.request import ScoreRequest
from token2metrics.scoring.task import (
    ENDING,
    RECORDS_FOLDER,
    REJECTED_FOLDER,
    PartitionRecord,
    record_file,
)

MANIFEST = "score.json"
PARTIAL_PATTERN = ".part-*"
FORMAT = 1
UNREADABLE = (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading a damaged file of an earlier run raises."""

GO_ON = "give --overwrite to start again, or another --output"


class Existing(Enum):
    """What to do with an earlier run in the same directory."""

    REFUSE = auto()
    RESUME = auto()
    OVERWRITE = auto()


class Pinned(msgspec.Struct, frozen=True):
    """What a run was asked, and of what.

    Attributes:
        format: Of the directory.
        models: Digest of the models.
        options: What decides the rows and their order.
        sources: The trace files.
        partitions: How many partitions they are cut into.
    """

    format: int
    models: str
    options: dict[str, str]
    sources: tuple[Source, ...]
    partitions: int


def pin(
    request: ScoreRequest,
    models: Sequence[FittedModel],
    sources: Sequence[Source],
    partitions: Sequence[Partition],
) -> Pinned:
    """Pin what decides the result of a run.

    Args:
        request: What is asked.
        models: The models of the artifact.
        sources: The trace files.
        partitions: What they are cut into.
    """
    options = {
        "--model": request.model or "",
        "--device and conditions": str(request.conditions),
        "--group-by": ", ".join(request.group_by),
        "--quantities": ", ".join(request.quantities),
        "--confidence": repr(request.confidence),
        "--parallel": str(request.parallel),
        "--partition-rows": str(request.partition_rows),
        "--only-predictions": str(request.only_predictions),
        "--compression": request.compression,
    }
    return Pinned(FORMAT, _digest(models), options, tuple(sources), len(partitions))


def _digest(models: Sequence[FittedModel]) -> str:
    """Return a digest of everything that decides what models predict."""
    digest = hashlib.sha256()
    for model in models:
        digest.update(msgspec.json.encode(model.record, order="sorted"))
        digest.update(msgspec.json.encode(weight_tables(model), order="sorted"))
    return digest.hexdigest()


def open_directory(directory: Path, pinned: Pinned, existing: Existing) -> None:
    """Make a directory ready for a run.

    Args:
        directory: Where the partitions go.
        pinned: What is asked.
        existing: What to do with an earlier run.

    Raises:
        ConfigurationError: If it holds something else, or another run and no word about it.
        DataError: If the earlier run was of other files.
        ArtifactError: If it was of other models.
    """
    if directory.exists() and not directory.is_dir():
        raise ConfigurationError(f"expected --output to be a directory, got the file {directory}")
    earlier = _read_manifest(directory)
    if earlier is None and directory.exists() and any(directory.iterdir()):
        raise ConfigurationError(
            f"expected {directory} to be empty or of an earlier run, got other files; "
            "give another --output"
        )
    if earlier is not None and existing is Existing.REFUSE:
        raise ConfigurationError(
            f"{directory} holds an earlier run; give --resume to go on with it, or --overwrite"
        )
    if earlier is not None and existing is Existing.OVERWRITE:
        _clear(directory)
    elif earlier is not None:
        _refuse_other(directory, earlier, pinned)
    remove_partial(directory)
    write_file(directory / MANIFEST, msgspec.json.format(msgspec.json.encode(pinned), indent=1))


def remove_partial(directory: Path) -> None:
    """Remove what killed processes were writing.

    Args:
        directory: Where the partitions go.
    """
    for folder in (directory, directory / REJECTED_FOLDER, directory / RECORDS_FOLDER):
        for left in folder.glob(PARTIAL_PATTERN):
            shutil.rmtree(left, ignore_errors=True)


def _read_manifest(directory: Path) -> Pinned | None:
    """Return what an earlier run was asked."""
    path = directory / MANIFEST
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Pinned)
    except UNREADABLE as error:
        raise ConfigurationError(
            f"expected {path} to be what an earlier run wrote, got: {error}; "
            "give another --output"
        ) from error


def _clear(directory: Path) -> None:
    """Remove the results of an earlier run, its manifest last."""
    for path in directory.glob(f"part-*{ENDING}"):
        remove_stale(path)
    for folder in (REJECTED_FOLDER, RECORDS_FOLDER):
        shutil.rmtree(directory / folder, ignore_errors=True)
    remove_stale(directory / MANIFEST)


def _refuse_other(directory: Path, earlier: Pinned, pinned: Pinned) -> None:
    """Refuse to go on with a run that was asked something else."""
    if earlier.models != pinned.models:
        raise ArtifactError(
            f"{directory} was scored by other models: the artifact was trained again since; {GO_ON}"
        )
    for name, value in pinned.options.items():
        before = earlier.options.get(name, "")
        if before != value:
            raise ConfigurationError(
                f"{directory} was scored with {name} {before or 'unset'!r}, got "
                f"{value or 'unset'!r}; {GO_ON}"
            )
    before_by_path = {source.path: source for source in earlier.sources}
    for source in pinned.sources:
        if before_by_path.get(source.path) != source:
            state = "changed" if source.path in before_by_path else "was added"
            raise DataError(f"{source.path} {state} since {directory} was begun; {GO_ON}")
    if earlier != pinned:
        missing = set(before_by_path) - {source.path for source in pinned.sources}
        what = f"{min(missing)} is missing" if missing else "its files come in another order"
        raise DataError(f"{directory} was begun on other files: {what}; {GO_ON}")


def finished(directory: Path, partitions: Sequence[Partition]) -> Iterator[PartitionRecord]:
    """Yield the records of partitions that an earlier run has finished and that are still whole.

    Args:
        directory: Where they are.
        partitions: All partitions.
    """
    for partition in partitions:
        path = record_file(directory, partition.name)
        try:
            record = msgspec.json.decode(path.read_bytes(), type=PartitionRecord)
            size_bytes = (directory / f"{partition_name(record.number)}{ENDING}").stat().st_size
        except UNREADABLE:
            continue
        expected = (partition.number, size_bytes)
        if record.is_whole and (record.number, record.file_bytes) == expected:
            yield record
