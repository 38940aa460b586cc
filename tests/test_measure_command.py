"""``measure`` as a user runs it: tables, JSON, a killed server, Ctrl-C, and what it refuses."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from tests.conftest import Run, refused
from tests.gguf_server import (
    CONTEXT_TOKENS,
    SMALL,
    ServerProcess,
    serving,
    start_server,
    write_gguf,
)
from tests.measuring import POINTS, RULE, ClockworkEngine, Workshop
from tests.test_imports import PROBE, in_a_new_process
from token2metrics.measure.designed_plan import CHARACTERISING_POINTS
from token2metrics.measure.engines.http import Answer, Body, HttpConnection
from token2metrics.measure.journal import Visited, journal_path
from token2metrics.measure.plan import auto_plan
from token2metrics.measure.tally import Tally
from token2metrics.report.measuring import MeasuringDisplay, show_measurement

PLAN = "input_tokens,output_tokens\n16,1\n65,8\n300,200\n"
TINY_SHAPE = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 300,
}
MISSING = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == sys.argv[1]:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Missing())
from token2metrics.cli.app import main
main(sys.argv[2:])
"""
TRUTH = ("phase", "input_tokens", "output_tokens", "repeat")
LONG_ANSWER = 200
FATAL_ANSWER = 3
FATAL_EVENT = 3


