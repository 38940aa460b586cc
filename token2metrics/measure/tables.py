"""The tables that calibrations leave beneath an artifact, one per campaign."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from token2metrics.measure.journal import Campaign

TABLES = "*.parquet"


def slug(campaign: Campaign) -> str:
    """Return a file name that tells campaigns apart."""
    parts = (
        campaign.device,
        campaign.model,
        campaign.runtime,
        campaign.precision,
        campaign.power_mode,
        f"{len(campaign.points)}-points",
    )
    return slug_of(*parts)


def slug_of(*parts: str | None) -> str:
    """Join words to a file name, leaving out what names cannot have."""
    return "_".join(re.sub(r"[^A-Za-z0-9.-]+", "-", part) for part in parts if part)


def tables(folder: Path) -> Sequence[Path]:
    """Return what earlier calibrations measured."""
    return sorted(folder.glob(TABLES))
