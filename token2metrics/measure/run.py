"""A campaign from a connected engine to a table: journal, run, table, report."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from token2metrics.data.save_records import save_records, writer_of
from token2metrics.errors import ConfigurationError
from token2metrics.measure.journal import Campaign, Journal, journal_path
from token2metrics.measure.session import Effort, Instruments, Session, Watcher
from token2metrics.measure.summary import MeasureReport, summarise
from token2metrics.measure.to_records import RecordFactory


def run_campaign(
    campaign: Campaign,
    instruments: Instruments,
    effort: Effort,
    output: Path,
    watcher: Watcher,
) -> MeasureReport:
    """Measure what is left of a campaign, and write the table of everything finished.

    Args:
        campaign: What to measure.
        instruments: A connected engine, a meter that is not yet running, and clocks.
        effort: How much to measure.
        output: The table; its journal lies beside it.
        watcher: Who is told.

    Raises:
        ConfigurationError: If the journal is of another campaign, the table has none, or a file
            cannot be written.
        DataError: If the journal cannot be read, or the table has an unknown ending.
    """
    writer_of(output)
    _refuse_foreign(output)
    offset_s = instruments.wall_now_s() - instruments.now_s()
    records = RecordFactory(campaign, instruments.engine, lambda instant: instant + offset_s)
    with Journal(journal_path(output), campaign) as journal:
        with instruments.meter or nullcontext():
            session = Session(journal, campaign.points, instruments, effort, records, watcher)
            ending = session.run()
        save_records(output, journal.records())
        return summarise(campaign, journal, effort, ending, output)


def _refuse_foreign(output: Path) -> None:
    """Refuse to write over a table that no campaign wrote.

    Raises:
        ConfigurationError: If there is one.
    """
    if output.exists() and not journal_path(output).exists():
        raise ConfigurationError(
            f"expected no table in {output}, or {journal_path(output).name} beside it, got a table "
            "that is not of this campaign; give another --output, or remove it"
        )
