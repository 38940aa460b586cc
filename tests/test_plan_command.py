"""``plan`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from tests.conftest import Run, refused
from tests.pictures import is_png, words_of
from tests.planning import LIMIT_W, with_limit
from tests.strategies import COMBINATIONS, lawful_model
from tests.test_imports import BLOCKED, PROBE, in_a_new_process
from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.save import save_artifact
from token2metrics.planning.frontier import Frontier
from token2metrics.planning.limits import Demand, Limits
from token2metrics.planning.plan import longest_answer, longest_prompt
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.money import prices_on
from token2metrics.prediction.predictor import Predictor
from token2metrics.report.plan import show_plan

LATENCY = ("--max-latency-s", 5)
PLOT = ("--max-latency-s", "5", "--plot", "p.png")


@pytest.fixture
def asked(trained_artifact: Path) -> tuple[object, ...]:
    """Return the command for the small model."""
    return ("plan", "-a", trained_artifact, "-m", "1.5B")


def test_one_plan_is_shown_in_full(run: Run, asked: tuple[object, ...]) -> None:
    """The cap, what it takes at most, what one token more breaks, and notes."""
    outcome = run(*asked, "-i", 400, *LATENCY, "--max-energy-j", 50, "--confidence", 0.95)
    assert outcome.code == 0
    for words in (
        "1.5B (dsr1-qwen-1.5b) on jetson-agx-orin-64gb, maxn, vllm, bf16",
        "after 400 input tokens at most",
        "output tokens with a probability of 95 %",
        "one output token more breaks the limit of energy by",
        "note: prefill: no measured energy, so power counts with the device's limit of 60 W",
    ):
        assert words in outcome.out
    rows = {line.split("  ")[0].strip(): line for line in outcome.out.splitlines()}
    assert "5.00 s" in rows["latency"]
    assert rows["energy"].rstrip().endswith("over")


def test_the_longest_prompt_is_planned_too(run: Run, asked: tuple[object, ...]) -> None:
    """With ``--output-tokens`` the prompt is what is sought."""
    outcome = run(*asked, "-o", 100, *LATENCY)
    assert outcome.code == 0
    assert "before 100 output tokens at most" in outcome.out
    assert "one input token more breaks the limit of latency by" in outcome.out


def test_json_is_what_the_library_returns(
    run: Run, asked: tuple[object, ...], trained_artifact: Path
) -> None:
    """Plans and frontiers alike, with the prices of the device."""
    predictor = Predictor.load(trained_artifact).select("1.5B")
    prices = prices_on(predictor.model.record.hardware)
    demand = Demand(Limits(latency_s=5.0), 0.9, prices, context_tokens=4_096)
    options = (*LATENCY, "--confidence", 0.9, "--context-tokens", 4_096, "--json")
    for given, expected in (
        (("-i", 400), longest_answer(predictor, 400, demand)),
        (("-o", 100), longest_prompt(predictor, 100, demand)),
        ((), Frontier.of(predictor, demand)),
    ):
        outcome = run(*asked, *given, *options)
        assert outcome.code == 0
        assert json.loads(outcome.out) == [json.loads(msgspec.json.encode(expected))]


def test_several_plans_are_a_row_each(run: Run, trained_artifact: Path) -> None:
    """Models and prompts are combined; what nothing keeps has a dash, its excess, and code 1."""
    outcome = run(
        *("plan", "-a", trained_artifact, "-i", 400, "-i", 4_000),
        *("--max-latency-s", 5, "--max-ttft-s", 0.3, "--max-cost", 1e-4),
    )
    rows = [line.split() for line in outcome.out.splitlines() if line.startswith(("1.5B", "7B"))]
    assert outcome.code == 1
    assert len(rows) == 4
    assert [row[2] == "-" for row in rows] == [False, True, True, True]
    assert all("TTFT by" in " ".join(row) for row in rows[1:])
    assert "- nothing: one token alone breaks a limit" in outcome.out
    assert "TTFT at most 300 ms, cost per million at most 100" in outcome.out


def test_the_frontier_is_a_table_of_doubling_prompts(run: Run, trained_artifact: Path) -> None:
    """A column per model, as long as any of them has an answer."""
    outcome = run("plan", "-a", trained_artifact, *LATENCY)
    assert outcome.code == 0
    rows = [line.split() for line in outcome.out.splitlines() if line.strip()[:1].isdigit()]
    plain = [[word for word in row if word != "*"] for row in rows]
    prompts = [int(row[0].replace(",", "")) for row in plain if len(row) == 3]
    assert prompts[:4] == [16, 32, 64, 128]
    last = [row for row in plain if len(row) == 3][-1]
    assert last[1:] == ["-", "-"]
    predictor = Predictor.load(trained_artifact).select("1.5B")
    assert "1.5B: prompts up to" in outcome.out
    expected = longest_answer(predictor, 512, Demand(Limits(latency_s=5.0))).output_tokens
    assert any(row[0] == "512" and f"{expected:,}" in row[1:] for row in rows)


def test_a_frontier_marks_what_was_not_measured(run: Run, asked: tuple[object, ...]) -> None:
    """As ``predict`` marks it, and only there; the mark is explained where it stands."""
    rows = {
        line.split()[0]: line.split()[1:]
        for line in run(*asked, *LATENCY).out.splitlines()
        if line.strip()[:1].isdigit() and ":" not in line
    }
    predictor = Predictor.load(str(asked[2])).select("1.5B")
    for prompt, (answer, *mark) in rows.items():
        lengths = (int(prompt.replace(",", "")), int(answer.replace(",", "").replace("-", "1")))
        assert mark == (["*"] if answer != "-" and predictor(*lengths).extrapolated else [])
    assert {len(row) for row in rows.values()} == {1, 2}
    line = "* outside the measured token range"
    assert line in run(*asked, *LATENCY).out
    assert line not in run(*asked, "--max-ttft-s", 0.001).out


def test_a_cap_that_cannot_be_shown_is_worded_so(run: Run, trained_artifact: Path) -> None:
    """Where only an unmetered phase breaks it; idling above it, or another limit, does break it."""
    plan = ("plan", "-a", trained_artifact)
    why = (
        "cannot be shown: power of prefill was not measured, so it counts with the device's "
        "limit of 60 W"
    )
    for option in ("-i", "-o"):
        outcome = run(*plan, "-m", "1.5B", option, 400, "--max-power-w", 30)
        assert outcome.code == 1
        assert "nothing can be shown to keep the limits" in outcome.out
        assert f"the limit of mean power {why}" in outcome.out
    rows = run(*plan, "-i", 400, "--max-power-w", 30)
    assert rows.out.count("mean power not shown") == 2
    assert f"7B: the limit of mean power {why}" in rows.out
    assert "one token alone breaks" not in rows.out
    assert f"1.5B: nothing, the limit of mean power {why}" in run(*plan, "--max-power-w", 30).out
    (told,) = json.loads(run(*plan, "-m", "1.5B", "-i", 400, "--max-power-w", 30, "--json").out)
    assert why.endswith(told["unshown"])
    for limits in (("--max-power-w", 5), ("--max-power-w", 30, "--max-ttft-s", 0.001)):
        for given in (("-i", 400), ()):
            broken = run(*plan, "-m", "1.5B", *given, *limits)
            assert broken.code == 1
            assert "shown" not in broken.out
    loose = run(*plan, "-m", "1.5B", "-i", 400, "--max-power-w", 60)
    assert loose.code == 0
    assert "shown" not in loose.out


def test_a_frontier_ends_with_the_context(run: Run, asked: tuple[object, ...]) -> None:
    """No prompt fills it, and nothing at all has code 1."""
    outcome = run(*asked, *LATENCY, "--context-tokens", 64)
    assert [line.split() for line in outcome.out.splitlines() if line.strip().startswith("32 ")]
    assert not [line for line in outcome.out.splitlines() if line.strip().startswith("64 ")]
    nothing = run(*asked, "--max-ttft-s", 0.001)
    assert nothing.code == 1
    assert "nothing, one token alone breaks a limit" in nothing.out


def test_an_infeasible_plan_has_its_own_code(run: Run, asked: tuple[object, ...]) -> None:
    """It says which limit the shortest request breaks and by how much, also as JSON."""
    limits = ("--max-ttft-s", 0.01, "--max-latency-s", 5)
    for given, words in (
        (("-i", 400), "1 output token after 400 input tokens breaks the limit of TTFT by"),
        (("-o", 400), "1 input token before 400 output tokens breaks the limit of latency by"),
    ):
        outcome = run(*asked, *given, *limits)
        assert outcome.code == 1
        assert "nothing keeps the limits with a probability of 95 %" in outcome.out
        assert words in outcome.out
    told = run(*asked, "-i", 400, *limits, "--json")
    assert told.code == 1
    (plan,) = json.loads(told.out)
    assert (plan["feasible"], plan["output_tokens"]) == (False, None)
    assert [one["limit"] for one in plan["broken"]] == ["ttft_s"]


def test_the_context_is_named_where_it_ends_a_plan(run: Run, asked: tuple[object, ...]) -> None:
    """Alone and in a row."""
    options = ("--max-ttft-s", 5, "--context-tokens", 2_048)
    alone = run(*asked, "-i", 400, *options)
    assert "at most 1,648 output tokens" in alone.out
    assert "no limit ends it, but the context of 2,048 tokens" in alone.out
    rows = run(*asked, "-i", 400, "-i", 500, *options).out.splitlines()
    assert len([row for row in rows if row.startswith("1.5B") and row.endswith("context")]) == 2


def test_several_answers_at_once_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Where they were measured, the plan says how many there are."""
    model = with_limit(lawful_model(COMBINATIONS[0], 3), LIMIT_W)
    demand = Demand(Limits(energy_j=1e300), parallel=3, context_tokens=20)
    show_plan(Console(width=100), longest_answer(ModelPredictor(model), 10, demand))
    assert "at most 10 output tokens with a probability of 95 %, 3 answers at once" in (
        capsys.readouterr().out
    )


