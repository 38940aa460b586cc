"""``next-points`` as a user runs it: tables, JSON, plans for ``measure``, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run, refused, write_rows
from tests.test_imports import BLOCKED, in_a_new_process
from token2metrics.measure.plan import Point, build_plan

WORKLOAD = "ContextTokens,GeneratedTokens\n300,40\n300,40\n500,60\n"


def answer(run: Run, *options: object) -> dict[str, Any]:
    """Return the answer of the command as JSON."""
    outcome = run("next-points", *options, "--json")
    assert outcome.code == 0, outcome.err
    found: dict[str, Any] = json.loads(outcome.out)
    return found


def test_the_table_says_what_to_measure_and_what_it_brings(run: Run) -> None:
    """A line for now, a line per point, and what all of it rests on; five points by default."""
    outcome = run("next-points", "--model", "1.5B", "--output", "plan.csv")
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    assert lines[0] == "dsr1-qwen-1.5b on jetson-agx-orin-64gb, what to measure next"
    assert [line.split()[0] for line in lines[3:9]] == ["now", "1", "2", "3", "4", "5"]
    assert "3 repeats of each" in outcome.out
    assert "known already: 17 rows of dsr1-qwen-1.5b" in outcome.out
    assert "prefill by roofline, prior from siblings" in outcome.out
    assert "measure --plan plan.csv" in outcome.out


def test_the_plan_is_one_of_measure(run: Run) -> None:
    """Points come back from the file as they were designed, in their order."""
    found = answer(run, "-m", "7B", "--points", 4, "--output", "out/plan.csv")
    designed = tuple(Point(p["input_tokens"], p["output_tokens"]) for p in found["points"])
    assert build_plan("out/plan.csv", 1, 1) == designed
    assert len(designed) == 4


def test_a_target_ends_the_plan(run: Run) -> None:
    """With as many points as it takes, said in a sentence; out of reach is said too."""
    options = ("next-points", "-m", "7B", "--target-percent")
    assert "bring the p90 error of request below" in " ".join(
        run(*options, 1.5).out.replace("brings", "bring").split()
    )
    assert "is expected below 50.0 % already" in run(*options, 50).out
    never = run(*options, 0.1, "--phase", "prefill", "--points", 2)
    assert "2 points bring the p90 error of prefill to" in never.out
    assert "not below 0.100 %" in never.out
    found = answer(run, "-m", "7B", "--target-percent", 1.5)
    assert found["points"][-1]["p90_error_percent"]["request"] <= 1.5
    assert found["reached_after"] == len(found["points"])


def test_minutes_are_kept(run: Run) -> None:
    """Repeats included."""
    found = answer(run, "-m", "14B", "--minutes", 1, "--repeats", 2, "--points", 6)
    assert 0.0 < sum(point["seconds"] for point in found["points"]) <= 60.0


def test_a_workload_is_what_counts(run: Run, clean_place: Path) -> None:
    """Its requests are the ones that errors are expected over, and its longest the limits."""
    (clean_place / "trace.csv").write_text(WORKLOAD)
    found = answer(run, "-m", "1.5B", "--workload", "trace.csv", "--points", 3)
    assert found["requests"] == 3
    assert max(point["input_tokens"] for point in found["points"]) <= 500
    assert max(point["output_tokens"] for point in found["points"]) <= 60


def test_nothing_measured_starts_from_beliefs(run: Run) -> None:
    """An unknown device, and a power mode nobody measured, have no rows of their own."""
    unknown = answer(run, "-m", "1.5B", "--device", "orin-nano", "--points", 2)
    assert (unknown["device"], unknown["own_rows"]) == ("orin-nano", 0)
    outcome = run("next-points", "-m", "1.5B", "--power-mode", "15w", "--points", 2)
    assert outcome.code == 0, outcome.err
    assert "known already: 0 rows" in outcome.out
    assert "rows under other conditions say what to believe" in " ".join(outcome.err.split())
    known = answer(run, "-m", "1.5B", "--points", 2)
    assert known["now"]["request"] < unknown["now"]["request"]


def test_rows_of_a_file_are_known(run: Run, clean_place: Path) -> None:
    """A setting that was measured is not asked for again."""
    rows = [f"dsr1-qwen-1.5b,prefill,{n},1,1,{n * 2e-4 + 0.04},,,,mine" for n in (64, 512, 900)]
    file = write_rows(clean_place / "rows.csv", *rows)
    found = answer(run, "-m", "1.5B", "--data", file, "--points", 6)
    assert found["own_rows"] == 3
    assert not {64, 512, 900} & {
        point["input_tokens"] for point in found["points"] if point["output_tokens"] == 1
    }


def test_requests_without_decode_have_no_decode_error(run: Run) -> None:
    """A dash in the table, and every point is a prefill alone."""
    found = answer(run, "-m", "1.5B", "--max-output-tokens", 1, "--points", 2)
    assert found["now"]["decode"] is None
    assert {point["output_tokens"] for point in found["points"]} == {1}
    shown = run("next-points", "-m", "1.5B", "--max-output-tokens", 1, "--points", 2)
    assert [line.split()[2] for line in shown.out.splitlines() if line.startswith("now")] == ["-"]


def test_an_artifact_tells_family_and_files(run: Run, trained_artifact: Path) -> None:
    """What a training chose is what is designed for."""
    found = answer(run, "-m", "1.5B", "--artifact", trained_artifact, "--points", 2)
    assert found["law"]["prefill"].startswith("roofline, log_ratio from")
    assert found["own_rows"] == 17


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-m", "unheard-of"), "unknown model 'unheard-of'"),
        (("-m", "1.5B", "--target-percent", "0"), "--target-percent to be above zero"),
        (("-m", "1.5B", "--target-percent", "nan"), "--target-percent to be above zero"),
        (("-m", "1.5B", "--minutes", "-3"), "--minutes to be above zero"),
        (("-m", "1.5B", "--points", "30", "--max-input-tokens", "20"), "ask for fewer --points"),
        (("-m", "1.5B", "--phase", "decode", "--max-output-tokens", "1"), "judge another phase"),
        (("-m", "1.5B", "--data", "nowhere.csv"), "nowhere.csv"),
        (("-m", "1.5B", "--workload", "nowhere.csv"), "nowhere.csv"),
        (("-m", "1.5B", "--workload", "empty.csv"), "got none"),
        (("-m", "1.5B", "--output", "folder"), "cannot write folder"),
    ],
)
def test_wrong_options_are_refused(
    run: Run, clean_place: Path, options: tuple[str, ...], words: str
) -> None:
    """Each says what was expected."""
    (clean_place / "empty.csv").write_text("input_tokens,output_tokens\n0,5\n")
    (clean_place / "folder").mkdir()
    refused(run("next-points", *options), words)


def test_an_artifact_that_is_named_must_be_there(run: Run, clean_place: Path) -> None:
    """As in ``predict``; files of the user stand in for it, and the default may be absent."""
    asked = ("next-points", "-m", "1.5B", "--points", 1)
    (clean_place / "empty").mkdir()
    for name in ("nowhere", "empty"):
        refused(run(*asked, "-a", name), f"no trained model at {name}")
    (clean_place / "torn").mkdir()
    (clean_place / "torn" / "manifest.json").write_text("{")
    refused(run(*asked, "-a", "torn"), "torn/manifest.json is truncated or malformed")
    rows = [f"dsr1-qwen-1.5b,prefill,{n},1,1,{n * 2e-4 + 0.04},,,,mine" for n in (64, 512, 900)]
    file = write_rows(clean_place / "rows.csv", *rows)
    outcome = run(*asked, "-a", "nowhere", "--data", file)
    assert outcome.code == 0, outcome.err
    assert run(*asked).code == 0


@pytest.mark.parametrize(("option", "text"), [("--workload", WORKLOAD), ("--data", "rows")])
def test_what_is_read_is_not_written_over(
    run: Run, clean_place: Path, option: str, text: str
) -> None:
    """A plan by the name of a workload or of measurements is refused, and the file is kept."""
    (clean_place / "own.csv").write_text(text)
    asked = ("next-points", "-m", "1.5B", "--points", 1, option, "own.csv")
    refused(run(*asked, "--output", "./own.csv"), "--output to name another file")
    assert (clean_place / "own.csv").read_text() == text


@pytest.mark.parametrize("count", ["0", "101", "many"])
def test_wrong_counts_are_refused(run: Run, count: str) -> None:
    """By the option itself."""
    outcome = run("next-points", "-m", "1.5B", "--points", count)
    assert outcome.code == 2
    assert "--points" in outcome.err
    assert outcome.out == ""


def test_without_torch_the_extra_is_named() -> None:
    """A design needs what a training needs."""
    ended = in_a_new_process(BLOCKED, "torch", "next-points", "-m", "1.5B")
    assert ended.returncode == 2
    assert "designing measurements needs the package 'torch'" in " ".join(ended.stderr.split())
