"""Write an artifact so that a crash at any moment leaves the old one whole."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from token2metrics import __version__
from token2metrics.artifact.digest import digest_of
from token2metrics.artifact.fitted import FittedModel, weight_tables
from token2metrics.artifact.load import Artifact, encode_manifest
from token2metrics.artifact.lock import writing
from token2metrics.artifact.manifest import FORMAT, MANIFEST_NAME, SCHEMA_VERSION, Manifest
from token2metrics.files import remove_stale, write_file

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
        ConfigurationError: If the directory cannot be written.
    """
    fresh = {model.record.key for model in models}
    kept = [m for m in (earlier.models if earlier else ()) if m.record.key not in fresh]
    everything = sorted([*kept, *models], key=lambda model: model.record.key)
    tables: dict[str, tuple[float, ...]] = {}
    for model in everything:
        tables.update(weight_tables(model))
    content = save({name: np.array(values, dtype=np.float64) for name, values in tables.items()})
    manifest = _manifest(everything, digest_of(content))
    with writing(directory):
        write_file(directory / manifest.weights_file, content)
        write_file(directory / MANIFEST_NAME, encode_manifest(manifest))
        for old in directory.glob("weights-*.safetensors"):
            if old.name != manifest.weights_file:
                remove_stale(old)
    return manifest


def _manifest(models: Sequence[FittedModel], weights_sha256: str) -> Manifest:
    """Describe an artifact whose weights have the given digest."""
    return Manifest(
        format=FORMAT,
        schema_version=SCHEMA_VERSION,
        created_by=__version__,
        versions={
            "python": platform.python_version(),
            **{name: version(name) for name in FITTING_LIBRARIES},
        },
        weights_file=f"weights-{weights_sha256[:DIGEST_LETTERS]}.safetensors",
        weights_sha256=weights_sha256,
        models=tuple(model.record for model in models),
    )
