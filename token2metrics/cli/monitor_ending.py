"""How ``monitor`` ends: what it shows, and the code it leaves with."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import typer

from token2metrics.cli.session import Session
from token2metrics.errors import DataError
from token2metrics.monitoring.check import Limits, judge
from token2metrics.monitoring.plausible import refusal_words
from token2metrics.monitoring.result import MonitorReport
from token2metrics.report.monitor import show_monitor
from token2metrics.report.units import counted

STANDARD_INPUT = "-"
CHECK_FAILED = 1
NOT_JUDGED = 2


def unusable_words(requests: str, set_aside: Mapping[str, int]) -> str:
    """Say that nothing could be used, the first reason, and what to do.

    Args:
        requests: The file, or that of standard input.
        set_aside: Lines that could not be used, by reason, in the order they came.
    """
    why = "there is no line below a header"
    if set_aside:
        reason = next(iter(set_aside))
        lines = counted(sum(set_aside.values()), "line")
        why = f"{lines} set aside, the first for: {reason}"
    where = "on standard input" if requests == STANDARD_INPUT else f"in {requests}"
    return f"expected at least one finished request {where}, got none that could be used: {why}"


def finish(
    session: Session,
    found: MonitorReport,
    limits: Limits | None,
    as_json: bool,
    complaint: str | None,
) -> None:
    """Show where everything stands, and leave with the code of the check.

    Args:
        session: Where to write.
        found: Where everything stands.
        limits: What is checked; None without a check.
        as_json: Whether a machine reads it.
        complaint: Why nothing came of it; None where something did.

    Raises:
        DataError: If nothing could be used, or a level was refused.
    """
    verdict = None if limits is None else judge(found, limits)
    judged = msgspec.structs.replace(found, verdict=verdict)
    if as_json:
        session.show_json(judged)
    elif complaint is None or verdict is not None:
        show_monitor(session.console, judged)
    refusals = filter(None, (complaint, *map(refusal_words, judged.models)))
    if said := "; ".join(refusals):
        raise DataError(said)
    if verdict is not None and not verdict.holds:
        raise typer.Exit(CHECK_FAILED if verdict.holds is False else NOT_JUDGED)
