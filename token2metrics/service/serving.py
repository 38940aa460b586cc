"""The artifact that is served: swapped in one step when another one lies on the disk."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock

import msgspec

from token2metrics.artifact.load import Artifact, load_artifact
from token2metrics.artifact.manifest import MANIFEST_NAME
from token2metrics.artifact.relevel import relevel_artifact
from token2metrics.errors import ArtifactError, ConfigurationError
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.predictor import Predictor

WEIGHTS_FILES = "weights-*.safetensors"

MOST_TRIES = 5
"""An artifact that is replaced while it is read is read again, so many times at most."""

Signature = tuple[tuple[str, int, int, int], ...]
"""Name, inode, time of change and size of every file of an artifact: tells that it changed."""

LOG = logging.getLogger(__name__)


class Served(msgspec.Struct, frozen=True):
    """What answers requests.

    Attributes:
        artifact: The loaded artifact.
        predictor: Its models.
        digest: SHA-256 that its manifest is sealed with.
        loaded_at_s: When it was loaded, in seconds since 1970.
    """

    artifact: Artifact
    predictor: Predictor
    digest: str
    loaded_at_s: float


def nothing_told(is_good: bool) -> None:
    """Tell nobody of an artifact that was found."""


class Serving:
    """Serves the last artifact that could be trusted.

    Args:
        directory: The artifact, which may be replaced at any time.
        kept: Where a copy of the last good one is kept for workers that start while the one in
            ``directory`` is invalid; None keeps none.
        tell: Takes whether an artifact that was found could be trusted.

    Attributes:
        current: What answers requests; replaced as a whole.
        refusal: Why the artifact in the directory is not the one that is served; None where it is.

    Raises:
        ArtifactError: If there is none that can be trusted.
    """

    def __init__(
        self,
        directory: Path,
        kept: Path | None = None,
        tell: Callable[[bool], None] = nothing_told,
    ) -> None:
        self._places = (directory,) if kept is None else (directory, kept)
        self._tell = tell
        self._lock = Lock()
        self._looked_at: Signature = ()
        self.refusal: str | None = None
        try:
            self.current = self._first()
            self._keep()
        except ArtifactError as error:
            if kept is None or not (kept / MANIFEST_NAME).exists():
                raise
            self.current = _load(kept)
            self._refuse(error)

    def refresh(self) -> bool:
        """Look whether another artifact lies there, and serve it where it can be trusted.

        Returns:
            Whether it is another one now. An artifact that cannot be trusted is refused and logged
            once; the old one is served on.
        """
        with self._lock:
            return any(self._look() for _ in range(MOST_TRIES))

    def _first(self) -> Served:
        """Load the artifact; one that is replaced meanwhile is loaded again.

        Raises:
            ArtifactError: If it cannot be trusted.
        """
        for _ in range(MOST_TRIES - 1):
            self._looked_at = self._signature()
            try:
                return _load(self._places[0])
            except ArtifactError:
                if self._looked_at == self._signature():
                    raise
        return _load(self._places[0])

    def _look(self) -> bool:
        """Look once, and return whether another artifact is served."""
        found = self._signature()
        if found == self._looked_at:
            return False
        try:
            served = _load(self._places[0])
        except ArtifactError as error:
            if found != self._signature():
                return False
            self._looked_at = found
            self._refuse(error)
            return self._adopt_kept()
        self._looked_at = found
        self.refusal = None
        return self._adopt(served)

    def _adopt(self, served: Served) -> bool:
        """Serve an artifact, if it is another one."""
        if served.digest == self.current.digest:
            return False
        self.current = served
        self._keep()
        self._tell(True)
        LOG.info("artifact loaded", extra={"fields": {"artifact": served.digest}})
        return True

    def _adopt_kept(self) -> bool:
        """Serve the last good artifact that any worker saw, if it is another one."""
        try:
            kept = _load(self._places[-1])
        except ArtifactError:
            return False
        if kept.digest == self.current.digest:
            return False
        self.current = kept
        return True

    def _refuse(self, error: ArtifactError) -> None:
        """Say that what lies there is not served."""
        self.refusal = str(error)
        self._tell(False)
        LOG.error(
            "artifact refused, the last good one is served on: %s",
            error,
            extra={"fields": {"artifact": self.current.digest}},
        )

    def _keep(self) -> None:
        """Keep a copy of what was found to be good."""
        directory, *kept = self._places
        for place in kept:
            try:
                relevel_artifact(directory, {}, place)
            except (ArtifactError, ConfigurationError) as error:
                LOG.warning("no copy of the artifact was kept: %s", error)

    def _signature(self) -> Signature:
        """Return what tells that anything changed."""
        return tuple(part for place in self._places for part in _signature_of(place))


def _load(directory: Path) -> Served:
    """Load an artifact.

    Raises:
        ArtifactError: If it cannot be trusted.
    """
    artifact = load_artifact(directory)
    predictor = Predictor(tuple(ModelPredictor(one) for one in artifact.models))
    return Served(artifact, predictor, artifact.manifest.manifest_sha256, time.time())


def _signature_of(directory: Path) -> Signature:
    """Describe the files of an artifact; those that vanish meanwhile are left out."""
    found = []
    for path in (directory / MANIFEST_NAME, *sorted(directory.glob(WEIGHTS_FILES))):
        try:
            state = path.stat()
        except OSError:
            continue
        found.append((path.name, state.st_ino, state.st_mtime_ns, state.st_size))
    return tuple(found)
