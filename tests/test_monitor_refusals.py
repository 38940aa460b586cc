"""What ``monitor`` does not do: destroy, pass nothing for something, believe a wrong unit."""

from __future__ import annotations

import io
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Run, refused
from tests.test_monitor_command import (
    HEADER,
    PATIENCE_S,
    ROOT,
    STEADY,
    fed,
    lines_of,
    of_1_5b,
    started,
    table,
)
from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.manifest import MANIFEST_NAME
from token2metrics.cli.own_files import refuse_overwriting
from token2metrics.errors import ConfigurationError, DataError, RequestError
from token2metrics.monitoring.fields import milliseconds_hint, observation_of
from token2metrics.monitoring.plausible import MOST_TIMES, is_plausible
from token2metrics.monitoring.reading import LineReader
from token2metrics.prediction.predictor import Predictor
from token2metrics.vocabulary import Phase

MILLISECONDS = 1_000.0


@pytest.fixture
def copied(trained_artifact: Path, tmp_path: Path) -> Path:
    """Return a copy of the trained artifact that may be altered."""
    return Path(shutil.copytree(trained_artifact, tmp_path / "copy"))


def levels_of(artifact: Path) -> set[float]:
    """Return the levels of every phase of every model."""
    models = load_artifact(artifact).models
    return {phase.level for model in models for phase in model.record.phases.values()}


@pytest.mark.parametrize("option", ["--rejected", "--state", "--plot", "--output"])
@pytest.mark.parametrize("name", ["own.svg", "./own.svg", "link.svg", "hard.svg"])
def test_requests_are_not_written_over(
    run: Run, trained_artifact: Path, tmp_path: Path, option: str, name: str
) -> None:
    """Under no name, and through no link."""
    path = table(tmp_path / "own.svg", lines_of(trained_artifact, [STEADY] * 3))
    (tmp_path / "link.svg").symlink_to(path)
    os.link(path, tmp_path / "hard.svg")
    before = path.read_bytes()
    outcome = run("monitor", "own.svg", *of_1_5b(trained_artifact), "--update", option, name)
    refused(outcome, f"expected {option} to name another file than the input, got {Path(name)}")
    assert path.read_bytes() == before


def test_models_and_states_are_not_written_over(run: Run, copied: Path, tmp_path: Path) -> None:
    """Nor is what else is read."""
    table(tmp_path / "own.csv", lines_of(copied, [STEADY] * 3))
    own = ("monitor", "own.csv", *of_1_5b(copied), "--rejected")
    refused(run(*own, copied / MANIFEST_NAME), "expected --rejected to name another file")
    refused(run(*own, "state.json", "--state", "state.json"), "expected --rejected to name another")
    assert not (tmp_path / "state.json").exists()
    assert levels_of(copied) == {1.0}


def test_redirected_requests_are_not_written_over(trained_artifact: Path, tmp_path: Path) -> None:
    """A file that a shell opened as standard input is an input too; a device is no loss."""
    path = table(tmp_path / "own.csv", lines_of(trained_artifact, [STEADY] * 3))
    before = path.read_bytes()
    command = [sys.executable, str(ROOT / "main.py"), "monitor"]
    command += [*map(str, of_1_5b(trained_artifact)), "--rejected"]
    with path.open("rb") as opened:
        ended = subprocess.run([*command, "own.csv"], stdin=opened, cwd=tmp_path, check=False)
    assert ended.returncode == 2
    assert path.read_bytes() == before
    refuse_overwriting([Path(os.devnull)], {"--rejected": Path(os.devnull), "--plot": None})


