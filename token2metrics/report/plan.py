"""Plans as tables."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from token2metrics.planning.at_most import POWER_LIMIT
from token2metrics.planning.plan import OUTPUT_TOKENS, Plan
from token2metrics.report.limit_words import (
    WORDS,
    conditions_of,
    excesses,
    limits_in_words,
    probably,
    show_notes,
)
from token2metrics.report.tables import WARNING_STYLE, build_table, show_line, show_title
from token2metrics.report.units import UNKNOWN, counted

BROKEN = "over"


def show_plans(console: Console, plans: Sequence[Plan]) -> None:
    """Print one plan in full, or several in a row each."""
    if len(plans) == 1:
        show_plan(console, plans[0])
    else:
        _show_rows(console, plans)


def show_plan(console: Console, plan: Plan) -> None:
    """Print the longest request, what it takes at most, and what ends it."""
    show_title(console, f"{plan.name} ({plan.model}) on {conditions_of(plan)}")
    show_line(console, _verdict(plan))
    console.print()
    table = build_table([""], ["limit", "takes at most", "one token more", ""])
    broken = {one.limit for one in plan.broken}
    for name, (words, unit) in WORDS.items():
        table.add_row(
            words,
            unit(getattr(plan.limits, name)),
            unit(getattr(plan.at_most, name)),
            UNKNOWN if plan.next_at_most is None else unit(getattr(plan.next_at_most, name)),
            BROKEN if name in broken else "",
        )
    console.print(table)
    console.print()
    show_line(console, _ending(plan))
    show_notes(console, [plan.notes])


def _verdict(plan: Plan) -> str:
    """Say which request keeps the limits, and how probably."""
    how = probably(plan.probability)
    if plan.parallel > 1:
        how += f", {plan.parallel} answers at once"
    if not plan.feasible:
        nothing = "nothing keeps" if plan.unshown is None else "nothing can be shown to keep"
        return f"{nothing} the limits {how}"
    prompt = counted(plan.input_tokens or 0, "input token")
    answer = counted(plan.output_tokens or 0, "output token")
    if plan.sought == OUTPUT_TOKENS:
        return f"after {prompt} at most {answer} {how}"
    return f"before {answer} at most {prompt} {how}"


def _ending(plan: Plan) -> str:
    """Say what one token more, or the shortest request, would break and by how much."""
    if plan.ended_by_context:
        context = counted(plan.context_tokens, "token")
        return f"no limit ends it, but the context of {context}"
    if plan.unshown is not None:
        return f"the limit of mean power cannot be shown: {plan.unshown}"
    subject = f"one {_sought(plan)} more" if plan.feasible else _shortest(plan)
    return f"{subject} breaks the limit of {excesses(plan.broken)}"


def _shortest(plan: Plan) -> str:
    """Name the shortest request."""
    if plan.sought == OUTPUT_TOKENS:
        return f"1 output token after {counted(plan.input_tokens or 0, 'input token')}"
    return f"1 input token before {counted(plan.output_tokens or 0, 'output token')}"


def _sought(plan: Plan) -> str:
    """Name a token of the kind that is sought."""
    return "output token" if plan.sought == OUTPUT_TOKENS else "input token"


def _show_rows(console: Console, plans: Sequence[Plan]) -> None:
    """Print several plans in a row each."""
    first = plans[0]
    several = len({conditions_of(plan) for plan in plans}) > 1
    where = "" if several else f" on {conditions_of(first)}"
    sought = "answers" if first.sought == OUTPUT_TOKENS else "prompts"
    show_title(console, f"longest {sought}{where}")
    show_line(console, f"{limits_in_words(first.limits)}, {probably(first.probability)}")
    console.print()
    stated = list(first.limits.stated)
    table = build_table(
        ["model", "device"] if several else ["model"],
        ["in", "out", *(f"{WORDS[name][0]}" for name in stated), "ended by"],
    )
    for plan in plans:
        table.add_row(
            *((plan.name, conditions_of(plan)) if several else (plan.name,)),
            _count(plan.input_tokens),
            _count(plan.output_tokens),
            *(WORDS[name][1](getattr(plan.at_most, name)) for name in stated),
            _ended_by(plan),
        )
    console.print(table)
    if any(not plan.feasible and plan.unshown is None for plan in plans):
        words = f"{UNKNOWN} nothing: one token alone breaks a limit"
        show_line(console, words, WARNING_STYLE)
    for plan in plans:
        if plan.unshown is not None:
            show_line(console, f"{plan.name}: {_ending(plan)}", WARNING_STYLE)
    show_notes(console, [tuple(f"{plan.name} {note}" for note in plan.notes) for plan in plans])


def _ended_by(plan: Plan) -> str:
    """Say what ends a plan, shortly."""
    if plan.unshown is not None:
        return f"{WORDS[POWER_LIMIT][0]} not shown"
    return "context" if plan.ended_by_context else excesses(plan.broken)


def _count(tokens: int | None) -> str:
    """Write a number of tokens."""
    return UNKNOWN if tokens is None else f"{tokens:,}"
