"""The ML.ENERGY leaderboard's model files: means of a load, without the length of its prompts."""

from __future__ import annotations

from collections.abc import Iterator

from token2metrics.ingest.reader import Finding, Reader, SetAside
from token2metrics.ingest.sniffed import Sniffed

REQUIRED = ("model_id", "configurations")
CONFIGURATION = "energy_per_token_joules"
REASON = (
    "means over a load of many requests together, whose prompts' lengths are not told: energies "
    "per token to compare with, no measurements to learn from"
)


class MlEnergy(Reader):
    """Says why its configurations teach nothing."""

    name = "ML.ENERGY"
    looks_for = f"a JSON object with {', '.join(REQUIRED)} with {CONFIGURATION}"

    def recognises(self, file: Sniffed) -> bool:
        """Return whether any object is a model of the leaderboard."""
        return any(_configurations(item) for _, item in file.objects)

    def findings(self, file: Sniffed) -> Iterator[Finding]:
        """Yield the reason per configuration."""
        for where, item in file.objects:
            for number in range(1, len(_configurations(item)) + 1):
                yield SetAside(f"{where}, configuration {number}", REASON)


def _configurations(item: dict[str, object]) -> list[object]:
    """Return the configurations of a model."""
    listed = item.get("configurations")
    found = listed if isinstance(listed, list) and "model_id" in item else []
    known = any(isinstance(one, dict) and CONFIGURATION in one for one in found)
    return found if known else []


READER = MlEnergy()
