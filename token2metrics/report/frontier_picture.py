"""The longest answer to every prompt as a picture: a staircase per model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from token2metrics.errors import RequestError
from token2metrics.files import replacing
from token2metrics.planning.frontier import Frontier
from token2metrics.report.frontier import names_of
from token2metrics.report.limit_words import conditions_of, limits_in_words, probably
from token2metrics.report.plots import COLOURS, DOTS_PER_INCH

WIDTH_INCHES, HEIGHT_INCHES = 7.0, 4.5
LINE_WIDTH = 1.8
SHORTEST_PROMPT = 16
"""Where the axis begins, on which each prompt is twice as far as one half as long."""

TICKS_BASE = 2


def plot_frontiers(frontiers: Sequence[Frontier], path: Path) -> None:
    """Draw frontiers over prompts on a logarithmic axis.

    Args:
        frontiers: One or more, under the same limits.
        path: The PNG or SVG file.

    Raises:
        RequestError: If there is nothing to draw: no request keeps the limits.
        ConfigurationError: If it cannot be written.
    """
    if not any(one.input_tokens for one in frontiers):
        raise RequestError("expected a frontier to draw, got none: no request keeps the limits")
    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for index, (name, one) in enumerate(zip(names_of(frontiers), frontiers, strict=True)):
        prompts, answers = corners(one)
        colour = COLOURS[index % len(COLOURS)]
        axes.plot(prompts, answers, color=colour, linewidth=LINE_WIDTH, label=name)
    first = frontiers[0]
    axes.set_xscale("log", base=TICKS_BASE)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set(xlabel="input tokens", ylabel="longest answer / output tokens")
    axes.set_xlim(left=SHORTEST_PROMPT)
    axes.set_ylim(bottom=0)
    axes.set_title(f"{limits_in_words(first.limits)}, {probably(first.probability)}")
    shared = names_of(frontiers)[0] == first.name
    axes.legend(title=conditions_of(first) if shared else None)
    with replacing(path) as partial:
        figure.savefig(partial, dpi=DOTS_PER_INCH)


def corners(frontier: Frontier) -> tuple[list[int], list[int]]:
    """Return prompts and longest answers at both ends of every step, what the context allows."""
    starts = [0, *(end + 1 for end in frontier.input_tokens[:-1])]
    pairs = zip(starts, frontier.input_tokens, strict=bool(frontier.input_tokens))
    prompts = [prompt for pair in pairs for prompt in pair]
    return prompts, [frontier.longest_answer(prompt) for prompt in prompts]