def test_files_that_are_not_there_yet_are_compared_by_name(tmp_path: Path) -> None:
    """A name for both an input and an output is one file even before it exists."""
    new = tmp_path / "new.json"
    refuse_overwriting([tmp_path / "other.json"], {"--output": new})
    with pytest.raises(ConfigurationError, match="expected --output to name another file"):
        refuse_overwriting([new], {"--output": new})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no line below a header"),
        (HEADER.encode() + b"\n", "no line below a header"),
        (b"\xff\xfe\x00\n\xff\n", "2 lines set aside, the first for: not UTF-8"),
        (HEADER.encode() + b"\n1,2,x,3\n1,2\n", "the first for: prefill_latency_s is not a number"),
    ],
)
@pytest.mark.parametrize("extra", [(), ("--plot", "picture.svg"), ("--update",)])
def test_a_file_without_a_request_is_refused(
    run: Run,
    copied: Path,
    tmp_path: Path,
    content: bytes,
    words: str,
    extra: tuple[str, ...],
) -> None:
    """With the first reason; nothing is drawn, no level moves."""
    (tmp_path / "requests.csv").write_bytes(content)
    outcome = run("monitor", "requests.csv", *of_1_5b(copied), *extra)
    refused(outcome, "expected at least one finished request in requests.csv, got none", words)
    assert not (tmp_path / "picture.svg").exists()
    assert levels_of(copied) == {1.0}