@pytest.fixture(scope="module")
def gguf_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model of random weights."""
    return write_gguf(tmp_path_factory.mktemp("gguf") / "small.gguf", SMALL)


@pytest.fixture
def server(gguf_file: Path) -> Iterator[ServerProcess]:
    """Return a llama.cpp server that a test may kill."""
    with serving(gguf_file) as running:
        yield running


@pytest.fixture
def plan(clean_place: Path) -> Path:
    """Return a small plan."""
    file = clean_place / "grid.csv"
    file.write_text(PLAN)
    return file


def command(target: str, *more: object) -> tuple[object, ...]:
    """Return a command that measures three points three times."""
    where = ("--model", "1.5B", "--device", "orin-nano", "--target", target, "--power", "none")
    effort = ("--plan", "grid.csv", "--max-repeats", 3, "--ci", 0)
    return ("measure", *where, *effort, "--output", "rows.parquet", *more)


@contextmanager
def failing(fail: Callable[[], None]) -> Iterator[None]:
    """Let something happen in the middle of a long answer."""
    long_answers = 0
    whole = HttpConnection.events

    def events(
        self: HttpConnection, path: str, body: Body, answer: type[Answer]
    ) -> Iterator[tuple[float, Answer]]:
        nonlocal long_answers
        long_answers += body["n_predict"] == LONG_ANSWER
        for rank, event in enumerate(whole(self, path, body, answer)):
            if (long_answers, rank) == (FATAL_ANSWER, FATAL_EVENT):
                fail()
            yield event

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HttpConnection, "events", events)
        yield


def test_rows_of_a_server_are_those_that_were_asked_for(
    run: Run, server: ServerProcess, plan: Path
) -> None:
    """Every count is exact, conditions are told, and the tables show medians and settings."""
    outcome = run(*command(server.address, "--power-mode", "15w"))
    assert outcome.code == 0, outcome.err
    assert "3 of 3 points settled, 15 rows in rows.parquet" in outcome.out
    assert "dsr1-qwen-1.5b on orin-nano by llama.cpp" in outcome.out
    assert "first tokens reached the client" in outcome.out
    table = pl.read_parquet("rows.parquet")
    assert table["input_tokens"].to_list() == table["asked_input_tokens"].to_list()
    decode = table.filter(pl.col("phase") == "decode")
    assert decode["output_tokens"].to_list() == decode["asked_output_tokens"].to_list()
    assert sorted(decode["output_tokens"].to_list()) == [8] * 3 + [200] * 3
    for column, value in {
        "model": "dsr1-qwen-1.5b",
        "device": "orin-nano",
        "power_mode": "15w",
        "precision": "q8_0",
        "runtime": "llama.cpp",
        "clock": "server",
        "cached_tokens": 0,
        "finish_reason": "limit",
    }.items():
        assert table[column].unique().to_list() == [value], column


def measured_plan(run: Run, target: str, *more: object) -> tuple[list[tuple[int, int]], str]:
    """Measure each point of an automatic plan once; return the points and the messages."""
    where = ("--device", "jetson-agx-orin-64gb", "--target", target, "--power", "none")
    limits = ("--max-input-tokens", 200, "--max-output-tokens", 8)
    effort = ("--max-repeats", 1, "--warm-up", 0, "--output", "auto.parquet", "--json")
    outcome = run("measure", "--plan", "auto", *where, *limits, *effort, *more)
    assert outcome.code == 0, outcome.err
    points = json.loads(outcome.out)["points"]
    return [(one["input_tokens"], one["output_tokens"]) for one in points], outcome.err


def test_the_automatic_plan_is_designed(run: Run, server: ServerProcess) -> None:
    """With designed points, both sides of the tile edges and the longest prompt; resumable."""
    points, messages = measured_plan(run, server.address, "--model", "1.5B")
    lengths = {prompt for prompt, _ in points}
    assert {64, 65, 128, 129, 200} <= lengths
    assert len(set(points)) >= CHARACTERISING_POINTS
    assert max(prompt for prompt, _ in points) == 200
    assert max(answer for _, answer in points) == 8
    assert "plain spread" not in messages
    assert measured_plan(run, server.address, "--model", "1.5B")[0] == points


def test_a_model_nobody_described_is_spread_plainly(run: Run, server: ServerProcess) -> None:
    """And the log says so."""
    points, messages = measured_plan(run, server.address, "--model", "mystery")
    assert set(points) == {(point.input_tokens, point.output_tokens) for point in auto_plan(200, 8)}
    assert "the plan is a plain spread of lengths: no experiment file" in " ".join(messages.split())


def test_without_torch_the_plan_is_a_plain_spread(server: ServerProcess, tmp_path: Path) -> None:
    """Measuring needs no torch; the log says what is missed."""
    target = ("--target", server.address, "--power", "none", "--device", "desk", "-m", "1.5B")
    limits = ("--max-input-tokens", 70, "--max-output-tokens", 2, "--max-repeats", 1)
    output = ("--warm-up", 0, "--output", tmp_path / "rows.parquet", "--json")
    ended = in_a_new_process(MISSING, "torch", "measure", *target, *limits, *output)
    assert ended.returncode == 0, ended.stderr
    points = json.loads(ended.stdout)["points"]
    assert {one["input_tokens"] for one in points} == {p.input_tokens for p in auto_plan(70, 2)}
    assert "a designed plan needs the package 'torch'" in " ".join(ended.stderr.split())


def test_streaming_by_the_openai_endpoint_as_json(
    run: Run, server: ServerProcess, plan: Path
) -> None:
    """The same server by the other endpoint; JSON has everything that the tables show."""
    outcome = run(*command(server.address, "--engine", "openai", "--json", "--precision", "Q8_0"))
    report = json.loads(outcome.out)
    assert (report["stopped"], report["rows"], report["settled"]) == ("finished", 15, 3)
    assert {point["repeats"] for point in report["points"]} == {3}
    table = pl.read_parquet("rows.parquet")
    assert table["input_tokens"].to_list() == table["asked_input_tokens"].to_list()
    assert table["clock"].unique().to_list() == ["client"]
    assert table["precision"].unique().to_list() == ["q8_0"]


def test_a_killed_server_loses_nothing(
    run: Run,
    server: ServerProcess,
    gguf_file: Path,
    plan: Path,
) -> None:
    """The run reports it and keeps its rows; with a new server the same command goes on."""
    with failing(server.stop):
        killed = run(*command(server.address))
    assert killed.code == 2
    message = " ".join(killed.err.split())
    assert f"no answer from the engine at {server.address}" in message
    assert "are kept in rows.parquet; start the engine again" in message
    assert "Traceback" not in killed.err
    kept = pl.read_parquet("rows.parquet")
    assert 0 < kept.height < 15
    refused(run(*command(server.address)), "no answer from the engine")
    assert pl.read_parquet("rows.parquet").equals(kept)
    another = start_server(gguf_file, server.port)
    try:
        resumed = run(*command(server.address))
    finally:
        another.stop()
    assert resumed.code == 0, resumed.err
    table = pl.read_parquet("rows.parquet")
    assert table.head(kept.height).equals(kept)
    assert table.height == table.select(TRUTH).unique().height == 15


def test_ctrl_c_keeps_everything(run: Run, server: ServerProcess, plan: Path) -> None:
    """It says what is kept and how to go on, with the code of an interrupted program."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    with failing(interrupt):
        outcome = run(*command(server.address))
    assert outcome.code == 130
    kept = pl.read_parquet("rows.parquet").height
    assert 0 < kept < 15
    assert f"interrupted: {kept} rows are kept in rows.parquet" in " ".join(outcome.err.split())
    assert run(*command(server.address)).code == 0
    assert pl.read_parquet("rows.parquet").height == 15
    refused(run(*command(server.address, "--precision", "f16")), "'q8_0', now 'fp16'")


def test_everything_refused_is_an_error(run: Run, server: ServerProcess, plan: Path) -> None:
    """A plan beyond the context leaves no rows, and says why."""
    plan.write_text("input_tokens,output_tokens\n9000,2\n")
    outcome = run(*command(server.address))
    assert outcome.code == 2
    assert "refusals of every point" in outcome.err
    assert "9000+2 tokens refused: 9002 tokens exceed its context of 2048" in outcome.out


def test_the_automatic_plan_fits_the_engine(run: Run, server: ServerProcess, plan: Path) -> None:
    """Nothing is refused for its length, and the shorter plan is told."""
    longest = ("--plan", "auto", "--max-input-tokens", 4_000, "--max-output-tokens", 8)
    outcome = run(*command(server.address, *longest, "--max-repeats", 1, "--json"))
    assert outcome.code == 0, outcome.err
    report = json.loads(outcome.out)
    assert report["refusals"] == []
    assert max(point["input_tokens"] for point in report["points"]) == CONTEXT_TOKENS - 8
    assert f"instead of 4000: the engine's context of {CONTEXT_TOKENS}" in outcome.err


