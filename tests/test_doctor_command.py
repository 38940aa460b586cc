"""The doctor as a user runs it, and inside training."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.conftest import ORIN, Run, refused, write_rows
from tests.doctoring import Row, sound_rows
from token2metrics.data.bundled import bundled_paths
from token2metrics.training.choice import FitOptions, TrainingOptions, choose_experiments
from token2metrics.training.read import prepare_groups

NOISE = 0.01
OUTLIER = 4
CONDITIONS = ("device", "power_mode", "runtime", "precision")
HEADER = '"n_prompt","n_gen","avg_ns","stddev_ns","model_filename","backends","test_time"'


def write_table(path: Path, rows: list[Row]) -> Path:
    """Write rows as a canonical CSV file."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, names)
        writer.writeheader()
        writer.writerows(rows)
    return path


def with_outlier() -> list[Row]:
    """Return sound rows, of which number 4 took ten times as long as it should."""
    rows = sound_rows(NOISE)
    rows[OUTLIER - 1]["latency_s"] *= 10
    rows[OUTLIER - 1]["energy_j"] *= 10
    return rows


def in_milliseconds() -> list[Row]:
    """Return sound rows with their prefills in milliseconds."""
    rows = sound_rows(NOISE)
    for row in rows:
        if row["phase"] == "prefill":
            row["latency_s"] *= 1_000
            row["energy_j"] *= 1_000
    return rows


def test_sound_measurements(run: Run, tmp_path: Path) -> None:
    """Nothing is wrong: the exit code is 0."""
    outcome = run("doctor", write_table(tmp_path / "a.csv", sound_rows(NOISE)))
    assert outcome.code == 0
    assert outcome.out.strip() == "117 rows of 1 file examined: nothing must be fixed"


def test_what_training_sets_aside_by_itself_need_not_be_fixed(run: Run, tmp_path: Path) -> None:
    """An outlier is a warning with its row and the numbers compared; the exit code is 0."""
    outcome = run("doctor", write_table(tmp_path / "a.csv", with_outlier()))
    assert outcome.code == 0
    for words in ("single outlier", "row 4", "latency_s of its neighbours", "row not used"):
        assert words in outcome.out


def test_something_must_be_fixed(run: Run, tmp_path: Path) -> None:
    """Milliseconds are an error: the exit code is 1."""
    outcome = run("doctor", write_table(tmp_path / "a.csv", in_milliseconds()))
    assert outcome.code == 1
    assert "unit of time" in outcome.out
    assert "something must be fixed" in outcome.out


def test_json(run: Run, tmp_path: Path) -> None:
    """Everything that is shown, and every bad row, is in the JSON."""
    path = write_table(tmp_path / "a.csv", in_milliseconds())
    outcome = run("doctor", path, "--json")
    found = json.loads(outcome.out)
    assert outcome.code == 1
    assert found["files"] == [str(path)]
    assert found["must_be_fixed"]
    (defect,) = found["defects"]
    assert defect["name"] == "unit of time"
    assert defect["severity"] == "error"
    assert [one["row"] for one in defect["evidence"]] == list(range(1, 10))
    assert {one["file"] for one in defect["evidence"]} == {str(path)}
    assert all(one["found"] > one["expected"] for one in defect["evidence"])


def test_the_order_of_files_does_not_matter(run: Run, tmp_path: Path) -> None:
    """Files are examined together, and each row is named with its file."""
    sound = write_table(tmp_path / "a.csv", sound_rows(NOISE))
    bad = write_table(tmp_path / "b.csv", with_outlier())
    defects = [
        json.loads(run("doctor", *files, "--json").out)["defects"]
        for files in ((sound, bad), (bad, sound))
    ]
    for found in defects:
        outlier = next(defect for defect in found if defect["name"] == "single outlier")
        assert [(one["file"], one["row"]) for one in outlier["evidence"]] == [(str(bad), OUTLIER)]


def test_the_bundled_measurements_need_no_correction(run: Run) -> None:
    """What the project itself carries is sound."""
    assert run("doctor", *bundled_paths()).code == 0


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("absent.csv", None, "got nothing; check the path"),
        ("empty.csv", "", "got an empty file"),
        ("shopping.csv", "what,price\nbread,3\n", "as canonical table it lacks device"),
        ("notes.txt", "bring bread\n", "of another tool it is of no known format"),
    ],
)
def test_unreadable_files(
    run: Run, tmp_path: Path, name: str, content: str | None, words: str
) -> None:
    """What cannot be read is refused in one line, with the code for it."""
    if content is not None:
        (tmp_path / name).write_text(content)
    refused(run("doctor", tmp_path / name), words)


def test_no_file(run: Run) -> None:
    """A file must be named."""
    assert run("doctor").code == 2


