"""The closed sets of names that configurations, frames and artifacts share."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """What one measured latency covers."""

    PREFILL = "prefill"
    DECODE = "decode"
    REQUEST = "request"

    @property
    def parts(self) -> tuple[Phase, ...]:
        """The phases with a curve that a latency of this kind consists of."""
        return FITTED_PHASES if self is Phase.REQUEST else (self,)


MAX_TOKENS = 10_000_000
"""More tokens than any request has: larger counts are mistakes."""

MAX_PARALLEL = 10_000
"""More answers at once than any device makes."""

FITTED_PHASES = (Phase.PREFILL, Phase.DECODE)
"""The phases that have a curve; a request is their sum."""


class RegressionType(StrEnum):
    """The curve families a configuration can name; ``auto`` chooses one by validation."""

    AUTO = "auto"
    LINEAR = "linear"
    POLYNOMIAL = "polynomial"
    TREE = "tree"
    SPLINE = "spline"
    MLP = "mlp"
    ROOFLINE = "roofline"


class CalibrationMethod(StrEnum):
    """How a source curve is carried to the edge device; ``auto`` chooses by validation."""

    AUTO = "auto"
    SIMPLE_SCALING = "simple_scaling"
    LOG_RATIO = "log_ratio"
    LINEAR_FIT = "linear_fit"
    POWER_LAW = "power_law"
    PER_TERM = "per_term"
    PRIOR = "prior"
    DIRECT = "direct"
    MANUAL = "manual"


class SourceKind(StrEnum):
    """What the calibrated curve comes from.

    ``server``: the same model shape on a server. ``siblings``: the other models measured on
    the same edge device, carried over through their architectures. ``modes``: the model itself on
    the same device in another power mode. ``hardware``: the nominal bandwidth and arithmetic of
    the device. ``none``: the edge rows of the model alone.
    """

    SERVER = "server"
    SIBLINGS = "siblings"
    MODES = "modes"
    HARDWARE = "hardware"
    NONE = "none"
