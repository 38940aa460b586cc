"""Names of the columns of a table of curves."""

from __future__ import annotations

from token2metrics.columns import CONDITIONS
from token2metrics.errors import ConfigurationError
from token2metrics.fleet.sharing import PHASE

DEFAULT_BY = ("device", *CONDITIONS, "model", "phase")
"""What tells curves apart: whatever must agree before rows may be pooled."""

ALLOWED_BY = (*DEFAULT_BY, "parallel", "power_rail", "source")

FAMILY, STATUS, REASON = "family", "status", "reason"
ROWS, REJECTED_ROWS = "rows", "rejected_rows"
IN_SAMPLE, HELD_OUT, R2 = "in_sample_mape_percent", "held_out_mape_percent", "r2"
HALF_WIDTH, PRIOR = "half_width_90_percent", "prior"
INPUT, OUTPUT, LATENCY = "input_tokens", "output_tokens", "latency_s"
FEWEST, MOST = "_min", "_max"
RANGES = tuple(f"{name}{end}" for name in (INPUT, OUTPUT) for end in (FEWEST, MOST))
FITTED, FAILED = "fitted", "failed"

JUDGED = (IN_SAMPLE, HELD_OUT, R2, HALF_WIDTH)
"""How well a curve describes its rows."""


def check_by(by: tuple[str, ...]) -> None:
    """Refuse what cannot tell curves apart.

    Raises:
        ConfigurationError: If a name is unknown or repeated, or the phase is missing.
    """
    for name in by:
        if name not in ALLOWED_BY:
            raise ConfigurationError(
                f"expected --by to name columns among {', '.join(ALLOWED_BY)}, got {name!r}"
            )
    if len(set(by)) < len(by):
        raise ConfigurationError(f"expected each column once in --by, got {','.join(by)}")
    if PHASE not in by:
        raise ConfigurationError(
            f"expected {PHASE} among the columns of --by, got {','.join(by)}; each phase has a "
            "formula of its own"
        )
