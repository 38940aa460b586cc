"""What an evaluation compared, as points of a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from token2metrics.figures.against import Compared
from token2metrics.vocabulary import Phase

if TYPE_CHECKING:
    import polars as pl


def compared(points: pl.DataFrame) -> list[Compared]:
    """Return compared numbers as points.

    Args:
        points: ``name``, ``device``, ``phase``, ``metric``, token counts, ``measured``,
            ``predicted``, ``lower`` and ``upper``, as ``evaluate`` has them.

    Returns:
        The points, named after the model, and after its device where there are several.
    """
    several = points["device"].n_unique() > 1
    return [
        Compared(
            series=f"{row['name']} on {row['device']}" if several else row["name"],
            phase=Phase(row["phase"]),
            metric=row["metric"],
            measured=row["measured"],
            predicted=row["predicted"],
            lower=row["lower"],
            upper=row["upper"],
            input_tokens=row["input_tokens"],
            output_tokens=row["output_tokens"],
        )
        for row in points.iter_rows(named=True)
    ]
