"""Whose curves share a prior."""

from __future__ import annotations

from enum import StrEnum

from token2metrics.errors import ConfigurationError

PHASE = "phase"


class Sharing(StrEnum):
    """Nobody's, the whole fleet's, those of a device, those of a model; always of one phase."""

    NONE = "none"
    FLEET = "fleet"
    DEVICE = "device"
    MODEL = "model"

    def columns(self, by: tuple[str, ...]) -> tuple[str, ...]:
        """Return the columns that the curves of a group have in common.

        Args:
            by: Columns that tell curves apart.

        Raises:
            ConfigurationError: If these do not tell the groups apart.
        """
        if self in (Sharing.NONE, Sharing.FLEET):
            return (PHASE,)
        if str(self) not in by:
            raise ConfigurationError(
                f"expected {self} among the columns of --by for --prior {self}, got {','.join(by)}"
            )
        return (PHASE, str(self))
