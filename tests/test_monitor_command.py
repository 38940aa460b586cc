"""``monitor``: streams in, events as they happen, exit codes, and artifacts that stay whole."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import msgspec
import pytest

from tests.conftest import Run, refused
from tests.pictures import is_png, words_of
from tests.test_imports import PROBE, in_a_new_process
from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.save import save_artifact
from token2metrics.monitoring.thresholds import FEWEST_TO_ALARM
from token2metrics.prediction.predictor import Predictor

ROOT = Path(__file__).parent.parent
HEADER = "input_tokens,output_tokens,ttft_s,decode_latency_s"
STEADY, SLOW = 1.0, 1.03
NOISE = 0.002
PATIENCE_S = 60.0


def lines_of(artifact: Path, factors: Sequence[float], seed: int = 1) -> list[str]:
    """Return finished requests of 1.5B, this much slower than predicted, as lines of CSV."""
    predictor, chance = Predictor.load(artifact).select("1.5B"), Random(seed)
    lines = []
    for factor in factors:
        prompt, answer = chance.randint(200, 300), chance.randint(100, 300)
        found = predictor(prompt, answer)
        noise = [factor * chance.lognormvariate(0.0, NOISE) for _ in range(2)]
        prefill_s, decode_s = found.prefill.latency_s, found.decode.latency_s
        assert prefill_s is not None
        assert decode_s is not None
        lines.append(f"{prompt},{answer},{prefill_s * noise[0]!r},{decode_s * noise[1]!r}")
    return lines


def table(path: Path, lines: Sequence[str]) -> Path:
    """Write lines under the header."""
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return path


@pytest.fixture
def copied(trained_artifact: Path, tmp_path: Path) -> Path:
    """Return a copy of the trained artifact that may be altered."""
    return Path(shutil.copytree(trained_artifact, tmp_path / "copy"))


def of_1_5b(artifact: Path) -> tuple[object, ...]:
    """Return the options that name artifact and model."""
    return ("-a", artifact, "--model", "1.5B")


def test_where_everything_stands_is_shown(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """A row per metric, what was set aside and why, and the rates that were asked for."""
    lines = lines_of(trained_artifact, [STEADY] * 60)
    path = table(tmp_path / "requests.csv", [*lines, "1,2,x,3", "1,2,3", "1,2,y,3"])
    outcome = run("monitor", path, *of_1_5b(trained_artifact), "--rejected", "bad.csv")
    assert outcome.code == 0
    assert outcome.err == ""
    for words in (
        "Errors in percent on jetson-agx-orin-64gb, maxn, vllm, bf16",
        "prefill latency",
        "decode latency",
        "request latency",
        "a change of 3 % shows in about 8 requests; at most one false alarm in 10,000",
        "60 requests, 3 lines set aside",
        "2: prefill_latency_s is not a number",
        "1: more or fewer values than columns",
    ):
        assert words in outcome.out
    assert outcome.out.count("steady") == 3
    assert (tmp_path / "bad.csv").read_text().splitlines() == [
        "line,reason,text",
        '62,prefill_latency_s is not a number,"1,2,x,3"',
        '63,more or fewer values than columns,"1,2,3"',
        '64,prefill_latency_s is not a number,"1,2,y,3"',
    ]


def test_json_is_the_report(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """``--json`` prints where everything stands, and nothing else, to standard output."""
    factors = [STEADY] * 100 + [SLOW] * 40
    path = table(tmp_path / "requests.csv", lines_of(trained_artifact, factors))
    outcome = run("monitor", path, *of_1_5b(trained_artifact), "--json", "--check")
    said = json.loads(outcome.out)
    assert outcome.code == 1
    assert said["requests"] == 140
    assert said["verdict"]["holds"] is False
    assert {event["since_request"] for event in said["events"]} == {101}
    assert {metric["status"] for metric in said["models"][0]["metrics"]} == {"drifting"}
    told = r"1.5B decode latency: drift, predicts [23].\d % too little against usual"
    assert re.search(
        told + r" \(-3.* to -2.* %\) since request 101 \(seen at request 1\d\d\)", outcome.err
    )


@pytest.mark.parametrize(
    ("factors", "options", "code", "words"),
    [
        ([STEADY] * 30, (), 0, "check: holds"),
        ([1.5] * 30, (), 1, "1.5B decode latency: MAPE 33.3"),
        ([1.5] * 30, ("--max-mape", 40), 0, "check: holds"),
        ([1.5] * 30, ("--max-mape", 40, "--max-p90", 30), 1, "p90 33"),
        (
            [STEADY] * 100 + [SLOW] * 40,
            (),
            1,
            "drifts since request 101, predicts 2.9 % too little against usual",
        ),
        ([STEADY] * 100 + [SLOW] * 40, ("--update", "--output", "new"), 0, "check: holds"),
        ([STEADY] * 5, (), 2, "expected at least 20 requests to judge, got 5"),
        ([], (), 2, "expected at least 20 requests to judge, got 0"),
        ([STEADY] * 5, ("--min-requests", 5), 0, "check: holds"),
    ],
)
def test_checks_leave_with_a_code(
    run: Run,
    trained_artifact: Path,
    tmp_path: Path,
    factors: list[float],
    options: tuple[object, ...],
    code: int,
    words: str,
) -> None:
    """0 where everything holds, 1 where something is wrong, 2 where nobody can say."""
    path = table(tmp_path / "requests.csv", lines_of(trained_artifact, factors))
    outcome = run("monitor", path, *of_1_5b(trained_artifact), "--check", *options)
    assert outcome.code == code, outcome.out
    assert words in outcome.out


def test_a_calibration_that_is_off_is_told(
    run: Run, trained_artifact: Path, tmp_path: Path
) -> None:
    """With advice, and without failing anything by itself."""
    path = table(tmp_path / "requests.csv", lines_of(trained_artifact, [1.2] * 30))
    outcome = run("monitor", path, *of_1_5b(trained_artifact))
    assert outcome.code == 0
    told = r"1.5B decode latency: the calibration is off: predicts (16.\d) % too little \(-1"
    assert re.search(told, outcome.err)
    assert "calibrate again, or let --update follow" in outcome.err
    assert "off, 16." in outcome.out
    assert "% too little" in outcome.out


def test_updates_are_written_into_the_artifact(run: Run, copied: Path, tmp_path: Path) -> None:
    """The next prediction is at the new level, and so is the next monitor."""
    path = table(tmp_path / "requests.csv", lines_of(copied, [1.2] * 80))
    outcome = run("monitor", path, *of_1_5b(copied), "--update")
    assert outcome.code == 0
    assert "levels of 1.5B: prefill 1 to 1.2, decode 1 to 1.2" in outcome.out
    for model in load_artifact(copied).models:
        for record in model.record.phases.values():
            expected = 1.2 if model.record.name == "1.5B" else 1.0
            assert record.level == pytest.approx(expected, abs=0.01)
    again = run("monitor", path, *of_1_5b(copied), "--check", "--max-mape", 1)
    assert again.code == 0
    assert again.err == ""


def test_updates_can_go_elsewhere(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """``--output`` leaves the artifact that was read."""
    before = load_artifact(trained_artifact).manifest
    path = table(tmp_path / "requests.csv", lines_of(trained_artifact, [1.2] * 80))
    run("monitor", path, *of_1_5b(trained_artifact), "--update", "--output", "new")
    assert load_artifact(trained_artifact).manifest == before
    predicted = [
        Predictor.load(where).select("1.5B")(200, 100).latency_s
        for where in (trained_artifact, tmp_path / "new")
    ]
    assert None not in predicted
    assert predicted[1] == pytest.approx(1.2 * (predicted[0] or 0.0), rel=0.01)


def test_a_stream_goes_on_across_runs(run: Run, copied: Path, tmp_path: Path) -> None:
    """Two runs with one state say what one run says, updates included."""
    lines = lines_of(copied, [STEADY] * 70 + [SLOW] * 70)
    where = ("-m", "1.5B", "--update", "--json")
    whole = table(tmp_path / "whole.csv", lines)
    once = run("monitor", whole, "-a", copied, "--output", "once", *where)
    for number, part in enumerate((lines[:75], lines[75:])):
        path = table(tmp_path / f"part{number}.csv", part)
        last = run("monitor", path, "-a", copied, "--state", "state.json", *where)
    assert json.loads(last.out) == json.loads(once.out)
    written = [load_artifact(place).manifest for place in (copied, tmp_path / "once")]
    assert written[0] == written[1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "to be a state of the monitor"),
        ("{}", "to be a state of the monitor"),
        ("[" * 100_000, "to be a state of the monitor"),
        (
            '{"format":"other","version":2,"state":{"options":{}}}',
            "to be a state of version 1, got version 2",
        ),
    ],
)
def test_damaged_states_are_refused(
    run: Run, trained_artifact: Path, tmp_path: Path, content: str, words: str
) -> None:
    """Nothing is read, nothing overwritten."""
    (tmp_path / "state.json").write_text(content)
    refused(run("monitor", "-", *of_1_5b(trained_artifact), "--state", "state.json"), words)
    assert (tmp_path / "state.json").read_text() == content


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere.csv",), "cannot read nowhere.csv: No such file"),
        ((".",), "cannot read .: Is a directory"),
        (("-a", "nowhere"), "no trained model at nowhere"),
        (("--max-mape", 5), "expected --check with --max-mape"),
        (("--max-p90", 5), "expected --check with --max-p90"),
        (("--min-requests", 5), "expected --check with --min-requests"),
        (("--check", "--max-mape", 0), "expected --max-mape above 0 %, got 0.0"),
        (("--check", "--max-p90", "nan"), "expected --max-p90 above 0 %, got nan"),
        (("--output", "new"), "expected --update with --output"),
        (("--change", 0), "expected a smallest change (--change) of 0.1 to 100 %"),
        (("--false-alarms-per", 5), "expected one false alarm in 100 to 1,000,000 requests, got 5"),
        (("--rejected", "no/such/folder.csv"), "cannot write no/such/folder.csv"),
        (("--state", "."), "cannot read .: Is a directory"),
        (("--model", "unheard-of"), "no trained model answers to 'unheard-of'"),
        (("--model", "1.5B", "--device", "desk"), "no trained model answers to '1.5B' on desk"),
        (("--power-mode", "30w"), "no model was trained for 30w"),
        (("--plot", "picture.txt"), "expected --plot FILE to end in .png or .svg"),
        (("--update", "--output", "file"), "cannot write file"),
    ],
)
def test_wrong_use_is_refused(
    run: Run, trained_artifact: Path, tmp_path: Path, arguments: tuple[object, ...], words: str
) -> None:
    """Each in one line, with the code for it."""
    table(tmp_path / "requests.csv", [])
    (tmp_path / "file").write_text("in the way")
    place = () if "nowhere" in arguments else ("-a", trained_artifact)
    file = ("requests.csv",) if str(arguments[0]).startswith("-") else ()
    refused(run("monitor", *file, *place, *arguments), words)


def test_a_table_of_something_else_is_refused(
    run: Run, trained_artifact: Path, tmp_path: Path
) -> None:
    """Columns that cannot be finished requests are named."""
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    outcome = run("monitor", "other.csv", *of_1_5b(trained_artifact))
    refused(outcome, "got columns without input_tokens, output_tokens: 'a,b'")


def test_the_stream_can_be_drawn(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """A row per metric with its events, in either format; nothing to draw is said."""
    factors = [1.2] * 100 + [1.2 * SLOW] * 40 + [1.2] * 60
    path = table(tmp_path / "requests.csv", lines_of(trained_artifact, factors))
    outcome = run("monitor", path, *of_1_5b(trained_artifact), "--plot", "stream.svg")
    assert outcome.code == 0, outcome.err
    assert outcome.err.count("the drift is over, predicts") == 3
    drawn = words_of(tmp_path / "stream.svg")
    for words in (
        "1.5B prefill latency",
        "1.5B request latency",
        "CUSUM",
        "off -",
        "drift -",
        "predicted beyond",
    ):
        assert words in drawn
    run("monitor", path, *of_1_5b(trained_artifact), "--plot", "stream.png")
    assert is_png(tmp_path / "stream.png")
    empty = table(tmp_path / "empty.csv", [])
    refused(run("monitor", empty, *of_1_5b(trained_artifact), "--plot", "e.png"), "at least one")


def test_models_of_several_places_are_told_apart(
    run: Run, trained_artifact: Path, tmp_path: Path
) -> None:
    """Each row says where its model runs; a name that no model has is set aside."""
    models = load_artifact(trained_artifact).models
    record = next(one.record for one in models if one.record.name == "1.5B")
    slow = msgspec.structs.replace(record, power_mode="30w")
    source = next(one for one in models if one.record is record)
    save_artifact(tmp_path / "two", [source, FittedModel(slow, source.formulas, source.weights)])
    lines = lines_of(trained_artifact, [STEADY] * 12)
    modes = [f"{line},1.5B,{mode}" for line in lines for mode in ("maxn", "30w")]
    path = tmp_path / "requests.csv"
    content = [f"{HEADER},model,power_mode", *modes, f"{lines[0]},unheard-of,maxn"]
    path.write_text("\n".join(content))
    outcome = run("monitor", path, "-a", "two", "--json")
    said = json.loads(outcome.out)
    assert [(m["power_mode"], m["requests"]) for m in said["models"]] == [("maxn", 12), ("30w", 12)]
    assert said["set_aside"] == {"no trained model of this name": 1}
    shown = run("monitor", path, "-a", "two")
    assert shown.out.count("30w, vllm, bf16") == 3


@pytest.fixture
def command(trained_artifact: Path) -> list[str]:
    """Return the command line that follows standard input."""
    return [
        *(sys.executable, str(ROOT / "main.py"), "monitor", "--json"),
        *map(str, of_1_5b(trained_artifact)),
    ]


def started(command: Sequence[str], where: Path) -> subprocess.Popen[str]:
    """Start the program, its standard input and output at our end."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*command], stdin=pipe, stdout=pipe, stderr=pipe, text=True, bufsize=1, cwd=where
    )


