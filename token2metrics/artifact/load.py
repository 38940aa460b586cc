"""Load an artifact, refusing whatever is not exactly what was saved."""

from __future__ import annotations

import os
import re
import stat
import struct
from pathlib import Path

import msgspec
import safetensors

from token2metrics.artifact.digest import digest_of
from token2metrics.artifact.fitted import FittedModel, read_model
from token2metrics.artifact.manifest import (
    FORMAT,
    MANIFEST_NAME,
    SCHEMA_VERSION,
    Manifest,
    ManifestHeader,
)
from token2metrics.errors import ArtifactError

WEIGHTS_PATTERN = re.compile(r"weights-[0-9a-f]{16}\.safetensors")
FLOAT64 = "F64"
BYTES_PER_FLOAT64 = 8
SHOWN_LETTERS = 16
LARGEST_BYTES = 1 << 28
"""Of a file of an artifact; thousands of models take a tenth."""


class Artifact(msgspec.Struct, frozen=True):
    """A loaded artifact: its manifest and its models."""

    manifest: Manifest
    models: tuple[FittedModel, ...]


def load_artifact(directory: Path) -> Artifact:
    """Read an artifact directory.

    Args:
        directory: Where ``train`` wrote its output.

    Raises:
        ArtifactError: If it is missing, foreign, newer, truncated or altered.
    """
    manifest = _read_manifest(directory / MANIFEST_NAME)
    path = directory / manifest.weights_file
    if not WEIGHTS_PATTERN.fullmatch(manifest.weights_file):
        raise ArtifactError(f"expected a weights file name, got {manifest.weights_file!r}")
    tables = read_weights(_read_bytes(path), manifest.weights_sha256, path)
    return Artifact(manifest, tuple(read_model(record, tables) for record in manifest.models))


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the manifest as JSON, sealed with its own digest."""
    unsealed = msgspec.structs.replace(manifest, manifest_sha256="")
    sealed = msgspec.structs.replace(unsealed, manifest_sha256=digest_of(_json(unsealed)))
    return msgspec.json.format(_json(sealed), indent=1)


def read_weights(content: bytes, expected_sha256: str, path: Path) -> dict[str, tuple[float, ...]]:
    """Decode a weights file whose digest is known.

    Raises:
        ArtifactError: If the content is not what the manifest describes.
    """
    found = digest_of(content)
    if found != expected_sha256:
        raise ArtifactError(
            f"{path} was truncated or altered: expected sha256 "
            f"{expected_sha256[:SHOWN_LETTERS]}..., got {found[:SHOWN_LETTERS]}...; train again"
        )
    try:
        tensors = safetensors.deserialize(content)  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError as error:
        raise ArtifactError(f"{path} is not a safetensors file: {error}; train again") from error
    tables = {}
    for name, tensor in tensors:
        if tensor["dtype"] != FLOAT64:
            raise ArtifactError(f"expected float64 in {path}, got {tensor['dtype']} for {name}")
        count = len(tensor["data"]) // BYTES_PER_FLOAT64
        tables[name] = struct.unpack(f"<{count}d", bytes(tensor["data"]))
    return tables


def _read_manifest(path: Path) -> Manifest:
    """Read and check the manifest."""
    if not path.exists():
        raise ArtifactError(
            f"no trained model at {path.parent}: {path.name} is missing; "
            f"run: python main.py train --all-models --output {path.parent}"
        )
    content = _read_bytes(path)
    try:
        header = msgspec.json.decode(content, type=ManifestHeader)
        if header.format != FORMAT:
            raise ArtifactError(f"{path} is not a Token2Metrics artifact")
        if header.schema_version > SCHEMA_VERSION:
            raise ArtifactError(
                f"{path} has schema version {header.schema_version}, newer than the "
                f"{SCHEMA_VERSION} this version reads; upgrade token2metrics"
            )
        if header.schema_version < SCHEMA_VERSION:
            raise ArtifactError(
                f"{path} has schema version {header.schema_version}, older than the "
                f"{SCHEMA_VERSION} this version reads; train again"
            )
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ArtifactError(f"{path} is truncated or malformed: {error}; train again") from error
    unsealed = msgspec.structs.replace(manifest, manifest_sha256="")
    if digest_of(_json(unsealed)) != manifest.manifest_sha256:
        raise ArtifactError(f"{path} was altered after training; train again")
    return manifest


def _read_bytes(path: Path) -> bytes:
    """Read a file of the artifact, or what a link to one leads to, but no pipe and no device."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST_BYTES:
                raise ArtifactError(
                    f"expected {path} to be a file of at most {LARGEST_BYTES:,} bytes, got "
                    f"{status.st_size:,} bytes or no file; train again"
                )
            return file.read(LARGEST_BYTES)
    except OSError as error:
        raise ArtifactError(f"cannot read {path}: {error.strerror}; train again") from error


def _without_waiting(path: str, flags: int) -> int:
    """Open a file without waiting for whoever should write a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _json(manifest: Manifest) -> bytes:
    """Return the canonical JSON of a manifest."""
    return msgspec.json.encode(manifest, order="sorted")
