"""The pieces of the speed benchmark: fair turns, the same requests and the same fits for all."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from benchmarks import speed
from benchmarks.paired import fastest, median_ratio, rounds_s
from benchmarks.predict_speed import answered, new_prompts
from benchmarks.protocol import Row
from benchmarks.request_lengths import MOST_TOKENS, request_lengths
from benchmarks.train_fits import Fold, Held, Task, library_calls, training_tasks
from benchmarks.train_speed import OURS, RIVALS, RIVALS_PROGRAM, Found, mean_error

ROUNDS = 4
EXACT_PERCENT = 0.5


def test_everyone_takes_a_turn_per_round_and_begins_one() -> None:
    """No contender is always first, or more often asked."""
    order: list[str] = []
    work = {name: (lambda name=name: order.append(name)) for name in "abcd"}
    taken = rounds_s(work, ROUNDS)
    assert {name: len(seconds) for name, seconds in taken.items()} == dict.fromkeys("abcd", ROUNDS)
    assert [order[turn * len(work)] for turn in range(ROUNDS)] == list("abcd")


def test_ratios_are_of_the_same_round() -> None:
    """A round in which the machine was slow for both changes nothing."""
    above, below = np.array([2.0, 20.0, 4.0]), np.array([1.0, 10.0, 1.0])
    assert median_ratio(above, below) == pytest.approx(2.0)
    assert fastest({"above": above, "below": below}) == "below"


def test_a_stream_is_never_asked_twice() -> None:
    """Each slice goes on where the last one stopped."""
    asked: list[tuple[int, int]] = []
    requests = [(prompt, 1) for prompt in range(6)]
    stream: Iterator[tuple[int, int]] = iter(requests)
    for _ in range(2):
        answered(lambda prompt, answer: asked.append((prompt, answer)), stream, 3)
    assert asked == requests


def test_lengths_are_repeatable_and_lawful(tmp_path: Path) -> None:
    """Without the trace they are drawn; with it they are its rows."""
    prompts, answers = request_lengths(1_000, None)
    assert np.array_equal(prompts, request_lengths(1_000, None)[0])
    assert prompts.min() >= 1
    assert prompts.max() <= MOST_TOKENS[0]
    assert answers.max() <= MOST_TOKENS[1]
    (tmp_path / "traces").mkdir()
    trace = tmp_path / "traces" / "AzureLLMInferenceTrace_conv.csv"
    trace.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n0,374,44\n1,396,109\n")
    prompts, answers = request_lengths(4, tmp_path)
    assert sorted(zip(prompts.tolist(), answers.tolist(), strict=True)) == [
        (374, 44),
        (374, 44),
        (396, 109),
        (396, 109),
    ]


def test_new_prompts_do_not_come_back() -> None:
    """As long as there are lengths left, every prompt is new, and the answers stay."""
    changed = new_prompts([(5, answer) for answer in range(1_000)])
    assert len({prompt for prompt, _ in changed}) == 1_000
    assert [answer for _, answer in changed] == list(range(1_000))


def test_the_fits_are_those_of_training() -> None:
    """Every row is held out by one outer fold, and no fit has seen what it is judged on."""
    tasks = training_tasks([])
    assert tasks
    assert library_calls(tasks) == sum(task.candidates * len(task.fits) for task in tasks)
    for task in tasks:
        outer = [row for fold in task.folds for row in fold.outer.rows]
        assert sorted(outer) == list(range(len(task.rows)))
        for fold in task.folds:
            for part in (fold.outer, *fold.inner):
                assert not set(part.rows) & set(task.fits[part.fit])
            for part in fold.inner:
                assert not set(fold.outer.rows) & set(task.fits[part.fit])


@pytest.mark.parametrize("contender", RIVALS)
def test_rivals_fit_every_candidate_on_every_split(contender: str, tmp_path: Path) -> None:
    """A decode that is a sum of steps and attended keys is told exactly by who can."""
    rows = [
        (prompt, steps, 1e-2 * steps + 1e-6 * (steps * prompt + steps * (steps + 1) / 2))
        for prompt in (100.0, 400.0, 900.0, 1600.0)
        for steps in (20.0, 60.0, 150.0)
    ]
    everything = list(range(len(rows)))
    folds = [everything[start::3] for start in range(3)]
    fits = [everything]
    fits += [[row for row in everything if row not in fold] for fold in folds]
    fits += [folds[2], folds[1], folds[0]]
    inner = [[(4, 1), (5, 2)], [(4, 0), (6, 2)], [(5, 0), (6, 1)]]
    task = Task(
        model="one",
        phase="decode",
        candidates=2,
        rows=rows,
        server=[],
        fits=fits,
        folds=[
            Fold(Held(place + 1, folds[place]), [Held(fit, folds[fold]) for fit, fold in parts])
            for place, parts in enumerate(inner)
        ],
    )
    file = tmp_path / "fits.json"
    file.write_bytes(msgspec.json.encode([task]))
    told = subprocess.run(
        [sys.executable, str(RIVALS_PROGRAM), contender, str(file)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    answer = json.loads(told)
    assert answer["fits"] == 2 * len(fits)
    (found,) = answer["found"]
    assert len(found["errors"]) == len(rows)
    if contender == "libraries":
        assert 100.0 * np.mean(found["errors"]) < EXACT_PERCENT


def test_errors_are_compared_where_everyone_has_one() -> None:
    """A phase that one contender could not fit counts for nobody."""
    found = {name: Found(fits_s=[1.0], errors={("one", "decode"): 2.0}) for name in (OURS, *RIVALS)}
    found[OURS].errors["one", "prefill"] = 50.0
    assert mean_error(found[OURS], found) == pytest.approx(2.0)


def test_what_breaks_does_not_hold(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One part that fails is a line that says why; the others are still measured."""
    good = Row("good", "-", "s", 1.0, None, None, None, "as said")

    def rows(part: speed.Part, quick: bool, data: Path | None) -> list[Row]:
        if part.function == "start_rows":
            raise ValueError("no start")
        return [good]

    monkeypatch.setattr(speed.Part, "rows", rows)
    app = typer.Typer()
    app.command()(speed.main)
    file = tmp_path / "rows.json"
    told = CliRunner().invoke(
        app, ["--quick", "--only", "start", "--only", "train", "--json", str(file)]
    )
    assert told.exit_code == 1
    found = json.loads(file.read_text())["rows"]
    assert [row["task"] for row in found] == ["start", "good"]
    assert "no start" in found[0]["protocol"]
    assert CliRunner().invoke(app, ["--only", "nothing"]).exit_code == 2