def test_a_missing_model_is_asked_for(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """Of several models one has to be named, and the message says how."""
    table(tmp_path / "requests.csv", lines_of(trained_artifact, [STEADY] * 3))
    outcome = run("monitor", "requests.csv", "-a", trained_artifact)
    refused(outcome, "3 lines set aside", "model is missing; give --model NAME or a column model")


def test_json_of_nothing_is_a_report_and_a_refusal(
    run: Run, trained_artifact: Path, tmp_path: Path
) -> None:
    """A machine gets its document, and the code."""
    table(tmp_path / "requests.csv", ["1,2,x,3"])
    outcome = run("monitor", "requests.csv", *of_1_5b(trained_artifact), "--json")
    assert outcome.code == 2
    assert json.loads(outcome.out)["requests"] == 0


def test_a_pipe_without_a_request_is_refused_unless_a_state_goes_on(
    trained_artifact: Path, tmp_path: Path
) -> None:
    """A service that was idle goes on; a first run that saw nothing says so."""
    command = [sys.executable, str(ROOT / "main.py"), "monitor", "--state", "state.json"]
    command += [*map(str, of_1_5b(trained_artifact))]
    requests = "\n".join([HEADER, *lines_of(trained_artifact, [STEADY] * 3)])
    codes = [
        subprocess.run(command, input=told, text=True, cwd=tmp_path, check=False).returncode
        for told in ("", requests, "")
    ]
    assert codes == [2, 0, 0]


@pytest.mark.parametrize("count", [1, 4, 30, 120])
def test_milliseconds_move_no_level(run: Run, copied: Path, tmp_path: Path, count: int) -> None:
    """However few or many requests: the artifact stays as it was to the byte."""
    before = (copied / MANIFEST_NAME).read_bytes()
    path = table(tmp_path / "requests.csv", lines_of(copied, [MILLISECONDS] * count))
    outcome = run("monitor", path, *of_1_5b(copied), "--update")
    assert outcome.code == 2
    for words in (
        "expected --update to move levels to at most 3 times the fit, either way, got 1.5B prefill",
        "the latencies seem to be milliseconds: divide them by 1,000",
    ):
        assert words in " ".join(outcome.err.split())
    assert "levels of 1.5B: prefill 1 kept," in outcome.out
    assert (copied / MANIFEST_NAME).read_bytes() == before


def test_errors_are_those_of_the_level_that_was_kept(
    run: Run, copied: Path, tmp_path: Path
) -> None:
    """What is refused does not make predictions look right either."""
    path = table(tmp_path / "requests.csv", lines_of(copied, [MILLISECONDS] * 40))
    said = json.loads(run("monitor", path, *of_1_5b(copied), "--update", "--json").out)
    (model,) = said["models"]
    for metric in model["metrics"]:
        assert metric["mape_percent"] == pytest.approx(99.9, abs=0.05)
    for level in model["levels"]:
        assert level["now"] == level["before"] == 1.0
        assert level["refused"] == pytest.approx(MILLISECONDS, rel=0.05)


def test_a_wrong_unit_later_in_the_stream_takes_the_level_back(
    run: Run, copied: Path, tmp_path: Path
) -> None:
    """Two runs with one state: the second refuses, a third with seconds goes on."""
    ways = ((1.1, 60, 0), (MILLISECONDS, 60, 2), (1.1, 120, 0))
    state = ("--update", "--state", "state.json")
    for number, (factor, count, code) in enumerate(ways):
        path = table(tmp_path / f"{number}.csv", lines_of(copied, [factor] * count, number))
        assert run("monitor", path, *of_1_5b(copied), *state).code == code
    moved = levels_of(copied) - {1.0}
    assert all(level == pytest.approx(1.1, abs=0.02) for level in moved)
    assert moved


@pytest.mark.parametrize("count", [-1, 0, 501, -(10**400)])
def test_counts_of_a_state_that_no_run_has_are_refused(
    run: Run, copied: Path, tmp_path: Path, count: int
) -> None:
    """A spread that rests on no deviations, or on endless ones, is no state to go on with."""
    state = tmp_path / "state.json"
    path = table(tmp_path / "requests.csv", lines_of(copied, [1.0] * 20))
    assert run("monitor", path, *of_1_5b(copied), "--state", state).code == 0
    text = state.read_text()
    altered = re.sub(r'("value":[^,]*,"counted":)\d+', rf"\g<1>{count}", text, count=1)
    assert altered != text
    state.write_text(altered)
    outcome = run("monitor", path, *of_1_5b(copied), "--state", state)
    refused(outcome, "to be a state of the monitor", "remove it to begin anew")


def without_scatter(model: dict[str, Any]) -> None:
    """Forget how far prefill scatters."""
    del model["levels"]["scatter"]["prefill"]


def without_birth(model: dict[str, Any]) -> None:
    """Forget the level that decode began at."""
    del model["births"]["decode"]


def born_at_nothing(model: dict[str, Any]) -> None:
    """Claim a level of which there is no logarithm."""
    model["births"]["decode"] = 0.0


def beyond_floats(model: dict[str, Any]) -> None:
    """Claim a level that no float can say."""
    model["levels"]["decode"] = 800.0


@pytest.mark.parametrize("spoil", [without_scatter, without_birth, born_at_nothing, beyond_floats])
def test_states_with_holes_are_refused(
    run: Run, copied: Path, tmp_path: Path, spoil: Callable[[dict[str, Any]], None]
) -> None:
    """What a model began with, and what its levels learn from, must be whole."""
    state = tmp_path / "state.json"
    path = table(tmp_path / "requests.csv", lines_of(copied, [1.0] * 20))
    assert run("monitor", path, *of_1_5b(copied), "--state", state).code == 0
    saved = json.loads(state.read_text())
    (model,) = saved["state"]["models"].values()
    spoil(model)
    state.write_text(json.dumps(saved))
    outcome = run("monitor", path, *of_1_5b(copied), "--state", state)
    refused(outcome, "to begin anew")


def test_one_phase_can_be_refused_alone(run: Run, copied: Path, tmp_path: Path) -> None:
    """The other follows."""
    rows = [line.split(",") for line in lines_of(copied, [1.2] * 60)]
    lines = [f"{a},{b},{1_000 * float(prefill)!r},{decode}" for a, b, prefill, decode in rows]
    outcome = run("monitor", table(tmp_path / "r.csv", lines), *of_1_5b(copied), "--update")
    assert outcome.code == 2
    record = Predictor.load(copied).select("1.5B").model.record
    assert record.phases[Phase.PREFILL].level == 1.0
    assert record.phases[Phase.DECODE].level == pytest.approx(1.2, abs=0.02)


def test_a_large_change_within_reason_is_followed(run: Run, copied: Path, tmp_path: Path) -> None:
    """A device of half its clock takes twice as long."""
    path = table(tmp_path / "requests.csv", lines_of(copied, [2.5] * 80))
    assert run("monitor", path, *of_1_5b(copied), "--update").code == 0
    assert max(levels_of(copied)) == pytest.approx(2.5, abs=0.05)


@given(level=st.floats(1e-3, 1e3))
def test_what_is_plausible_is_so_either_way(level: float) -> None:
    """Faster and slower alike."""
    assert is_plausible(level) is (abs(math.log(level)) <= math.log(MOST_TIMES))
    assert is_plausible(1.0)


def test_a_check_that_holds_beside_off_says_why(
    run: Run, trained_artifact: Path, tmp_path: Path
) -> None:
    """Being off is told, and fails nothing by itself."""
    path = table(tmp_path / "requests.csv", lines_of(trained_artifact, [1.2] * 30))
    limits = ("--check", "--max-mape", 20, "--max-p90", 25)
    outcome = run("monitor", path, *of_1_5b(trained_artifact), *limits)
    assert outcome.code == 0
    words = (
        "check: holds (MAPE is at most 20 %, p90 at most 25 %, and nothing drifts; "
        "being off alone does not fail it)"
    )
    assert words in " ".join(outcome.out.split())


def test_signs_agree(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """Bias, status and event of one metric have one sign: above 0 predicts too much."""
    for factor in (1.2, 0.8):
        path = table(tmp_path / "requests.csv", lines_of(trained_artifact, [factor] * 30))
        said = json.loads(run("monitor", path, *of_1_5b(trained_artifact), "--json").out)
        metrics = said["models"][0]["metrics"]
        off = [one for one in metrics if one["status"] == "off"]
        assert len(off) == len(said["events"]) >= 2
        told = [*off, *said["events"]]
        expected = pytest.approx(100.0 * (1.0 / factor - 1.0), abs=0.5)
        assert [one["change_percent"] for one in told] == [expected] * len(told)
        assert [one["bias_percent"] for one in metrics] == [expected] * len(metrics)
        assert all(one["interval_percent"]["lower"] < one["change_percent"] for one in told)
        assert all(one["interval_percent"]["upper"] > one["change_percent"] for one in told)


def test_the_signal_to_end_ends_with_the_report(copied: Path, tmp_path: Path) -> None:
    """As Ctrl-C does: report, state and artifact are written."""
    command: Sequence[str] = [sys.executable, str(ROOT / "main.py"), "monitor", "--json"]
    options = ["--update", "--state", "state.json", *map(str, of_1_5b(copied))]
    process = started([*command, *options], tmp_path)
    fed(process, [HEADER, *lines_of(copied, [1.2] * 40)])
    assert process.stderr is not None
    assert "off" in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert json.loads(out)["requests"] >= 5
    assert (tmp_path / "state.json").exists()
    assert max(levels_of(copied)) > 1.0


@pytest.mark.parametrize("name", ["latency_ms", "TTFT_ms", "decode_latency_ms", "e2e_latency_ms"])
def test_columns_of_milliseconds_are_recognised(name: str) -> None:
    """In a header and in JSON lines."""
    own = name.casefold()
    words = f"rename {own} to {own.removesuffix('_ms')}_s and divide it by 1,000"
    assert milliseconds_hint([name]) == words
    content = f"input_tokens,output_tokens,{name}\n1,2,3\n".encode()
    with pytest.raises(DataError, match=words):
        list(LineReader({}).lines(io.BytesIO(content)))
    with pytest.raises(RequestError, match=f"no latency and no energy; {words}"):
        observation_of({"input_tokens": 1, "output_tokens": 2, name: 3}, {})
    assert milliseconds_hint(["latency_s", "spare_ms", "input_tokens"]) is None