def fed(process: subprocess.Popen[str], lines: Sequence[str]) -> None:
    """Write lines, each at once."""
    assert process.stdin is not None
    for line in lines:
        process.stdin.write(line + "\n")
    process.stdin.flush()


def test_a_pipe_is_followed(command: list[str], trained_artifact: Path, tmp_path: Path) -> None:
    """An alarm comes while the pipe is still open; at its end the report does."""
    process = started(command, tmp_path)
    fed(process, [HEADER, *lines_of(trained_artifact, [STEADY] * 60 + [SLOW] * 12)])
    assert process.stderr is not None
    assert "since request 61" in process.stderr.readline()
    assert process.poll() is None
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert json.loads(out)["requests"] == 72
    assert process.returncode == 0


def test_an_interrupt_ends_with_the_report(
    command: list[str], trained_artifact: Path, tmp_path: Path
) -> None:
    """Ctrl-C says where everything stands, and keeps the state."""
    process = started([*command, "--state", "state.json"], tmp_path)
    fed(process, [HEADER, *lines_of(trained_artifact, [STEADY] * 60 + [SLOW] * 12)])
    assert process.stderr is not None
    assert "drift" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert json.loads(out)["requests"] >= 60 + FEWEST_TO_ALARM
    assert process.returncode == 0
    assert (tmp_path / "state.json").exists()