def test_a_name_without_a_choice_is_refused(run: Run, server: ServerProcess, plan: Path) -> None:
    """llama.cpp's server has one model, whatever it is called."""
    outcome = run(*command(server.address, "--served-model", "other"))
    refused(outcome, "no --served-model with the engine llama.cpp", "'other'")


def test_the_local_engine_needs_no_server(run: Run, clean_place: Path) -> None:
    """Any ``config.json`` is measured, by the automatic plan."""
    Path("config.json").write_text(json.dumps(TINY_SHAPE))
    local = ("--engine", "local", "--architecture", "config.json", "--precision", "fp32")
    limits = ("--max-input-tokens", 70, "--max-output-tokens", 4, "--max-repeats", 1)
    rows = ("--model", "mine", "--device", "here", "--output", "rows.csv", "--power", "constant:9")
    outcome = run("measure", *local, *limits, *rows, "--warm-up", 1)
    assert outcome.code == 0, outcome.err
    assert "idle power before: 9.00 W" in outcome.out
    table = pl.read_csv("rows.csv")
    assert set(table["input_tokens"]) == {1, 35, 63, 64, 65, 70}
    assert set(table["runtime"]) == {"transformers"}
    assert table["energy_j"].null_count() == 0


def test_a_terminal_shows_how_far_it_is(tmp_path: Path) -> None:
    """Points, the last latencies with their intervals, the time left and warnings."""
    shop = Workshop(tmp_path / "rows.parquet")
    report = shop.run(ClockworkEngine(shop.clock))
    tally = Tally(POINTS, RULE)
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    with MeasuringDisplay(console) as display:
        display.begin(tally)
        for visit in shop.notes.visits:
            tally.take(visit)
            display.visited(visit, 90.0)
            console.print(display._draw())
        display.visited(Visited(point=POINTS[0], repeat=9, refused="too long"), 0.0)
        console.print(display._draw())
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    for words in ("points settled", "3/3", "at most 90.0 s left", "500+32", "±0.0 %", "too long"):
        assert words in shown, words
    plain = Console(file=io.StringIO(), width=120)
    with MeasuringDisplay(plain) as silent:
        silent.begin(tally)
        silent.visited(shop.notes.visits[0], 1.0)
    assert isinstance(plain.file, io.StringIO)
    assert plain.file.getvalue() == ""
    show_measurement(plain, report)
    assert "3 of 3 points settled" in plain.file.getvalue()


def test_a_damaged_journal_is_told(run: Run, server: ServerProcess, plan: Path) -> None:
    """What cannot be read counts as not measured, and is measured again."""
    run(*command(server.address))
    journal = journal_path(Path("rows.parquet"))
    journal.write_bytes(journal.read_bytes()[:-40])
    outcome = run(*command(server.address))
    assert "1 line of rows.parquet.journal.jsonl cannot be read" in outcome.out
    assert pl.read_parquet("rows.parquet").select(TRUTH).unique().height == 15


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--plan", "nowhere.csv"], ["nowhere.csv", "--plan auto"]),
        (["--max-input-tokens", "0"], ["--max-input-tokens between 1 and", "got 0"]),
        ([], ["expected --target"]),
        (["--engine", "local", "--model", "unheard-of"], ["--architecture"]),
        (["--target", "nonsense"], ["http://127.0.0.1:8080", "'nonsense'"]),
        (["--target", "http://127.0.0.1:9"], ["no answer", "refused"]),
        (["--config", "nowhere.py"], ["nowhere.py"]),
        (["--engine", "magic"], ["magic"]),
        (["--minutes", "-1"], ["--minutes"]),
        (["--device", ""], ["--device to name the device", "got ''"]),
        (["--architecture", "config.json"], ["--architecture with --engine local alone", "auto"]),
        (["--engine", "local", "--served-model", "a"], ["no --served-model with the engine local"]),
    ],
)
def test_wrong_input_is_refused(run: Run, arguments: list[str], words: list[str]) -> None:
    """Wrong plans, limits, engines and files are refused in one line."""
    base = ("measure", "--model", "1.5B", "--device", "x", "--output", "rows.csv")
    refused(run(*base, *arguments), *words)
    assert not Path("rows.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["--bogus"], 2),
        (["--model", "1.5B"], 2),
        (["-m", "1.5B", "--device", "x", "-o", "r.csv", "--plan", "nowhere.csv"], 2),
        (["-m", "1.5B", "--device", "x", "-o", "r.csv", "-c", "nowhere.py"], 2),
    ],
)
def test_help_and_errors_are_light(arguments: list[str], code: int) -> None:
    """They answer without any numerical library; experiment files need their validation."""
    ended = in_a_new_process(PROBE, "measure", *arguments)
    assert ended.stdout.splitlines()[-1].removesuffix(" pydantic") == f"LOADED {code}", ended.stderr
