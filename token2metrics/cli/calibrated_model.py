"""Which model ``calibrate`` is about."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from token2metrics.cli.measure import find_model
from token2metrics.cli.session import Session
from token2metrics.errors import ConfigurationError

if TYPE_CHECKING:
    from token2metrics.config import ExperimentConfig


def experiment_of(
    session: Session, model: str | None, config: Path | None, directory: Path
) -> ExperimentConfig:
    """Return the experiment of the model to calibrate.

    Args:
        session: Settings and consoles.
        model: Any of its names; None takes that of the file, or the only one of the artifact.
        config: Its experiment file; None looks among the known ones.
        directory: The artifact.

    Raises:
        ConfigurationError: If no model is named, or its shape is not known.
    """
    if model is None and config is not None:
        from token2metrics.experiments import load_experiment

        return load_experiment(config)
    name = _only_model(directory) if model is None else model
    experiment = find_model(session, name, config)
    if experiment is None:
        raise ConfigurationError(
            f"expected --model to name a known experiment, got {name!r}, whose shape nobody "
            "told; give --config FILE"
        )
    return experiment


def _only_model(directory: Path) -> str:
    """Return the id of the only model of an artifact."""
    from token2metrics.artifact.load import load_artifact
    from token2metrics.artifact.manifest import MANIFEST_NAME

    is_there = (directory / MANIFEST_NAME).exists()
    known = load_artifact(directory).models if is_there else ()
    ids = sorted({fitted.record.id for fitted in known})
    if len(ids) == 1:
        return ids[0]
    raise ConfigurationError(
        f"expected --model to name one of the models of {directory} "
        f"({', '.join(ids) or 'it has none'}) or of another experiment, got none"
    )
