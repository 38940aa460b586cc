"""``bench``: fair draws, errors that can be checked by hand, its tables and what it refuses."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.conftest import Run, refused, write_rows
from tests.synthetic import EDGE, MODEL, RAIL, Row, experiment, on_server, prepared, row
from tests.test_imports import in_a_new_process
from token2metrics.bench.contender import Array, Forecast
from token2metrics.bench.plan import parse_shots
from token2metrics.bench.roster import ROSTER, choose_names
from token2metrics.bench.run import percentage_errors
from token2metrics.bench.splits import Draw, draw_rows, kinds, leaves_rows
from token2metrics.errors import ConfigurationError
from token2metrics.vocabulary import Phase

PROMPTS = (40, 100, 180, 300, 420, 700, 900, 1_200)
SHOTS = 3
LIGHT = ("--only", "llm-d", "--only", "edgereasoning", "--only", "wilkins")
PROBE = """
import sys
from token2metrics.cli.app import main
try:
    main(sys.argv[1:])
except SystemExit as stop:
    code = stop.code
heavy = HEAVY | {"sklearn", "lightgbm", "xgboost"}
print("LOADED", code, *sorted({name.partition(".")[0] for name in sys.modules} & heavy))
"""


def answer_to(prompt: int) -> int:
    """Return the output tokens of a prompt."""
    return 20 + prompt // 2


def table() -> list[Row]:
    """Return eight requests as phases, whole requests of another length, and other rows."""
    prefill = [row(Phase.PREFILL, (prompt, 1), 0.01 + prompt / 5_000) for prompt in PROMPTS]
    decode = [
        row(Phase.DECODE, (prompt, answer_to(prompt)), 0.02 * answer_to(prompt))
        for prompt in PROMPTS
    ]
    request = [row(Phase.REQUEST, (prompt, 7), 1.0) for prompt in PROMPTS]
    own = [*prefill, *decode, *request]
    return [*own, *on_server(own), *({**one, "model": "sibling"} for one in own)]


@pytest.fixture
def measurements(tmp_path: Path) -> Path:
    """Return a file with eight metered requests of one model on the Orin."""
    rows = []
    for prompt in PROMPTS:
        answer = answer_to(prompt)
        prefill_s, decode_s = 0.01 + prompt / 5_000, 0.025 * (answer - 1) + 1e-6 * answer * prompt
        window_s = decode_s + 1.0
        rows += [
            f"1.5B,prefill,{prompt},1,1,{prefill_s},,,,test",
            f"1.5B,decode,{prompt},{answer},1,{decode_s},{20 * window_s},{window_s},{RAIL},test",
        ]
    return write_rows(tmp_path / "rows.csv", *rows)


def draws_of(rows: list[Row], shots: int = SHOTS, seed: int = 0) -> list[Draw]:
    """Draw from rows four times."""
    return list(draw_rows(prepared(rows).rows, experiment(), shots, 4, seed))


def own(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of the model on the device."""
    return rows.filter(pl.col("device") == EDGE, pl.col("model") == MODEL)


def test_a_draw_knows_as_many_rows_of_each_kind() -> None:
    """Every kind gives its shots; the others are held; nothing else is taken away."""
    every = prepared(table()).rows
    for draw in draws_of(table()):
        assert kinds(own(draw.known)) == dict.fromkeys(Phase, SHOTS)
        assert kinds(draw.held) == dict.fromkeys(Phase, len(PROMPTS) - SHOTS)
        together = pl.concat([draw.known, draw.held])
        assert together.sort(pl.all()).equals(every.sort(pl.all()))
        assert own(draw.held).equals(draw.held)


def test_a_shot_is_a_request() -> None:
    """The drawn prefill rows are those of the drawn decode rows, where there are such."""
    for draw in draws_of(table()):
        known = own(draw.known)
        prompts = [
            set(known.filter(pl.col("phase") == phase)["input_tokens"])
            for phase in ("prefill", "decode")
        ]
        assert prompts[0] == prompts[1]


