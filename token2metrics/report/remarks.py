"""What stands out among the rows behind a phase: outliers, and data sets that differ."""

from __future__ import annotations

from collections.abc import Sequence

from token2metrics.artifact.manifest import CampaignRecord, OutlierRecord
from token2metrics.prediction.explain import distance
from token2metrics.report.units import counted, seconds
from token2metrics.vocabulary import Phase

WORST_SHOWN = 3
NEGLIGIBLE_PERCENT = 0.05
"""An offset that one decimal shows as zero."""


def outlier_lines(phase: Phase, outliers: Sequence[OutlierRecord], rows: int) -> list[str]:
    """Say which rows hardly counted; nothing without any.

    Args:
        phase: What they measure.
        outliers: The rows that hardly counted.
        rows: How many rows there are.
    """
    if not outliers:
        return []
    worst = sorted(outliers, key=distance, reverse=True)
    named = [f"{_tokens(phase, row)} {_off(row)}" for row in worst[:WORST_SHOWN]]
    if len(worst) > WORST_SHOWN:
        named.append(f"and {len(worst) - WORST_SHOWN:,} more")
    verb = "is an outlier" if len(worst) == 1 else "are outliers"
    among = f"{len(worst):,} of {counted(rows, 'row')}"
    return [f"{phase}: {among} {verb} and hardly counted: {'; '.join(named)}"]


def _tokens(phase: Phase, outlier: OutlierRecord) -> str:
    """Write the lengths that a phase depends on."""
    if phase is Phase.PREFILL:
        return f"{outlier.input_tokens:,.0f} tokens"
    return f"{outlier.input_tokens:,.0f} + {outlier.output_tokens:,.0f} tokens"


def _off(outlier: OutlierRecord) -> str:
    """Write what was measured and fitted."""
    return f"{seconds(outlier.measured_s)}, fitted {seconds(outlier.fitted_s)}"


def campaign_lines(phase: Phase, campaigns: Sequence[CampaignRecord]) -> list[str]:
    """Say how data sets differ from the largest one, which predictions refer to.

    Args:
        phase: What they measure.
        campaigns: The data sets, the largest first.
    """
    if len(campaigns) < 2:
        return []
    largest, *others = campaigns
    return [
        f"{phase}: {one.source}: {_differs(one.offset_percent)} {largest.source}" for one in others
    ]


def _differs(offset_percent: float) -> str:
    """Write an offset."""
    if abs(offset_percent) < NEGLIGIBLE_PERCENT:
        return "as fast as"
    return f"{abs(offset_percent):.1f} % {'slower' if offset_percent > 0 else 'faster'} than"