def test_power_modes_are_told_apart(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """The conditions stand beside each model once they differ."""
    model = next(m for m in load_artifact(trained_artifact).models if m.record.name == "1.5B")
    record = msgspec.structs.replace(model.record, power_mode="15w")
    save_artifact(tmp_path / "two", [model, type(model)(record, model.formulas, model.weights)])
    asked = ("plan", "-a", tmp_path / "two", *LATENCY)
    for given in (("-i", 400), ()):
        both = run(*asked, *given, "--plot", "f.png") if not given else run(*asked, *given)
        assert "jetson-agx-orin-64gb, 15w, vllm, bf16" in both.out
        assert "jetson-agx-orin-64gb, maxn, vllm, bf16" in both.out
    one = run(*asked, "-m", "1.5B", "--power-mode", "15w", "-i", 400)
    assert "on jetson-agx-orin-64gb, 15w, vllm, bf16" in one.out


def test_the_frontier_is_drawn(run: Run, trained_artifact: Path, clean_place: Path) -> None:
    """As PNG or SVG, by suffix, with the limits and the models named."""
    for name in ("f.png", "f.SVG"):
        assert run("plan", "-a", trained_artifact, *LATENCY, "--plot", name).code == 0
    assert is_png(clean_place / "f.png")
    words = words_of(clean_place / "f.SVG")
    for one in ("Longest answers on jetson-agx-orin-64gb", "latency at most", "1.5B", "7B"):
        assert one in words


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-i", "400"], ["one limit of --max-latency-s, --max-ttft-s", "--max-cost, got none"]),
        (
            ["-i", "400", "--max-latency-s", "0"],
            ["expected --max-latency-s to be above 0", "got 0"],
        ),
        (["-i", "400", "--max-power-w", "nan"], ["expected --max-power-w", "nan"]),
        (["-i", "400", "--max-energy-j", "much"], ["--max-energy-j"]),
        (["-i", "400", "--max-latency-s", "5", "--confidence", "0.5"], ["between 0.75 and 0.995"]),
        (
            ["-i", "4", "--max-latency-s", "5", "--max-cost", "1", "--confidence", "0.995"],
            ["0.99 for 2 limits together"],
        ),
        (["-i", "4", "-o", "4", "--max-latency-s", "5"], ["--input-tokens or --output-tokens"]),
        (["-i", "-4", "--max-latency-s", "5"], ["--input-tokens", "got -4"]),
        (["-o", "-4", "--max-latency-s", "5"], ["--output-tokens", "got -4"]),
        (
            ["-i", "64", "--max-latency-s", "5", "--context-tokens", "64"],
            ["expected --input-tokens to leave room"],
        ),
        (["--max-latency-s", "5", "--context-tokens", "1"], ["--context-tokens", "got 1"]),
        (["--max-latency-s", "5", "--parallel", "0"], ["expected --parallel", "got 0"]),
        (["--max-latency-s", "1e300"], ["--max-latency-s to be between", "1e+12, got 1e+300"]),
        (["--max-cost", "1e-300"], ["--max-cost to be between"]),
        (["--max-cost", "1", "--device-price", "1e300"], ["--device-price to be between"]),
        (["--max-cost", "1", "--confidence", "0.2"], ["expected --confidence between"]),
        (["--max-latency-s", "5", "--parallel", "4"], ["4 samples at once, of which no row"]),
        (["--max-latency-s", "5", "--plot", "f.pdf"], ["--plot FILE to end in .png or .svg"]),
        (["-i", "4", "--max-latency-s", "5", "--plot", "f.png"], ["--plot without"]),
        (["--max-ttft-s", "0.001", "--plot", "f.png"], ["no request keeps the limits"]),
        (["--prompt-file", "p.png", *PLOT], ["--plot to name another file than the input"]),
        (["--tokenizer", "p.png", *PLOT], ["--plot to name another file than the input"]),
        (["--prompt-file", "p.txt", "--max-latency-s", "5"], ["--tokenizer together"]),
        (["-i", "4", "--max-cost", "1", "--price-per-kwh", "-1"], ["--price-per-kwh"]),
        (["-i", "4", "--max-latency-s", "5", "--device", "mars"], ["'1.5B' on mars"]),
    ],
)
def test_wrong_input_is_refused(
    run: Run, asked: tuple[object, ...], options: list[str], words: list[str]
) -> None:
    """One clear line, code 2, nothing on standard output."""
    refused(run(*asked, *options), *words)


def test_planning_imports_nothing_heavy(trained_artifact: Path) -> None:
    """Plans and frontiers are plain Python."""
    for given in (("-i", 400), ()):
        ended = in_a_new_process(PROBE, "plan", "-a", trained_artifact, *given, *LATENCY)
        assert ended.stdout.splitlines()[-1] == "LOADED 0", ended.stderr


def test_a_picture_without_its_package_names_the_extra(trained_artifact: Path) -> None:
    """Everything else works without the package that draws."""
    asked: tuple[Any, ...] = ("plan", "-a", trained_artifact, *LATENCY, "--plot", "f.png")
    ended = in_a_new_process(BLOCKED, "vl_convert", *asked)
    assert ended.returncode == 2
    assert "pip install 'token2metrics[plot]'" in " ".join(ended.stderr.split())