def test_draws_differ_and_repeat() -> None:
    """The same seed draws the same rows, another seed or number others."""
    first, again, other = (draws_of(table(), seed=seed) for seed in (0, 0, 1))
    assert all(a.held.equals(b.held) for a, b in zip(first, again, strict=True))
    assert not all(a.held.equals(b.held) for a, b in zip(first, other, strict=True))
    assert not first[0].held.equals(first[1].held)


def test_a_small_kind_is_known_as_a_whole() -> None:
    """A kind without a row to spare is not tested; without any such kind nothing is."""
    rows = [one for one in table() if one["phase"] != "prefill" or one["input_tokens"] == 40]
    mine = own(prepared(rows).rows)
    for draw in draws_of(rows):
        assert kinds(own(draw.known))[Phase.PREFILL] == 1
        assert Phase.PREFILL not in kinds(draw.held)
    assert leaves_rows(mine, len(PROMPTS) - 1)
    assert not leaves_rows(mine, len(PROMPTS))


@dataclass(frozen=True)
class Constant(Forecast):
    """Forecasts a tenth more than one second of prefill, and a tenth less than ten joules."""

    def latency_s(self, phase: Phase, input_tokens: Array, output_tokens: Array) -> Array | None:
        """Return 1.1 s for prefill only."""
        return np.full_like(input_tokens, 1.1) if phase is Phase.PREFILL else None

    def energy_j(self, phase: Phase, input_tokens: Array, output_tokens: Array) -> Array | None:
        """Return 9 J."""
        return np.full_like(input_tokens, 9.0)


def test_errors_are_those_of_hand() -> None:
    """Only rows that were measured, and phases with a say, are compared."""
    rows = [
        row(Phase.PREFILL, (10, 1), 1.0),
        row(Phase.PREFILL, (20, 1), 2.0, energy_j=10.0, power_rail=RAIL),
        row(Phase.DECODE, (20, 5), 2.0, energy_j=5.0, power_rail=RAIL),
    ]
    found = {
        (phase, metric): errors.tolist()
        for phase, metric, errors in percentage_errors(Constant(), prepared(rows).rows)
    }
    assert found == {
        (Phase.PREFILL, "latency"): pytest.approx([10.0, 45.0]),
        (Phase.PREFILL, "energy"): pytest.approx([10.0]),
        (Phase.DECODE, "energy"): pytest.approx([80.0]),
        (Phase.REQUEST, "energy"): pytest.approx([40.0]),
    }


def test_every_contender_is_compared(run: Run, measurements: Path) -> None:
    """The tables hold every contender with a say, and the notes why the others have none."""
    outcome = run("bench", "-d", measurements, "--shots", "1,4,8", "--draws", 1)
    assert outcome.code == 0, outcome.err
    shown = " ".join(outcome.out.split())
    for words in (
        "16 rows read",
        "1.5B on jetson-agx-orin-64gb, prefill latency: median / p90 error %",
        "decode energy: median / p90 error %",
        "request latency: median / p90 error %",
        "1 shot 4 shots",
        "over 1 draw (seed 0)",
        "(1.5B, 8 shots): decode has 8 rows, all not compared",
        "wilkins, wilkins-relative (1.5B, 1 shot): latency of request needs 3 rows",
        "original-ratio-forest (1.5B): needs rows of the model",
        "edgereasoning-published",
        "ecologits (1.5B): made for batches of 64",
        "ours (1.5B): energy is what the meter of the known rows reads",
    ):
        assert words in shown
    for name in ("edgereasoning", "lightgbm", "xgboost", "isotonic", "llm-d", "ours"):
        assert f"\n{name} " in outcome.out
    assert "8 shots  " not in outcome.out


