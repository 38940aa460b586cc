"""Move the levels of fitted phases, and nothing else: in memory, and in an artifact on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec.structs import replace

from token2metrics.artifact.digest import digest_of
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.load import encode_manifest, load_artifact
from token2metrics.artifact.lock import writing
from token2metrics.artifact.manifest import MANIFEST_NAME, Manifest, ModelRecord
from token2metrics.cost import AS_FITTED
from token2metrics.errors import ArtifactError, ConfigurationError
from token2metrics.files import remove_stale, write_file
from token2metrics.vocabulary import FITTED_PHASES, Phase

Levels = Mapping[Phase, float]
"""Factor on the fitted latency of each phase."""


def relevelled_record(record: ModelRecord, levels: Levels) -> ModelRecord:
    """Return a record with other levels; phases that are not named keep theirs."""
    phases = {
        phase: msgspec.structs.replace(fitted, level=levels.get(phase, fitted.level))
        for phase, fitted in record.phases.items()
    }
    return msgspec.structs.replace(record, phases=phases)


def relevelled(model: FittedModel, levels: Levels) -> FittedModel:
    """Return a model with other levels; phases that are not named keep theirs."""
    formulas = {
        phase: replace(formula, level=levels.get(phase, formula.level))
        for phase, formula in model.formulas.items()
    }
    return FittedModel(relevelled_record(model.record, levels), formulas, model.weights)


def fingerprint_of(record: ModelRecord) -> str:
    """Return a digest of what was trained, whatever its levels are."""
    level = dict.fromkeys(FITTED_PHASES, AS_FITTED)
    content = msgspec.json.encode(relevelled_record(record, level), order="sorted")
    return digest_of(content)


@dataclass(frozen=True, slots=True)
class Move:
    """Levels that a training is moved to.

    Attributes:
        fingerprint: Of the training the levels belong to.
        levels: Level of each phase.
    """

    fingerprint: str
    levels: Levels


def relevel_artifact(
    directory: Path, moves: Mapping[str, Move], output: Path | None = None
) -> None:
    """Write other levels into an artifact, or into a copy of it.

    Levels live in the manifest, which is replaced in one step; the weights it points to stay as
    they are. A crash at any moment leaves the old artifact or the new one.

    Args:
        directory: The artifact.
        moves: What becomes of each model, by its key; the others keep their levels.
        output: Where the copy goes; None alters the artifact itself.

    Raises:
        ArtifactError: If the artifact cannot be trusted, or a model was trained again or is gone.
        ConfigurationError: If it cannot be written.
    """
    with writing(directory):
        moved = _moved(load_artifact(directory).manifest, moves, directory)
        if output is None or _is_same(output, directory):
            write_file(directory / MANIFEST_NAME, encode_manifest(moved))
        else:
            _write_copy(directory, moved, output)


def _moved(manifest: Manifest, moves: Mapping[str, Move], directory: Path) -> Manifest:
    """Return a manifest with other levels.

    Raises:
        ArtifactError: If a model was trained again or is gone.
    """
    found = {record.key: fingerprint_of(record) for record in manifest.models}
    changed = [key for key, move in moves.items() if found.get(key) != move.fingerprint]
    if changed:
        raise ArtifactError(
            f"expected the training of {', '.join(changed)} that was watched in {directory}, got "
            "another or none: it was trained again; start the monitor again"
        )
    models = tuple(
        relevelled_record(record, moves[record.key].levels) if record.key in moves else record
        for record in manifest.models
    )
    return msgspec.structs.replace(manifest, models=models)


def _is_same(one: Path, other: Path) -> bool:
    """Return whether two paths lead to one directory."""
    return one.resolve() == other.resolve()


def _write_copy(directory: Path, manifest: Manifest, output: Path) -> None:
    """Write weights, then the manifest that points to them, then remove what it replaced.

    Raises:
        ConfigurationError: If the weights cannot be read or anything cannot be written.
    """
    try:
        content = (directory / manifest.weights_file).read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"cannot read {manifest.weights_file}: {error.strerror}"
        ) from error
    write_file(output / manifest.weights_file, content)
    write_file(output / MANIFEST_NAME, encode_manifest(manifest))
    for old in output.glob("weights-*.safetensors"):
        if old.name != manifest.weights_file:
            remove_stale(old)
