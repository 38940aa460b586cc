"""The journal: nothing finished is lost, whatever cuts it short."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.measuring import POINTS, ClockworkEngine, Workshop
from token2metrics.errors import ConfigurationError, DataError
from token2metrics.measure.journal import Burst, Entry, Idle, Journal, Visited, journal_path
from token2metrics.measure.plan import Point
from token2metrics.records import Record
from token2metrics.vocabulary import Phase

CAMPAIGN = Workshop(Path("rows.csv")).campaign()

records = st.builds(
    Record,
    phase=st.sampled_from(list(Phase)),
    latency_s=st.floats(0, 1e6),
    note=st.one_of(st.none(), st.text()),
)
visits = st.builds(
    Visited,
    point=st.sampled_from(POINTS),
    repeat=st.integers(0, 9),
    records=st.lists(records, max_size=2).map(tuple),
    refused=st.one_of(st.none(), st.text()),
)
bursts = st.builds(Burst, input_tokens=st.integers(1, 99), record=records)
idles = st.builds(
    Idle, when=st.text(), power_w=st.none(), samples=st.none(), why_not=st.just("few")
)
entries = st.lists(st.one_of(visits, bursts, idles), max_size=5)


def written(path: Path, finished: list[Entry]) -> bytes:
    """Return the journal of a run."""
    path.unlink(missing_ok=True)
    with Journal(path, CAMPAIGN) as journal:
        for entry in finished:
            journal.append(entry)
    return path.read_bytes()


@given(entries)
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, finished: list[Entry]
) -> None:
    """Entries come back as they were, in their order, however often the file is opened."""
    path = tmp_path_factory.mktemp("journal") / "rows.csv.journal.jsonl"
    written(path, finished)
    for _ in range(2):
        with Journal(path, CAMPAIGN) as journal:
            assert journal.entries == finished
            assert journal.damaged == 0
    assert len(journal.records()) == sum(
        len(entry.records) if isinstance(entry, Visited) else isinstance(entry, Burst)
        for entry in finished
    )


@given(st.lists(visits, min_size=1, max_size=4), st.data())
def test_a_cut_last_line_costs_itself_alone(
    tmp_path_factory: pytest.TempPathFactory, finished: list[Entry], data: st.DataObject
) -> None:
    """A crash while a line is written leaves all others, and what follows is whole."""
    path = tmp_path_factory.mktemp("journal") / "rows.csv.journal.jsonl"
    content = written(path, finished)
    last = len(content.splitlines(keepends=True)[-1])
    kept = data.draw(st.integers(0, last - 1))
    path.write_bytes(content[: len(content) - last + kept])
    whole = finished if kept == last - 1 else finished[:-1]
    with Journal(path, CAMPAIGN) as journal:
        assert journal.entries == whole
        assert journal.damaged == (0 < kept < last - 1)
        journal.append(finished[0])
    with Journal(path, CAMPAIGN) as journal:
        assert journal.entries == [*whole, finished[0]]
        assert journal.damaged == (0 < kept < last - 1)


def test_a_cut_first_line_begins_anew(tmp_path: Path) -> None:
    """A crash before the first entry leaves a run that can begin."""
    path = tmp_path / "rows.csv.journal.jsonl"
    path.write_bytes(written(path, [])[:20])
    with Journal(path, CAMPAIGN) as journal:
        assert (journal.entries, journal.damaged) == ([], 1)
    with Journal(path, CAMPAIGN) as journal:
        assert journal.damaged == 1


def test_another_campaign_is_refused(tmp_path: Path) -> None:
    """Another plan, model or device would mix up the table."""
    path = journal_path(tmp_path / "rows.csv")
    written(path, [])
    other = Workshop(path, points=(Point(1, 1),))
    with pytest.raises(ConfigurationError, match=r"another plan \(3 points, now 1\)"):
        Journal(path, other.campaign())
    with pytest.raises(ConfigurationError, match=r"model 'tiny', now 'large'.*another --output"):
        Journal(path, Workshop(path).campaign("large"))


def test_the_table_of_somebody_else_is_kept(tmp_path: Path) -> None:
    """A table without a journal was not measured by this campaign."""
    shop = Workshop(tmp_path / "rows.parquet")
    shop.output.write_text("theirs")
    with pytest.raises(ConfigurationError, match=r"rows\.parquet\.journal\.jsonl beside it"):
        shop.run(ClockworkEngine(shop.clock))
    assert shop.output.read_text() == "theirs"


def test_what_is_no_journal_is_refused(tmp_path: Path) -> None:
    """Entries without their campaign, and a folder in the way."""
    path = tmp_path / "rows.csv.journal.jsonl"
    lines = written(path, [Visited(point=POINTS[0], repeat=0)]).splitlines(keepends=True)
    path.write_bytes(lines[-1])
    with pytest.raises(DataError, match="remove the file"):
        Journal(path, CAMPAIGN)
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigurationError, match="cannot use"):
        Journal(path, CAMPAIGN)


def test_each_line_is_on_the_disk_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line is synchronised, before anything else happens."""
    synced: list[int] = []
    sync = os.fsync

    def counting(descriptor: int) -> None:
        synced.append(path.stat().st_size)
        sync(descriptor)

    path = tmp_path / "rows.csv.journal.jsonl"
    monkeypatch.setattr(os, "fsync", counting)
    content = written(path, [Visited(point=POINTS[0], repeat=rank) for rank in range(3)])
    ends = [0]
    for line in content.splitlines(keepends=True):
        ends.append(ends[-1] + len(line))
    assert synced == ends[1:]
