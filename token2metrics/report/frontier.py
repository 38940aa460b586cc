"""Frontiers as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from token2metrics.planning.frontier import Frontier
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.report.limit_words import (
    conditions_of,
    limits_in_words,
    probably,
    show_notes,
)
from token2metrics.report.predictions import OUTSIDE
from token2metrics.report.tables import WARNING_STYLE, build_table, show_line, show_title
from token2metrics.report.units import UNKNOWN, counted

SHORTEST_SHOWN = 16
"""The shortest prompt in the table."""


def show_frontiers(
    console: Console, frontiers: Sequence[Frontier], predictors: Sequence[ModelPredictor]
) -> None:
    """Print the longest answers to prompts of doubling length, a column per model.

    Args:
        console: Where to print.
        frontiers: Under the same limits.
        predictors: Their models, which know what was measured.
    """
    first, names = frontiers[0], names_of(frontiers)
    where = f" on {conditions_of(first)}" if names[0] == first.name else ""
    show_title(console, f"longest answers in output tokens{where}")
    show_line(console, f"{limits_in_words(first.limits)}, {probably(first.probability)}")
    console.print()
    table = build_table([], ["input tokens", *names])
    rows: list[list[str]] = []
    for prompt in _prompts(frontiers):
        pairs = zip(frontiers, predictors, strict=True)
        rows.append([_cell(one, model, prompt) for one, model in pairs])
        table.add_row(f"{prompt:,}", *rows[-1])
    console.print(table)
    if any(OUTSIDE in cell for row in rows for cell in row):
        show_line(console, f"{OUTSIDE} outside the measured token range", WARNING_STYLE)
    for name, one in zip(names, frontiers, strict=True):
        show_line(console, f"{name}: {_reach(one)}")
    show_notes(console, [tuple(f"{one.name} {note}" for note in one.notes) for one in frontiers])


def _cell(frontier: Frontier, predictor: ModelPredictor, prompt: int) -> str:
    """Write the longest answer to a prompt, marked outside the measured range."""
    answer = frontier.longest_answer(prompt)
    if not answer:
        return UNKNOWN
    asked = predictor(prompt, answer, parallel=frontier.parallel)
    return f"{answer:,} {OUTSIDE}" if asked.extrapolated else f"{answer:,}"


def _prompts(frontiers: Sequence[Frontier]) -> list[int]:
    """Return doubling lengths up to the first that no model answers, or the context."""
    context = frontiers[0].context_tokens
    prompts = [min(SHORTEST_SHOWN, context - 1)]
    while any(one.longest_answer(prompts[-1]) for one in frontiers):
        if 2 * prompts[-1] >= context:
            break
        prompts.append(2 * prompts[-1])
    return prompts


def _reach(frontier: Frontier) -> str:
    """Say how long a prompt may be, and in how many steps the answers fall."""
    if frontier.unshown is not None:
        return f"nothing, the limit of mean power cannot be shown: {frontier.unshown}"
    if not frontier.input_tokens:
        return "nothing, one token alone breaks a limit"
    longest = counted(frontier.input_tokens[-1], "token")
    return f"prompts up to {longest}, in {counted(len(frontier.input_tokens), 'step')}"


def names_of(frontiers: Sequence[Frontier]) -> list[str]:
    """Name frontiers so that no two share a name."""
    places = {conditions_of(one) for one in frontiers}
    if len(places) == 1:
        return [one.name for one in frontiers]
    return [f"{one.name} on {conditions_of(one)}" for one in frontiers]