def waited(path: Path) -> Iterator[bytes]:
    """Yield every content a file has while it changes."""
    until = time.monotonic() + PATIENCE_S
    last = path.read_bytes()
    while time.monotonic() < until:
        now = path.read_bytes()
        if now != last:
            last = now
            yield now


def test_a_kill_leaves_a_whole_artifact(copied: Path, tmp_path: Path) -> None:
    """Killed in the middle of its updates, what lies there can be read and predicts."""
    command = [sys.executable, str(ROOT / "main.py"), "monitor", "--update"]
    options = ["--state", "state.json", *map(str, of_1_5b(copied))]
    process = started([*command, *options], tmp_path)
    fed(process, [HEADER, *lines_of(copied, [1.2] * 250)])
    changes = waited(copied / "manifest.json")
    next(changes)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=PATIENCE_S)
    levels = [record.level for record in load_artifact(copied).models[0].record.phases.values()]
    assert all(level > 1.0 for level in levels)
    assert Predictor.load(copied).select("1.5B")(200, 100).latency_s
    assert json.loads((tmp_path / "state.json").read_text())["version"] == 1


def test_monitoring_imports_nothing_heavy(trained_artifact: Path, tmp_path: Path) -> None:
    """Not even with updates."""
    path = table(tmp_path / "requests.csv", lines_of(trained_artifact, [1.2] * 30))
    output = ("--update", "--output", tmp_path / "new", "--state", tmp_path / "state.json")
    ended = in_a_new_process(PROBE, "monitor", path, *of_1_5b(trained_artifact), *output)
    assert ended.stdout.splitlines()[-1] == "LOADED 0", ended.stderr


def test_help_has_an_example(run: Run) -> None:
    """And names the columns."""
    outcome = run("monitor", "--help")
    assert outcome.code == 0
    for words in ("Example: python main.py monitor", "input_tokens", "--false-alarms-per"):
        assert words in outcome.out
