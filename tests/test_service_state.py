"""The shared state of the monitor: several processes record what one would have seen."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.relevel import Move, fingerprint_of, relevel_artifact
from token2metrics.artifact.save import save_artifact
from token2metrics.errors import ConfigurationError, RequestError
from token2metrics.monitoring.monitor import Monitor
from token2metrics.monitoring.options import MonitorOptions
from token2metrics.monitoring.result import MonitorReport
from token2metrics.monitoring.summary import report
from token2metrics.prediction.predictor import Predictor
from token2metrics.service.observing.ledger import MOST_BATCHES, Answered, Ledger, Totals
from token2metrics.service.observing.observed import (
    Batch,
    FinishedRequest,
    KeyReusedError,
    Observed,
    StateError,
)
from token2metrics.service.observing.recorder import Recorder
from token2metrics.service.serving import Serving
from token2metrics.vocabulary import Phase

FEW_EXAMPLES = 20
"""Every commit goes to the disk."""

WATCHED = MonitorOptions()
PLAIN = FinishedRequest(model="1.5B", input_tokens=512, output_tokens=128, latency_s=3.2)


def slowed(factor: float, model: str = "1.5B") -> FinishedRequest:
    """Return a request that took so many times as long as usual."""
    return FinishedRequest(model=model, input_tokens=512, output_tokens=128, latency_s=3.2 * factor)


requests = st.builds(slowed, st.floats(0.5, 2.0), st.sampled_from(["1.5B", "7B", "unheard-of"]))
batches = st.lists(requests, min_size=1, max_size=6).map(tuple)


@contextmanager
def recording(artifact: Path, state: Path, options: MonitorOptions = WATCHED) -> Iterator[Recorder]:
    """Yield one process's part in a state."""
    with closing(Ledger(state, options)) as ledger:
        yield Recorder(Serving(artifact), ledger, options)


def taken(recorder: Recorder, *batches: Batch) -> list[Observed]:
    """Commit batches that are all taken."""
    outcomes = recorder.commit(batches)
    assert all(isinstance(one, Observed) for one in outcomes)
    return [one for one in outcomes if isinstance(one, Observed)]


def in_order(found: MonitorReport) -> MonitorReport:
    """Return a report with its models in order of their names."""
    models = tuple(sorted(found.models, key=lambda model: model.name))
    return msgspec.structs.replace(found, models=models)


def watched(artifact: Path, sent: Sequence[Sequence[FinishedRequest]]) -> Monitor:
    """Return a lone monitor that saw everything."""
    monitor = Monitor(Predictor.load(artifact))
    for request in (one for batch in sent for one in batch):
        try:
            monitor.observe(request.observation())
        except RequestError as error:
            monitor.set_aside(str(error))
    return monitor


@pytest.mark.law
@settings(max_examples=FEW_EXAMPLES)
@given(
    st.lists(
        st.tuples(st.sampled_from([0, 1]), st.lists(batches, min_size=1, max_size=2)), max_size=4
    )
)
def test_processes_in_turn_record_what_one_would_see(
    trained_artifact: Path, turns: list[tuple[int, list[tuple[FinishedRequest, ...]]]]
) -> None:
    """Whoever takes which batches: everybody knows what a lone monitor knows of all of them."""
    with TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        with recording(trained_artifact, state) as one, recording(trained_artifact, state) as other:
            sent = []
            for who, group in turns:
                taken((one, other)[who], *map(Batch, group))
                sent.extend(group)
            expected = in_order(report(watched(trained_artifact, sent)))
            assert in_order(one.report()) == expected
            assert in_order(other.report()) == expected
        with recording(trained_artifact, state) as later:
            assert in_order(later.report()) == expected


