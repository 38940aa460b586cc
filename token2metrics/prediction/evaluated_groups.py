"""Measurements to judge models by: prepared once for all that were trained alike."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.manifest import ModelRecord
from token2metrics.config import DataConfig
from token2metrics.data.formats import FormatContext, model_resolver
from token2metrics.errors import DataError
from token2metrics.processors.pipeline import PreparedData, prepare_measurements

logger = logging.getLogger(__name__)

UNNAMED_SERVER = "server"

Setting = tuple[str, str | None, str | None, str | None]
"""Device, power mode, runtime and precision."""


@dataclass(frozen=True, slots=True)
class Group:
    """Models trained under the same conditions, and the measurements made under them."""

    setting: Setting
    models: tuple[FittedModel, ...]
    data: PreparedData


def prepare_groups(models: Sequence[FittedModel], paths: Sequence[Path]) -> list[Group]:
    """Prepare the measurements once for all models trained under the same conditions.

    Args:
        models: The models to judge.
        paths: Measurement files of any known format.

    Raises:
        DataError: If no group of models has a usable row.
    """
    members: dict[Setting, list[FittedModel]] = {}
    for model in models:
        members.setdefault(_setting(model.record), []).append(model)
    resolve = model_resolver({name: m.record.id for m in models for name in _names(m.record)})
    groups, refusals = [], []
    for setting, alike in members.items():
        context = FormatContext(setting[0], UNNAMED_SERVER, resolve)
        try:
            data = prepare_measurements(paths, context, _data_config(setting, alike))
            groups.append(Group(setting, tuple(alike), data))
        except DataError as error:
            refusals.append((setting[0], error))
    if not groups:
        raise refusals[0][1]
    for device, refusal in refusals:
        logger.warning("models on %s are not evaluated: %s", device, refusal)
    return groups


def _names(record: ModelRecord) -> tuple[str, ...]:
    """Return every name of a model."""
    return (record.id, record.name, *record.aliases)


def _setting(record: ModelRecord) -> Setting:
    """Return the conditions a model was trained under."""
    return (record.device, record.power_mode, record.runtime, record.precision)


def _data_config(setting: Setting, models: Sequence[FittedModel]) -> DataConfig:
    """Choose the rows measured under a model's conditions, and the energy of its rail."""
    heads = [p.head for m in models for p in m.record.phases.values() if p.head is not None]
    rails = [head.power_rail for head in heads if head.power_rail]
    _, power_mode, runtime, precision = setting
    return DataConfig(
        power_mode=power_mode,
        runtime=runtime,
        precision=precision,
        power_rail=rails[0] if rails else None,
    )
