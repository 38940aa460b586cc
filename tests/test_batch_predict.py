"""``batch-predict``: a table in, a table out, and no row lost."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.conftest import Run, refused
from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.save import save_artifact
from token2metrics.prediction.expressions import PREDICTED_COLUMNS
from token2metrics.prediction.predictor import Predictor

BAD_ROWS = {
    "1.5B,,5": "input_tokens is missing",
    "1.5B,5,": "output_tokens is missing",
    "1.5B,-1,5": "input_tokens is negative",
    "1.5B,1.5,5": "input_tokens is not a whole number",
    "1.5B,ten,5": "input_tokens is not a number",
    "1.5B,nan,5": "input_tokens is not a number",
    "1.5B,inf,5": "input_tokens is not a number",
    "1.5B,5,10000001": "output_tokens is above 10000000",
    "unheard-of,5,5": "no trained model of this name and device",
    ",5,5": "model is missing",
}


@pytest.fixture
def requests(tmp_path: Path) -> Path:
    """Write a table of good rows with every kind of bad row among them."""
    path = tmp_path / "requests.csv"
    rows = ["1.5B,100,50", *BAD_ROWS, "DSR1-qwen-7b, 200 ,300.0"]
    lines = ["id,model,input_tokens,output_tokens", *(f"{i},{row}" for i, row in enumerate(rows))]
    path.write_text("\n".join(lines) + "\n")
    return path


def command(artifact: Path, source: object, target: object, *more: object) -> tuple[object, ...]:
    """Return the command line."""
    return ("batch-predict", "-a", artifact, "--input-file", source, "--output-file", target, *more)


def test_good_rows_are_priced_and_bad_rows_explained(
    run: Run, trained_artifact: Path, requests: Path, tmp_path: Path
) -> None:
    """Every row ends in exactly one of two files; numbers equal those of single predictions."""
    outcome = run(*command(trained_artifact, requests, "priced.csv"))
    assert outcome.code == 0, outcome.err
    assert f"2 of {len(BAD_ROWS) + 2} requests predicted" in outcome.out
    priced = pl.read_csv(tmp_path / "priced.csv")
    assert priced.columns == ["id", "model", "input_tokens", "output_tokens", *PREDICTED_COLUMNS]
    assert priced["id"].to_list() == [0, len(BAD_ROWS) + 1]
    predictor = Predictor.load(trained_artifact)
    singly = [predictor.select("1.5B")(100, 50), predictor.select("7B")(200, 300)]
    assert priced["latency_s"].to_list() == pytest.approx([p.latency_s for p in singly])
    assert priced["decode_energy_j"].to_list() == pytest.approx([p.decode.energy_j for p in singly])
    assert priced["energy_j"].to_list() == [None, None]
    assert priced["extrapolated"].to_list() == [p.extrapolated for p in singly]
    rejected = pl.read_csv(tmp_path / "priced.rejected.csv", infer_schema=False)
    assert rejected["reason"].to_list() == list(BAD_ROWS.values())
    assert rejected["id"].to_list() == [str(i + 1) for i in range(len(BAD_ROWS))]


def test_parquet_keeps_its_columns(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """Types and further columns of a Parquet table survive; ``--model`` serves rows without one."""
    table = pl.DataFrame(
        {
            "input_tokens": [100, 200, None],
            "output_tokens": [50.0, 300.0, 1.0],
            "tags": [["a"], [], ["b", "c"]],
        }
    )
    table.write_parquet(tmp_path / "in.parquet")
    run(*command(trained_artifact, "in.parquet", "out.parquet", "-m", "1.5B"))
    priced = pl.read_parquet(tmp_path / "out.parquet")
    assert_frame_equal(priced.select(table.columns), table.head(2))
    assert priced.schema["extrapolated"] == pl.Boolean
    rejected = pl.read_csv(tmp_path / "out.rejected.csv")
    assert rejected.columns == ["input_tokens", "output_tokens", "reason"]


def test_the_column_wins_over_the_option(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """``--model`` fills only empty cells; a device column must match too."""
    (tmp_path / "in.csv").write_text(
        "model,device,input_tokens,output_tokens\n"
        "7B,,100,50\n,,100,50\n1.5B,mars,100,50\n1.5B,jetson-agx-orin-64gb,100,50\n"
    )
    outcome = run(*command(trained_artifact, "in.csv", "out.csv", "-m", "1.5B", "--json"))
    summary = json.loads(outcome.out)
    assert (summary["read_rows"], summary["predicted_rows"]) == (4, 3)
    assert summary["rejected_counts"] == {"no trained model of this name and device": 1}
    latencies = pl.read_csv(tmp_path / "out.csv")["latency_s"].to_list()
    assert latencies[1] == latencies[2] != latencies[0]


def test_an_ambiguous_model_needs_its_device(
    run: Run, trained_artifact: Path, tmp_path: Path
) -> None:
    """A model of two devices is priced where the row or the option says which."""
    model = next(m for m in load_artifact(trained_artifact).models if m.record.name == "1.5B")
    record = msgspec.structs.replace(model.record, device="other")
    save_artifact(tmp_path / "two", [model, type(model)(record, model.formulas, model.weights)])
    (tmp_path / "in.csv").write_text("model,input_tokens,output_tokens\n1.5B,100,50\n")
    outcome = run(*command(tmp_path / "two", "in.csv", "out.csv", "--json"))
    (reason,) = json.loads(outcome.out)["rejected_counts"]
    assert reason == "model trained more than once: state the device"
    outcome = run(*command(tmp_path / "two", "in.csv", "out.csv", "--device", "other", "--json"))
    assert json.loads(outcome.out)["predicted_rows"] == 1


def test_a_clean_table_leaves_no_rejections(
    run: Run, trained_artifact: Path, tmp_path: Path
) -> None:
    """Rejections of an earlier run are removed; an empty table gives an empty table."""
    (tmp_path / "out.rejected.csv").write_text("old")
    (tmp_path / "in.csv").write_text("input_tokens,output_tokens\n")
    outcome = run(*command(trained_artifact, "in.csv", "out.csv", "-m", "7B"))
    assert outcome.code == 0
    assert "0 of 0 requests predicted" in outcome.out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_the_input_is_never_overwritten(run: Run, trained_artifact: Path, requests: Path) -> None:
    """Writing over the input is refused, by whatever path it is named."""
    before = requests.read_bytes()
    for target in (requests, "requests.csv", f"../{requests.parent.name}/requests.csv"):
        refused(run(*command(trained_artifact, requests, target)), "overwrite the input")
    assert requests.read_bytes() == before


def test_a_failure_leaves_the_old_output(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """A table that turns out damaged half way costs neither the old output nor leaves pieces."""
    lines = ["input_tokens,output_tokens", *["100,50"] * 5000, '100,"50']
    (tmp_path / "in.csv").write_text("\n".join(lines) + "\n1,2,3,4\n")
    (tmp_path / "out.csv").write_text("old")
    refused(run(*command(trained_artifact, "in.csv", "out.csv", "-m", "7B")), "in.csv")
    assert (tmp_path / "out.csv").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("in.csv", "", ["empty file"]),
        ("in.csv", "input_tokens\n5\n", ["column output_tokens", "got input_tokens"]),
        ("in.csv", "input_tokens,output_tokens\n1,2\n", ["column model", "--model"]),
        (
            "in.csv",
            "model,input_tokens,output_tokens,latency_s\n7B,1,2,3\n",
            ["latency_s", "rename"],
        ),
        ("in.txt", "x", ["in.txt", ".parquet"]),
        ("in.parquet", "not parquet", ["in.parquet", "whole"]),
    ],
)
def test_wrong_tables_are_refused(
    run: Run, trained_artifact: Path, tmp_path: Path, name: str, content: str, words: list[str]
) -> None:
    """Tables that cannot be priced are refused in one line."""
    (tmp_path / name).write_text(content)
    refused(run(*command(trained_artifact, name, "out.csv")), *words)
    assert not (tmp_path / "out.csv").exists()


def test_wrong_names_are_refused(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """A missing file, an unknown kind of output and an unknown model are refused."""
    (tmp_path / "in.csv").write_text("input_tokens,output_tokens\n1,2\n")
    (tmp_path / "named.csv").write_text("model,input_tokens,output_tokens\n7B,1,2\n")
    refused(run(*command(trained_artifact, "nowhere.csv", "out.csv")), "cannot read nowhere.csv")
    refused(run(*command(trained_artifact, "in.csv", "out.xlsx")), "out.xlsx", ".parquet")
    for table in ("in.csv", "named.csv"):
        refused(run(*command(trained_artifact, table, "o.csv", "-m", "zzz")), "zzz", "trained:")