def test_answers_tell_what_became_of_each(trained_artifact: Path, tmp_path: Path) -> None:
    """Requests that cannot be compared are set aside, with their place and reason."""
    impossible = FinishedRequest(model="1.5B", input_tokens=5, output_tokens=5)
    sent = (PLAIN, slowed(1.0, "unheard-of"), impossible, PLAIN)
    with recording(trained_artifact, tmp_path / "state") as recorder:
        (observed,) = taken(recorder, Batch(sent))
    assert observed.accepted == 2
    assert observed.set_aside == {
        "no trained model of this name": 1,
        "no latency and no energy": 1,
    }
    assert [one.index for one in observed.first_set_aside] == [1, 2]
    assert observed.requests == 2


def test_what_happens_is_told_once_and_kept(trained_artifact: Path, tmp_path: Path) -> None:
    """A drift is told to whoever sent the request that shows it, and stays known."""
    with recording(trained_artifact, tmp_path / "state") as recorder:
        taken(recorder, Batch(tuple(slowed(1.0) for _ in range(60))))
        (drifting,) = taken(recorder, Batch(tuple(slowed(1.2) for _ in range(30))))
        assert [event.kind for event in drifting.events] == ["drift"]
        (later,) = taken(recorder, Batch((slowed(1.2),)))
        assert later.events == ()
        assert recorder.report().events[-1:] == drifting.events


def test_a_batch_under_a_key_counts_once(trained_artifact: Path, tmp_path: Path) -> None:
    """Sent again, to whichever process, it is answered as before; another batch is refused."""
    state = tmp_path / "state"
    batch = Batch((PLAIN, PLAIN), "a key", "its digest")
    with recording(trained_artifact, state) as one, recording(trained_artifact, state) as other:
        (first,) = taken(one, batch)
        again, twice = taken(other, batch, batch)
        assert not first.repeated
        assert again == twice
        assert again.repeated
        assert (again.accepted, again.requests) == (first.accepted, first.requests)
        (refused,) = other.commit([Batch((PLAIN,), "a key", "another digest")])
        assert isinstance(refused, KeyReusedError)
        assert one.report().requests == 2


def test_keys_are_forgotten_in_the_end(tmp_path: Path) -> None:
    """The oldest go when too many came, or when a day is over."""
    with closing(Ledger(tmp_path / "state", WATCHED)) as ledger, ledger.turn():
        ledger.remember("old", Answered("", b"{}"))
        ledger._database.execute("UPDATE batches SET at_s = at_s - 90000")
        ledger.remember("first", Answered("", b"{}"))
        assert ledger.answered("old") is None
        ledger._database.execute("UPDATE sqlite_sequence SET seq = seq + ?", (MOST_BATCHES,))
        ledger.remember("last", Answered("", b"{}"))
        assert ledger.answered("first") is None
        assert ledger.answered("last") == Answered("", b"{}")


def test_a_full_disk_loses_nothing_and_counts_nothing(
    trained_artifact: Path, tmp_path: Path
) -> None:
    """Where the disk refuses, the batch is refused, and what was known stays known."""
    state = tmp_path / "state"
    with closing(Ledger(state, WATCHED)) as ledger:
        recorder = Recorder(Serving(trained_artifact), ledger, WATCHED)
        taken(recorder, Batch((PLAIN,)))
        before = recorder.report()
        ledger._database.execute("PRAGMA max_page_count = 1")
        many = tuple(slowed(1.0 + index / 1000.0, "7B") for index in range(300))
        with pytest.raises(StateError, match="full"):
            recorder.commit([Batch(many, "k" * 9000)])
        assert recorder.report() == before
        ledger._database.execute("PRAGMA max_page_count = 1000000")
        (observed,) = taken(recorder, Batch((PLAIN,)))
        assert observed.requests == 2


