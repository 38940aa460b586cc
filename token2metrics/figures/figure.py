"""What a picture is: a chart with its name, its title and what it shows in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import altair as alt

    Chart: TypeAlias = alt.TopLevelMixin


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture that can be drawn to a file or set into a page.

    Attributes:
        name: Short and for files and links: ``residuals``.
        title: A few words above it.
        description: What it shows and how to read it, for those who look and those who cannot.
        chart: The chart, without colours of its own: the style gives them, light or dark.
    """

    name: str
    title: str
    description: str
    chart: Chart