def test_a_ragged_file_of_another_tool(run: Run, tmp_path: Path) -> None:
    """A llama-bench table with a name more than it has cells: no cell belongs to its column."""
    path = tmp_path / "bench.csv"
    cells = '"512","0","70000000","100","a.gguf","CUDA","2025-01-01T00:00:00Z"'
    path.write_text(f'{HEADER},"repack"\n{cells}\n{cells}\n')
    outcome = run("doctor", path, "--json")
    found = json.loads(outcome.out)
    assert outcome.code == 1
    (defect,) = found["defects"]
    assert defect["name"] == "ragged line"
    assert [(one["row"], one["found"], one["expected"]) for one in defect["evidence"]] == [
        (1, 7.0, 8.0),
        (2, 7.0, 8.0),
    ]
    assert str(path) in found["unreadable"]


def test_a_ragged_canonical_file(run: Run, tmp_path: Path) -> None:
    """A surplus field is found with the numbers of fields; the line itself is not used."""
    path = write_table(tmp_path / "a.csv", sound_rows(NOISE))
    lines = path.read_text().splitlines()
    lines[2] += ",surplus"
    path.write_text("\n".join(lines))
    outcome = run("doctor", path, "--json")
    (defect,) = json.loads(outcome.out)["defects"]
    assert outcome.code == 1
    assert defect["name"] == "ragged line"
    assert [one["row"] for one in defect["evidence"]] == [2]


def test_a_repeated_column(run: Run, tmp_path: Path) -> None:
    """Such a file cannot be read, and the doctor says which name stands twice."""
    path = write_table(tmp_path / "a.csv", sound_rows(NOISE))
    header, _, rest = path.read_text().partition("\n")
    path.write_text(f"{header},latency_s\n" + "".join(f"{line},1\n" for line in rest.split()))
    outcome = run("doctor", path)
    assert outcome.code == 1
    assert "column 'latency_s'" in outcome.out


def test_a_run_in_which_every_request_failed(run: Run, tmp_path: Path) -> None:
    """``vllm bench serve`` writes a time to the first token of 0 when nothing was answered."""
    path = tmp_path / "run.json"
    statistics = {f"{word}_ttft_ms": 0.0 for word in ("mean", "median")}
    counts = {"completed": 0, "total_input_tokens": 0, "total_output_tokens": 0}
    run_of_zeros = {"backend": "vllm", "model_id": "m", "duration": 3.0, "num_prompts": 4}
    arrays = {"request_throughput": 0.0, "input_lens": [8], "output_lens": [0], "ttfts": [0.0]}
    path.write_text(json.dumps(run_of_zeros | counts | statistics | arrays | {"itls": [[]]}))
    outcome = run("doctor", path)
    assert outcome.code == 1
    assert "failed run" in outcome.out


def test_training_sets_bad_rows_aside(clean_place: Path) -> None:
    """The row is rejected with the rule's words, and counted; the defect is in the record."""
    rows = [row | on_the_orin() for row in sound_rows(NOISE) if row["phase"] != "request"]
    rows[-1] |= {"latency_s": 5.0, "energy_j": 150.0}
    path = write_table(clean_place / "rows.csv", rows)
    options = TrainingOptions(models=("8B",), data=(path,), fit=FitOptions("roofline"))
    (prepared,) = prepare_groups(choose_experiments(options, None))
    assert prepared.reading.rejected_counts == {"output cut short": 1}
    assert [one.not_used for one in prepared.reading.files] == [1]
    rejected = prepared.data.rejected.row(0, named=True)
    assert (rejected["row"], rejected["latency_s"]) == (len(rows), "5.0")
    assert rejected["reason"].startswith("a long output faster than shorter ones")
    defects = {one.name: one.rows for one in prepared.reading.defects}
    assert defects["output cut short"] == 1


def test_training_drops_energies_that_cannot_be_right(clean_place: Path) -> None:
    """The latency is used, the energy is not, and the reason is counted."""
    steady = [
        f"dsr1-llama-8b,decode,{i},{o},1,{o / 10},{o / 10 * watts},,,{source}"
        for source, watts, count in (("one", 25, 30), ("other", 44, 10))
        for i, o in zip(
            range(130, 130 + 97 * count, 97), range(40, 40 + 51 * count, 51), strict=True
        )
    ]
    path = write_rows(clean_place / "rows.csv", *steady)
    options = TrainingOptions(models=("8B",), data=(path,))
    (prepared,) = prepare_groups(choose_experiments(options, None))
    assert prepared.reading.rejected_counts == {}
    assert prepared.reading.energy_set_aside == {"two power definitions": 10}


def test_warnings_are_logged_and_notes_are_not(
    clean_place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Training on the bundled rows says nothing of them; a slow row is told of."""
    choice = choose_experiments(TrainingOptions(models=("8B",)), None)
    (sound,) = prepare_groups(choice)
    assert {one.severity for one in sound.reading.defects} == {"note"}
    assert not caplog.records
    path = write_table(clean_place / "rows.csv", [row | on_the_orin() for row in with_outlier()])
    prepare_groups(choose_experiments(TrainingOptions(models=("8B",), data=(path,)), None))
    assert [one.getMessage() for one in caplog.records] == [
        "single outlier, rows: 1 (row not used): measure it again, or remove it"
    ]


def on_the_orin() -> Row:
    """Return the columns that make a row one of model 8B on the Orin."""
    where = dict(zip(CONDITIONS, ORIN.split(","), strict=True))
    return where | {"model": "dsr1-llama-8b"}
