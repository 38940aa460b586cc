"""What training could not do as asked, from its record beside the artifact."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from token2metrics.training.record import RECORD_NAME, ModelEntry

logger = logging.getLogger(__name__)


class _Models(msgspec.Struct, frozen=True):
    """The part of a training's record that says what became of the models."""

    models: tuple[ModelEntry, ...] = ()


def warnings_of(directory: Path) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the warnings of the last training, by model id and device; none without a record.

    Args:
        directory: The artifact.
    """
    path = directory / RECORD_NAME
    try:
        content = path.read_bytes()
        record = msgspec.json.decode(content, type=_Models)
    except OSError:
        return {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        logger.warning("%s is not used: %s", path, error)
        return {}
    return {(one.model, one.device): one.warnings for one in record.models}
