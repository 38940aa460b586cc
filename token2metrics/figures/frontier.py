"""The longest answer to every prompt as a picture: a staircase per model."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from token2metrics.errors import RequestError
from token2metrics.figures.axes import Drawn
from token2metrics.figures.figure import Figure
from token2metrics.figures.points import Row, layered
from token2metrics.figures.series import SERIES, colour, dash
from token2metrics.figures.style import HEIGHT_PX, WIDTH_PX
from token2metrics.planning.frontier import Frontier
from token2metrics.report.frontier import names_of
from token2metrics.report.limit_words import conditions_of, limits_in_words, probably

NAME, TITLE = "longest-answers", "Longest answers"
SHORTEST_PROMPT = 16
"""Where the axis begins, on which each prompt is twice as far as one half as long."""

READING = "On or below its line a model keeps every limit; past its end not even one token does."
PROMPT, ANSWER = "input tokens", "longest answer"


def longest_answers(frontiers: Sequence[Frontier]) -> Figure:
    """Draw frontiers over prompts on a logarithmic axis.

    Args:
        frontiers: One or more, under the same limits.

    Raises:
        RequestError: If there is nothing to draw: no request keeps the limits.
    """
    if not any(one.input_tokens for one in frontiers):
        raise RequestError("expected a frontier to draw, got none: no request keeps the limits")
    first, names = frontiers[0], names_of(frontiers)
    where = f" on {conditions_of(first)}" if names[0] == first.name else ""
    rows = [row for name, one in zip(names, frontiers, strict=True) for row in _rows(name, one)]
    steps = (
        alt.Chart()
        .mark_line(clip=True)
        .encode(
            x=alt.X(f"{PROMPT}:Q", title=PROMPT, **_doubling(frontiers)),
            y=alt.Y(f"{ANSWER}:Q", title=f"{ANSWER} / output tokens"),
            color=colour(names),
            strokeDash=dash(names),
        )
    )
    kept = f"{limits_in_words(first.limits)}, {probably(first.probability)}."
    words = f"Kept: {kept}\n{READING}"
    chart = layered(rows, steps).properties(width=WIDTH_PX, height=HEIGHT_PX)
    return Figure(NAME, f"{TITLE}{where}", words, chart)


def corners(frontier: Frontier) -> tuple[list[int], list[int]]:
    """Return prompts and longest answers at both ends of every step, what the context allows."""
    starts = [0, *(end + 1 for end in frontier.input_tokens[:-1])]
    pairs = zip(starts, frontier.input_tokens, strict=bool(frontier.input_tokens))
    prompts = [prompt for pair in pairs for prompt in pair]
    return prompts, [frontier.longest_answer(prompt) for prompt in prompts]


def _rows(name: str, frontier: Frontier) -> list[Row]:
    """Return the corners of a staircase; the shortest prompts lie at the start of the axis."""
    return [
        {SERIES: name, PROMPT: max(prompt, SHORTEST_PROMPT), ANSWER: answer}
        for prompt, answer in zip(*corners(frontier), strict=True)
    ]


def _doubling(frontiers: Sequence[Frontier]) -> Drawn:
    """Return an axis with doubling lengths."""
    longest = max(one.input_tokens[-1] for one in frontiers if one.input_tokens)
    ticks = [SHORTEST_PROMPT, 2 * SHORTEST_PROMPT]
    while ticks[-1] < longest:
        ticks.append(2 * ticks[-1])
    domain = [SHORTEST_PROMPT, max(longest, ticks[1])]
    scale = alt.Scale(type="log", base=2, domain=domain, nice=False)
    return Drawn(scale=scale, axis=alt.Axis(values=ticks, format=",d"))
