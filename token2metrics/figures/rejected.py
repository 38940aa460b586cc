"""Rows that were not used, by reason."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
from msgspec import Struct

from token2metrics.figures.figure import Figure
from token2metrics.figures.points import Row, inline
from token2metrics.figures.series import SERIES, colour
from token2metrics.figures.style import WIDTH_PX

NAME, TITLE = "rejected", "Rows not used"
ROW_PX = 28
LABEL_PX = 170


class Rejected(Struct, frozen=True, kw_only=True):
    """Rows of a file that were not used, for one reason.

    Attributes:
        file: Name of the file.
        category: What the reason is filed under.
        reason: The reason of the first such row.
        rows: How many.
    """

    file: str
    category: str
    reason: str
    rows: int


def rejected(found: Sequence[Rejected]) -> Figure:
    """Draw how many rows of each file were not used, by reason.

    Args:
        found: The rows, at least one.
    """
    files = list(dict.fromkeys(one.file for one in found))
    categories = list(dict.fromkeys(one.category for one in found))
    rows: list[Row] = [
        {SERIES: one.file, "category": one.category, "reason": one.reason, "rows": one.rows}
        for one in found
    ]
    whole = alt.Axis(format=",d", tickMinStep=1)
    chart = (
        alt.Chart(inline(rows))
        .mark_bar()
        .encode(
            x=alt.X("rows:Q", title="rows", axis=whole),
            y=alt.Y("category:N", title=None, sort=categories, axis=alt.Axis(labelLimit=LABEL_PX)),
            color=colour(files),
            tooltip=[
                alt.Tooltip(f"{SERIES}:N", title="file"),
                alt.Tooltip("category:N"),
                alt.Tooltip("rows:Q", format=","),
                alt.Tooltip("reason:N", title="for example"),
            ],
        )
        .properties(width=WIDTH_PX, height=ROW_PX * len(categories))
    )
    words = "Measured rows that no fit used, by reason."
    return Figure(NAME, TITLE, words, chart)