def test_a_model_trained_again_begins_anew(trained_artifact: Path, tmp_path: Path) -> None:
    """What was observed of it is left; the other models go on."""
    state, directory = tmp_path / "state", tmp_path / "artifact"
    models = load_artifact(trained_artifact).models
    save_artifact(directory, models)
    with recording(directory, state) as one, recording(directory, state) as other:
        taken(one, Batch((slowed(1.0), slowed(1.0, "7B"))))
        taken(other, Batch((slowed(1.0), slowed(1.0, "7B"))))
        key = next(one.record.key for one in models if one.record.name == "1.5B")
        phases = next(one.record.phases for one in models if one.record.name == "1.5B")
        moved = {key: _moved(directory, key, dict.fromkeys(phases, 1.1))}
        relevel_artifact(directory, moved)
        taken(one, Batch((slowed(1.0), slowed(1.0, "7B"))))
        counts = {model.name: model.requests for model in one.report().models}
        assert counts == {"1.5B": 1, "7B": 3}
        taken(other, Batch((slowed(1.0),)))
        counts = {model.name: model.requests for model in one.report().models}
        assert counts == {"1.5B": 2, "7B": 3}
        assert one.report().requests == 7


def _moved(directory: Path, key: str, levels: dict[Phase, float]) -> Move:
    """Return where the levels of a model go."""
    records = {one.key: one for one in load_artifact(directory).manifest.models}
    return Move(fingerprint_of(records[key]), levels)


def test_levels_follow_into_the_artifact(trained_artifact: Path, tmp_path: Path) -> None:
    """With updates predictions follow what is observed, whichever process writes the levels."""
    state, directory = tmp_path / "state", tmp_path / "artifact"
    save_artifact(directory, load_artifact(trained_artifact).models)
    follows = MonitorOptions(updates=True)
    before = Predictor.load(directory)(512, 128, "1.5B").latency_s
    assert before is not None
    late = FinishedRequest(
        model="1.5B", input_tokens=512, output_tokens=128, latency_s=before * 1.2
    )
    with recording(directory, state, follows) as one, recording(directory, state, follows) as other:
        assert not one.level(directory)
        taken(one, Batch((late,) * 40))
        assert other.level(directory)
        assert not other.level(directory)
        assert not one.level(directory)
        taken(one, Batch((late,)))
    after = Predictor.load(directory)(512, 128, "1.5B").latency_s
    assert after == pytest.approx(before * 1.2, rel=0.02)


def test_a_state_of_other_options_is_refused(trained_artifact: Path, tmp_path: Path) -> None:
    """What was learned under one rule is not judged by another."""
    with recording(trained_artifact, tmp_path / "state"):
        pass
    other = MonitorOptions(smallest_change_percent=5.0)
    with (
        pytest.raises(ConfigurationError, match="--change as the state has it, 3, got 5"),
        recording(trained_artifact, tmp_path / "state", other),
    ):
        pass


def test_other_files_are_no_state(tmp_path: Path) -> None:
    """Databases of something else, text, folders and places that cannot be are refused."""
    foreign, text = tmp_path / "foreign", tmp_path / "text"
    with closing(sqlite3.connect(foreign)) as database:
        database.execute("CREATE TABLE other (value)")
    text.write_text("not a database, but long enough to look like one" * 100)
    altered = tmp_path / "altered"
    with closing(Ledger(altered, WATCHED)):
        pass
    with closing(sqlite3.connect(altered)) as database, database:
        database.execute("UPDATE tally SET options = '{'")
    for path in (foreign, text, tmp_path, text / "state", altered):
        with pytest.raises(ConfigurationError, match="--state"):
            Ledger(path, WATCHED)


def test_what_is_not_committed_never_was(tmp_path: Path) -> None:
    """A turn that fails leaves the last one."""
    with closing(Ledger(tmp_path / "state", WATCHED)) as ledger:
        with pytest.raises(ZeroDivisionError), ledger.turn():
            ledger.write(Totals(5, 1 // 0, {}, WATCHED), {})
        assert ledger.totals() == Totals(0, 0, {}, WATCHED)


def _write_and_fail(ledger: Ledger) -> None:
    """Write something, then something that no file can hold."""
    with ledger.turn():
        ledger.write(Totals(5, 5, {}, WATCHED), {})
        ledger.forget(["\ud800"])
