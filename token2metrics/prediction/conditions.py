"""Where a model was measured, as far as a user says it."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import asdict

from token2metrics.artifact.manifest import ModelRecord


class Conditions(Struct, frozen=True):
    """Where a model was measured; None leaves a condition open.

    Attributes:
        device: Device, such as ``jetson-agx-orin-64gb``.
        power_mode: Power mode, such as ``maxn``.
        runtime: Inference engine, such as ``vllm``.
        precision: Precision of the weights, such as ``bf16``.
    """

    device: str | None = None
    power_mode: str | None = None
    runtime: str | None = None
    precision: str | None = None

    def __str__(self) -> str:
        """Return the stated conditions in words."""
        return ", ".join(value for value in asdict(self).values() if value is not None)

    def fit(self, record: ModelRecord) -> bool:
        """Return whether a model was trained under these conditions."""
        wanted = {name: value for name, value in asdict(self).items() if value is not None}
        return all(
            str(getattr(record, name)).casefold() == value.strip().casefold()
            for name, value in wanted.items()
        )


ANYWHERE = Conditions()


def where_trained(record: ModelRecord) -> str:
    """Name a trained model and its conditions."""
    conditions = (record.device, record.power_mode, record.runtime, record.precision)
    return f"{record.name} on {', '.join(part for part in conditions if part)}"


def distinguishing(records: list[ModelRecord]) -> list[str]:
    """Return the options in which trained models differ."""
    differing = [
        f"--{name.replace('_', '-')}"
        for name in asdict(ANYWHERE)
        if len({getattr(record, name) for record in records}) > 1
    ]
    return differing or ["a --model NAME that only one of them has"]
