"""``fit-fleet`` as a user runs it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from tests.conftest import Run, refused
from tests.fleets import imagine
from token2metrics.workers.ray_workers import RayWorkers

CORES = 2


@pytest.fixture
def table(clean_place: Path) -> Path:
    """Return a table of 40 curves of 9 rows, one of which has no latency."""
    rows = imagine(20, rows=(9,)).rows
    first = pl.int_range(pl.len()) == 0
    file = clean_place / "rows.parquet"
    rows.with_columns(latency_s=pl.when(~first).then("latency_s")).write_parquet(file)
    return file


def test_curves_are_fitted_and_counted(run: Run, table: Path) -> None:
    """The table says how many curves, how good they are, and which rows were not used."""
    outcome = run("fit-fleet", "--data", table, "--output", "out/curves.parquet")
    assert outcome.code == 0, outcome.err
    assert "40 of 40 curves fitted to 359 rows" in outcome.out
    assert "latency_s is not a number" in outcome.out
    curves = pl.read_parquet("out/curves.parquet")
    assert curves.height == 40
    assert curves.get_column("rejected_rows").sum() == 1
    assert [one.name for one in Path("out").iterdir()] == ["curves.parquet"]


def test_json_holds_what_the_table_shows(run: Run, table: Path) -> None:
    """``--json`` prints one object."""
    outcome = run("fit-fleet", "-d", table, "-o", "curves.parquet", "--prior", "none", "--json")
    found = json.loads(outcome.out)
    assert (found["curves"], found["fitted"], found["used_rows"]) == (40, 40, 359)
    assert found["rejected_counts"] == {"latency_s is not a number": 1}
    assert [one["phase"] for one in found["errors"]] == ["prefill", "decode"]
    assert found["curves_per_s"] > 0


def test_text_tables_read_the_same(run: Run, table: Path) -> None:
    """CSV and Parquet give the same curves; several tables are one."""
    rows = pl.read_parquet(table)
    rows.head(100).write_csv("a.csv")
    rows.slice(100).write_ndjson("b.jsonl")
    run("fit-fleet", "-d", table, "-o", "one.parquet")
    outcome = run("fit-fleet", "-d", "a.csv", "-d", "b.jsonl", "-o", "two.parquet")
    assert outcome.code == 0, outcome.err
    one, two = (pl.read_parquet(name) for name in ("one.parquet", "two.parquet"))
    assert two.select("device", "phase", "rows").equals(one.select("device", "phase", "rows"))
    steps = [frame.get_column("decode_step").drop_nulls().to_numpy() for frame in (one, two)]
    assert steps[1] == pytest.approx(steps[0], rel=1e-9)


def test_requests_are_priced_on_the_way(run: Run, table: Path) -> None:
    """``--predict`` writes the requests with their seconds beside the curves."""
    Path("asked.csv").write_text("device,input_tokens,output_tokens\ndevice-00003,700,200\nx,1,1\n")
    outcome = run("fit-fleet", "-d", table, "-o", "curves.parquet", "--predict", "asked.csv")
    assert "1 request priced, written to curves.predicted.parquet" in outcome.out
    priced = pl.read_parquet("curves.predicted.parquet")
    assert priced.get_column("latency_s").is_not_null().to_list() == [True, False]


def test_requests_name_curves_as_the_measurements_did(run: Run, table: Path) -> None:
    """Case and blanks tell no conditions apart, and devices that look like numbers are names."""
    stated = {"power_mode": " MAXN", "runtime": "VLLM", "precision": "BF16 "}
    device = pl.col("device").str.tail(3)
    rows = pl.read_parquet(table).with_columns(device=device, power_mode=pl.lit(" MAXN "))
    unstated = rows.with_columns(power_mode=pl.lit(""), model=pl.lit("other"))
    pl.concat([rows, unstated]).write_parquet(table)
    asked = pl.DataFrame({"device": "003", "model": ["model", "other"], **stated})
    asked = asked.with_columns(
        power_mode=pl.when(pl.col("model") == "model").then("power_mode"),
        input_tokens=700,
        output_tokens=pl.lit("200"),
    )
    broken = asked.head(1).with_columns(output_tokens=pl.lit("sixty"))
    pl.concat([*[asked] * 100, broken]).write_csv("asked.csv")
    outcome = run("fit-fleet", "-d", table, "-o", "curves.parquet", "--predict", "asked.csv")
    assert "200 requests priced" in outcome.out, outcome.err
    reasons = pl.read_parquet("curves.predicted.parquet").get_column("reason").drop_nulls()
    assert reasons.to_list() == ["output_tokens is not a number"]


def test_names_of_files_are_no_patterns(run: Run, table: Path) -> None:
    """Brackets, stars and quotes in a name are read, and written, as they are."""
    folder = Path("it's [a]")
    folder.mkdir()
    rows = pl.read_parquet(table)
    rows.head(90).write_csv(folder / "rows [1].csv")
    rows.slice(90, 90).write_ndjson(folder / "rows*.jsonl")
    rows.slice(180).write_parquet(folder / "rows?.parquet")
    (folder / "asked [2].csv").write_text("device,input_tokens,output_tokens\ndevice-00003,7,2\n")
    data = [part for file in sorted(folder.glob("rows*")) for part in ("-d", file)]
    target = folder / "curves [3].parquet"
    outcome = run("fit-fleet", *data, "-o", target, "--predict", folder / "asked [2].csv")
    assert "40 of 40 curves fitted to 359 rows" in outcome.out, outcome.err
    assert "1 request priced" in outcome.out
    assert target.exists()


@pytest.fixture
def cluster() -> Iterator[RayWorkers]:
    """Start a cluster of this machine, which commands join."""
    with RayWorkers(CORES) as workers:
        yield workers


def test_ray_gives_the_same_curves(
    run: Run, table: Path, cluster: RayWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tasks of a Ray cluster fit what this process fits, row for row."""
    monkeypatch.setattr("token2metrics.fleet.parts.ROWS_PER_PART", 60)
    for engine in ("local", "ray"):
        outcome = run("fit-fleet", "-d", table, "-o", f"{engine}.parquet", "--engine", engine)
        assert outcome.code == 0, outcome.err
    assert pl.read_parquet("ray.parquet").equals(pl.read_parquet("local.parquet"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-d", "nowhere.parquet"], "expected a measurement file at nowhere.parquet"),
        (["-d", "loop.parquet"], "expected a measurement file at loop.parquet"),
        (["-d", "rows.txt"], "convert the file"),
        (["-d", "damaged.parquet"], "whole PARQUET file"),
        (["-d", "columns.csv"], "expected the column"),
        (["-d", "empty.csv"], "at least one row"),
        (["-d", "spoilt.csv"], "expected rows of at least one curve"),
        (["-d", "rows.parquet", "--by", "device"], "expected phase among"),
        (["-d", "rows.parquet", "--by", "device,mood,phase"], "got 'mood'"),
        (["-d", "rows.parquet", "--by", "model,phase", "--prior", "device"], "for --prior device"),
        (["-d", "rows.parquet", "--family", "mlp"], "mlp"),
        (["-d", "rows.parquet", "--workers", 2], "with --engine ray"),
        (["-d", "rows.parquet", "--ray-address", "auto"], "with --engine ray"),
        (["-d", "rows.parquet", "-o", "rows.parquet"], "would overwrite the input"),
        (["-d", "rows.parquet", "-o", "rows.txt"], "expected --output to end in .parquet"),
        (["-d", "rows.parquet", "-d", "./rows.parquet"], "every file once, got rows.parquet again"),
        (["-d", "rows.parquet", "--predict", "nowhere.csv"], "no such file"),
        (["-d", "rows.parquet", "--predict", "curves.predicted.parquet"], "rename them"),
        (["-d", "rows.parquet", "--predict", "damaged.parquet"], "whole table in damaged.parquet"),
        (["-d", "rows.parquet", "--predict", "rows.txt"], "to end in .parquet or .csv"),
        (["-d", "rows.parquet", "--torch-device", "cuda"], "expected a CUDA device"),
    ],
)
def test_wrong_input_is_refused(
    run: Run, table: Path, arguments: list[object], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each says what was expected, what came and what to do."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    header = "device,power_mode,runtime,precision,model,phase,input_tokens,output_tokens,latency_s"
    Path("loop.parquet").symlink_to("loop.parquet")
    Path("rows.txt").write_text("text\n")
    Path("damaged.parquet").write_bytes(b"PAR1 broken")
    pl.read_parquet(table).write_parquet("curves.predicted.parquet")
    Path("columns.csv").write_text("device,latency_s\na,1\n")
    Path("empty.csv").write_text(f"{header}\n")
    Path("spoilt.csv").write_text(f"{header}\na,b,c,d,e,nap,1,2,3\n")
    outcome = run("fit-fleet", "-o", "curves.parquet", *arguments)
    if "--family" in arguments:
        assert outcome.code == 2
        assert words in outcome.err
        return
    refused(outcome, words)
    assert table.exists()