def test_json_alone_on_standard_output(run: Run, measurements: Path) -> None:
    """``--json`` prints the same figures, each with what it is about, and the same twice."""
    command = ("bench", "-d", measurements, "-m", "1.5B", *LIGHT, "--shots", "5", "--json")
    found = json.loads(run(*command).out)
    assert found["shots"] == [5]
    assert [one["name"] for one in found["contenders"]] == ["edgereasoning", "wilkins", "llm-d"]
    scores = {(s["contender"], s["phase"], s["metric"]): s for s in found["scores"]}
    exact = scores["edgereasoning", "prefill", "latency"]
    assert exact["rows"] == 5 * (len(PROMPTS) - 5)
    assert exact["fits"] == 5
    assert exact["model"] == "dsr1-qwen-1.5b"
    assert 0 <= exact["median_ape_percent"] <= exact["p90_ape_percent"]
    assert ("wilkins", "request", "latency") in scores
    assert ("llm-d", "decode", "energy") not in scores
    again = json.loads(run(*command).out)
    assert {**again, "seconds": 0} == {**found, "seconds": 0}


def test_models_without_rows_are_passed_over(run: Run, measurements: Path) -> None:
    """Without a name every model with rows takes part; a named one must have some."""
    outcome = run("bench", "-d", measurements, *LIGHT, "--shots", 2, "--json")
    assert {score["name"] for score in json.loads(outcome.out)["scores"]} == {"1.5B"}
    command = ("bench", "-d", measurements, "-m", "8B", *LIGHT)
    refused(run(*command), "expected more than 1 rows of dsr1-llama-8b", "got none", "--data")


def test_an_experiment_file_names_the_model(run: Run, measurements: Path) -> None:
    """``--config`` compares on the experiment of a file alone."""
    config = Path(__file__).parent.parent / "configs/qwen_1_5b.py"
    outcome = run("bench", "-d", measurements, "-c", config, *LIGHT, "--shots", 4, "--json")
    assert {score["name"] for score in json.loads(outcome.out)["scores"]} == {"1.5B"}


def test_a_missing_library_is_a_note(
    run: Run, measurements: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison goes on without the contender, and says how to get it."""
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    only = ("--only", "lightgbm", "--only", "llm-d")
    outcome = run("bench", "-d", measurements, *only, "--shots", 3, "--draws", 1)
    assert outcome.code == 0
    assert "lightgbm (1.5B): lightgbm needs the package 'lightgbm'" in outcome.out
    assert "pip install 'token2metrics[bench]'" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--shots", "1,two"], ["--shots", "1,3,5,10", "'1,two'"]),
        (["--shots", "0"], ["--shots"]),
        (["--shots", ""], ["--shots"]),
        (["--draws", "0"], ["--draws"]),
        (["--seed", "-1"], ["--seed"]),
        (["--only", "oracle"], ["--only", "'oracle'", "edgereasoning"]),
        (["-m", "unheard-of"], ["unheard-of"]),
        (["-c", "nowhere.py"], ["nowhere.py"]),
        (["-d", "nowhere.csv"], ["nowhere.csv"]),
        (["-d", "rows.csv", "--shots", "8"], ["expected more than 8 rows", "8 of prefill"]),
        (["-d", "rows.csv", "--power-mode", "15w"], ["power_mode", "maxn"]),
        (["-d", "rows.csv", "--device", "mars"], ["mars"]),
    ],
)
def test_wrong_input_is_refused(
    run: Run, measurements: Path, arguments: list[str], words: list[str]
) -> None:
    """Wrong options, names, files and too few rows are refused in one line."""
    refused(run("bench", *arguments), *words)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["bench", "--help"], 0),
        (["bench", "--bogus"], 2),
        (["bench", "--shots", "none"], 2),
        (["bench", "--only", "oracle"], 2),
        (["bench", "-m", "unheard-of"], 2),
    ],
)
def test_help_and_errors_are_light(arguments: list[str], code: int) -> None:
    """They answer without any numerical library; experiment files need their validation."""
    ended = in_a_new_process(PROBE, *arguments)
    assert ended.stdout.splitlines()[-1].removesuffix(" pydantic") == f"LOADED {code}", ended.stderr


def test_shots_and_names_are_put_in_order() -> None:
    """Repeats go, numbers rise, and contenders keep the order of the tables."""
    assert parse_shots(" 10, 1,3,1") == (1, 3, 10)
    assert choose_names(["ours", " Wilkins "]) == ("wilkins", "ours")
    assert choose_names([]) == tuple(ROSTER)
    with pytest.raises(ConfigurationError, match="separated by commas"):
        parse_shots("1;3")
