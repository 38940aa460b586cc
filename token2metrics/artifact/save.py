"""Write an artifact so that a crash at any moment leaves the old one whole."""

from __future__ import annotations

import hashlib
import os
import platform
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from token2metrics import __version__
from token2metrics.artifact.fitted import FittedModel, weight_tables
from token2metrics.artifact.load import Artifact, encode_manifest
from token2metrics.artifact.manifest import FORMAT, MANIFEST_NAME, SCHEMA_VERSION, Manifest
from token2metrics.errors import ArtifactError

FITTING_LIBRARIES = ("torch", "polars", "numpy", "scipy")
DIGEST_LETTERS = 16


def save_artifact(
    directory: Path, models: Sequence[FittedModel], earlier: Artifact | None = None
) -> Manifest:
    """Write models into an artifact directory, keeping the other models already there.

    The weights are written first, under a name that says their content; the manifest that
    points to them then replaces the old one in a single step, and the old weights go.

    Args:
        directory: Created when missing.
        models: What was fitted; replaces models of the same key.
        earlier: The artifact already in the directory, whose other models are kept.

    Raises:
        ArtifactError: If the directory cannot be written.
    """
    fresh = {model.record.key for model in models}
    kept = [m for m in (earlier.models if earlier else ()) if m.record.key not in fresh]
    everything = sorted([*kept, *models], key=lambda model: model.record.key)
    tables: dict[str, tuple[float, ...]] = {}
    for model in everything:
        tables.update(weight_tables(model))
    content = save({name: np.array(values, dtype=np.float64) for name, values in tables.items()})
    digest = hashlib.sha256(content).hexdigest()
    manifest = Manifest(
        format=FORMAT,
        schema_version=SCHEMA_VERSION,
        created_by=__version__,
        versions={
            "python": platform.python_version(),
            **{name: version(name) for name in FITTING_LIBRARIES},
        },
        weights_file=f"weights-{digest[:DIGEST_LETTERS]}.safetensors",
        weights_sha256=digest,
        models=tuple(model.record for model in everything),
    )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        replace_file(directory / manifest.weights_file, content)
        replace_file(directory / MANIFEST_NAME, encode_manifest(manifest))
        for old in directory.glob("weights-*.safetensors"):
            if old.name != manifest.weights_file:
                old.unlink()
    except OSError as error:
        raise ArtifactError(f"cannot write to {directory}: {error.strerror}") from error
    return manifest


def replace_file(path: Path, content: bytes) -> None:
    """Write a file next to ``path``, flush it to disk and rename it over ``path``."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
