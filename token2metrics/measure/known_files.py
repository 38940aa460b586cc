"""Which measurements a design or a calibration starts from."""

from __future__ import annotations

from pathlib import Path

from token2metrics.artifact.load import Artifact
from token2metrics.data.bundled import bundled_paths
from token2metrics.errors import DataError
from token2metrics.prediction.conditions import Conditions

FOLDER = "measured"
"""Where calibrations put their tables, beneath the artifact."""


def known_files(
    artifact: Artifact | None, model: str, directory: Path, where: Conditions
) -> tuple[Path, ...]:
    """Return the files that an artifact's model was trained on; else the bundled ones.

    Args:
        artifact: The artifact; None where there is none.
        model: Any name of the model.
        directory: The artifact's.
        where: Conditions that are asked about: a training under them comes before others.

    Raises:
        DataError: If one of them is gone.
    """
    models = artifact.models if artifact is not None else ()
    for fitted in sorted(models, key=lambda one: not where.fit(one.record)):
        paths = tuple(Path(p) for p in fitted.record.configuration["data"]["paths"])
        if fitted.record.answers_to(model) and paths:
            missing = [str(path) for path in paths if not path.exists()]
            if missing:
                raise DataError(
                    f"expected {missing[0]}, which the artifact in {directory} was trained on, got "
                    "nothing there; name the files with --data"
                )
            return paths
    return bundled_paths()
