"""``score``: traces in, partitions out, no row lost, and a stopped run goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import msgspec
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from rich.console import Console

from tests.conftest import Run, refused
from tests.scoring import draw_trace, rejected_of, rows_of
from tests.strategies import COMBINATIONS, lawful_model
from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.save import save_artifact
from token2metrics.cli.row_progress import RowProgress
from token2metrics.prediction.expressions import PREDICTED_COLUMNS
from token2metrics.prediction.predictor import Predictor
from token2metrics.prediction.result import Interval
from token2metrics.report.score import MOST_GROUPS_SHOWN

ROOT = Path(__file__).parent.parent
ROWS = 60
MANY_ROWS = 40_000
MOST_WAITING_S = 60.0
WRITERS: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    "parquet": lambda frame, path: frame.write_parquet(path, row_group_size=16),
    "csv": lambda frame, path: frame.write_csv(path),
    "ndjson": lambda frame, path: frame.write_ndjson(path),
    "jsonl": lambda frame, path: frame.write_ndjson(path),
}
METERED = {"SOME": True, "NONE": False}
BAD_CELLS = {
    ",5": "input_tokens is missing",
    "5,": "output_tokens is missing",
    "-1,5": "input_tokens is negative",
    "1.5,5": "input_tokens is not a whole number",
    "ten,5": "input_tokens is not a number",
    "5,10000001": "output_tokens is above 10000000",
    "5,5,5": "too many fields",
}


def command(artifact: Path, *more: object) -> tuple[object, ...]:
    """Return the command line."""
    return ("score", "-a", artifact, *more)


def told(run: Run, *arguments: object) -> dict[str, object]:
    """Run the command and return its JSON."""
    outcome = run(*arguments, "--json")
    assert outcome.code == 0, outcome.err
    found: dict[str, object] = json.loads(outcome.out)
    return found


def upper(interval: Interval | None) -> float:
    """Return the upper end of a known interval."""
    assert interval is not None
    return interval.upper


@pytest.mark.parametrize("ending", WRITERS)
def test_every_format_is_priced(
    run: Run, trained_artifact: Path, tmp_path: Path, ending: str
) -> None:
    """Rows keep their columns and order, and cost what single predictions say."""
    trace = draw_trace(ROWS)
    WRITERS[ending](trace, tmp_path / f"trace.{ending}")
    arguments = command(trained_artifact, f"trace.{ending}", "--output", "out", "-m", "1.5B")
    summary = told(run, *arguments, "--partition-rows", 25)
    assert (summary["partitions"], summary["priced_rows"]) == (3, ROWS)
    priced = rows_of(tmp_path / "out")
    assert priced.columns == [*trace.columns, *PREDICTED_COLUMNS]
    kept = priced.select(trace.columns).cast(trace.schema)
    assert_frame_equal(kept, trace)
    predictor = Predictor.load(trained_artifact).select("1.5B")
    singly = [predictor(*row) for row in trace.select("input_tokens", "output_tokens").iter_rows()]
    for name, values in {
        "latency_s": [one.latency_s for one in singly],
        "decode_energy_j": [one.decode.energy_j for one in singly],
        "prefill_latency_upper_s": [upper(one.prefill.latency_interval_s) for one in singly],
        "extrapolated": [one.extrapolated for one in singly],
    }.items():
        assert priced[name].to_list() == pytest.approx(values, rel=1e-12)
    overall = summary["overall"]
    assert isinstance(overall, dict)
    assert overall["input_tokens"] == trace["input_tokens"].sum()
    assert overall["latency_s"]["total"] == pytest.approx(priced["latency_s"].sum(), rel=1e-9)
    exact = priced["latency_s"].quantile(0.9, "lower")
    assert overall["latency_s"]["p90"] == pytest.approx(exact, rel=0.005)


def test_files_patterns_and_directories(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """Inputs are read in the order given, and by name within a pattern or a directory."""
    trace = draw_trace(ROWS)
    places = {"a/2.parquet": (0, 10), "a/1.parquet": (10, 10), "b/x/3.csv": (20, 10)}
    for name, (first, rows) in places.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        WRITERS[path.suffix[1:]](trace.slice(first, rows), path)
    (tmp_path / "b" / "notes.txt").write_text("no trace")
    arguments = command(trained_artifact, "b", "a/*.parquet", "--output", "out", "-m", "1.5B")
    summary = told(run, *arguments, "--only-predictions", "--group-by", "id")
    assert summary["files"] == 3
    ids = [int(name) for name in rows_of(tmp_path / "out")["id"]]
    assert ids == [*range(20, 30), *range(10, 20), *range(10)]
    columns = ["id", "input_tokens", "output_tokens", *PREDICTED_COLUMNS]
    assert rows_of(tmp_path / "out").columns == columns


def test_columns_of_public_traces(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """Lengths are found by the names of public traces; wanted quantities alone are written."""
    pl.DataFrame({"ContextTokens": [100], "GeneratedTokens": [50.0]}).write_parquet(
        tmp_path / "azure.parquet"
    )
    arguments = command(trained_artifact, "azure.parquet", "--output", "out", "-m", "1.5B")
    told(run, *arguments, "--quantities", "energy_j,power_w", "--compression", "zstd")
    lengths = ["ContextTokens", "GeneratedTokens"]
    written = [*lengths, "energy_j", "power_w", "latency_s", "extrapolated"]
    assert rows_of(tmp_path / "out").columns == written


def test_groups_add_up(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """Groups have their own totals, the longest first, and add up to all requests."""
    draw_trace(ROWS).write_parquet(tmp_path / "in.parquet")
    arguments = command(trained_artifact, "in.parquet", "--output", "out", "-m", "1.5B")
    summary = told(run, *arguments, "--group-by", "user", "--device-price", 2000)
    groups, overall = summary["groups"], summary["overall"]
    assert isinstance(groups, list)
    assert isinstance(overall, dict)
    assert {group["group"]["user"] for group in groups} == {"ann", "bob", None}
    totals = [group["latency_s"]["total"] for group in groups]
    assert totals == sorted(totals, reverse=True)
    assert sum(totals) == pytest.approx(overall["latency_s"]["total"])
    assert sum(group["requests"] for group in groups) == overall["requests"] == ROWS
    assert overall["cost"]["ownership"] > 0
    assert overall["energy_j"] is None
    shown = run(*arguments, "--group-by", "user", "--overwrite").out
    for words in ("ann", "bob", "all", "p99", "rows/s", "outside the measured token range"):
        assert words in shown


def test_many_groups_are_cut_short(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """The table shows the longest groups; the JSON has all of them."""
    draw_trace(ROWS).write_parquet(tmp_path / "in.parquet")
    arguments = command(trained_artifact, "in.parquet", "--output", "out", "-m", "1.5B")
    shown = run(*arguments, "--group-by", "id", "--group-by", "user").out
    assert f"{ROWS - MOST_GROUPS_SHOWN} more groups" in shown


def test_energy_where_it_was_metered(run: Run, tmp_path: Path) -> None:
    """Requests of models that rows name are summed each with its own; unknown energy is no zero."""
    models = [lawful_model(COMBINATIONS[0], 5, metered, name) for name, metered in METERED.items()]
    save_artifact(tmp_path / "artifact", models)
    (tmp_path / "in.csv").write_text(
        "model,input_tokens,output_tokens\nSOME,10,5\nNONE,10,7\nsome,100,7\n"
    )
    arguments = command(tmp_path / "artifact", "in.csv")
    summary = told(run, *arguments, "--output", "out")
    overall = summary["overall"]
    assert isinstance(overall, dict)
    priced = rows_of(tmp_path / "out")
    known = priced["energy_j"].drop_nulls()
    assert overall["energy_j"]["requests"] == len(known) == 2
    assert overall["energy_j"]["total"] == pytest.approx(known.sum())
    assert overall["cost"]["electricity"] is None
    names = [name.rpartition("|")[2] for name in priced["priced_as"]]
    assert names == ["drawn-SOME", "drawn-NONE", "drawn-SOME"]
    assert "energy is known of" in run(*arguments, "--output", "two").out


def test_bad_rows_are_set_aside(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """Every bad row is kept with its file, its row and its reason; good rows are priced."""
    lines = ["input_tokens,output_tokens", "100,50", *BAD_CELLS, '"7",8', ""]
    (tmp_path / "in.csv").write_text("\n".join(lines))
    arguments = command(trained_artifact, "in.csv", "--output", "out", "-m", "1.5B")
    summary = told(run, *arguments, "--partition-rows", 3)
    assert summary["rejected_counts"] == dict.fromkeys(BAD_CELLS.values(), 1)
    rejected = rejected_of(tmp_path / "out")
    assert rejected["reason"].to_list() == list(BAD_CELLS.values())
    assert rejected["row"].to_list() == list(range(2, len(BAD_CELLS) + 2))
    assert rejected["file"].unique().to_list() == [str(tmp_path / "in.csv")]
    assert rejected["cell_input_tokens"].to_list()[2] == "-1"
    assert rows_of(tmp_path / "out")["input_tokens"].to_list() == [100, 7]
    shown = run(*arguments, "--overwrite").out
    assert "not scored because" in shown
    assert "too many fields" in shown


def test_broken_lines_of_json(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """A line that is no object is set aside, and the others are read."""
    (tmp_path / "in.jsonl").write_text(
        '{"input_tokens": 1, "output_tokens": 2, "tags": ["a"]}\n{"input_tokens": 1,\n[3]\n'
        '{"input_tokens": "7", "output_tokens": null}\n{"output_tokens": 3, "input_tokens": 4}'
    )
    arguments = command(trained_artifact, "in.jsonl", "--output", "out", "-m", "1.5B")
    summary = told(run, *arguments)
    assert summary["rejected_counts"] == {"not a JSON object": 2, "output_tokens is missing": 1}
    assert rejected_of(tmp_path / "out")["row"].to_list() == [2, 3, 4]
    assert rows_of(tmp_path / "out")["input_tokens"].to_list() == [1, 4]


def test_quoted_ends_of_lines(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """A cell with an end of line inside stays whole wherever the file is cut."""
    rows = [f'"a\nb, ""{i}""",{i},5' for i in range(9)]
    (tmp_path / "in.csv").write_text("\n".join(["note,input_tokens,output_tokens", *rows]))
    arguments = command(trained_artifact, "in.csv", "--output", "out", "-m", "1.5B")
    told(run, *arguments, "--partition-rows", 2)
    priced = rows_of(tmp_path / "out")
    assert priced["note"].to_list() == [f'a\nb, "{i}"' for i in range(9)]
    assert priced["input_tokens"].to_list() == list(range(9))


def test_rows_name_their_model(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """As in ``batch-predict``: the column wins over the option, and unknown names are set aside."""
    model = next(m for m in load_artifact(trained_artifact).models if m.record.name == "1.5B")
    record = msgspec.structs.replace(model.record, device="other")
    twin = type(model)(record, model.formulas, model.weights)
    save_artifact(tmp_path / "two", [*load_artifact(trained_artifact).models, twin])
    (tmp_path / "in.csv").write_text(
        "model,device,input_tokens,output_tokens\n"
        "7B,,100,50\n,other,100,50\n1.5B,,1,1\nzzz,,1,1\n1.5B,other,100,50\n"
    )
    arguments = command(tmp_path / "two", "in.csv", "--output", "out", "-m", "1.5B")
    summary = told(run, *arguments)
    assert summary["rejected_counts"] == {
        "no trained model of this name and device": 1,
        "model trained more than once: state the device": 1,
    }
    latencies = rows_of(tmp_path / "out")["latency_s"].to_list()
    assert latencies[1] == latencies[2] != latencies[0]


def test_empty_traces(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """No rows are no requests, and a dash."""
    for name, writer in WRITERS.items():
        if name in ("parquet", "csv"):
            writer(draw_trace(0), tmp_path / f"in.{name}")
            arguments = command(trained_artifact, f"in.{name}", "--output", name, "-m", "1.5B")
            outcome = run(*arguments)
            assert "0 of 0 requests" in outcome.out, outcome.err
            assert rows_of(tmp_path / name).is_empty()


def test_a_killed_run_goes_on(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """After SIGKILL in the midst, a resumed run ends as one that was never stopped."""
    draw_trace(MANY_ROWS).write_parquet(tmp_path / "in.parquet")
    asked = ("in.parquet", "-m", "1.5B", "--partition-rows", 500, "--group-by", "user")
    words = [str(part) for part in command(trained_artifact, *asked, "--output", "killed")]
    with subprocess.Popen(
        [sys.executable, ROOT / "main.py", *words], stdout=subprocess.DEVNULL
    ) as process:
        records = tmp_path / "killed" / "partitions"
        until_s = time.monotonic() + MOST_WAITING_S
        while len(list(records.glob("*.json"))) < 3 and time.monotonic() < until_s:
            time.sleep(0.001)
        os.kill(process.pid, signal.SIGKILL)
    before = {path.name: path.stat().st_mtime_ns for path in records.glob("*.json")}
    assert 3 <= len(before) < MANY_ROWS // 500
    refused(run(*command(trained_artifact, *asked, "--output", "killed")), "--resume")
    resumed = told(run, *command(trained_artifact, *asked, "--output", "killed", "--resume"))
    whole = told(run, *command(trained_artifact, *asked, "--output", "whole"))
    assert resumed["resumed"] == len(before)
    assert all(records.joinpath(name).stat().st_mtime_ns == at for name, at in before.items())
    assert rows_of(tmp_path / "killed").equals(rows_of(tmp_path / "whole"), null_equal=True)
    for name in ("overall", "groups", "priced_rows", "read_rows"):
        assert resumed[name] == whole[name]
    names = {path.name for path in (tmp_path / "killed").iterdir()}
    assert names == {path.name for path in (tmp_path / "whole").iterdir()}


def test_a_damaged_partition_is_done_again(
    run: Run, trained_artifact: Path, tmp_path: Path
) -> None:
    """A partition that was cut short since is not taken for a finished one; the rest is."""
    draw_trace(ROWS).write_parquet(tmp_path / "in.parquet")
    arguments = command(trained_artifact, "in.parquet", "--output", "out", "-m", "1.5B")
    told(run, *arguments, "--partition-rows", 20)
    before = rows_of(tmp_path / "out")
    (tmp_path / "out" / "part-0000001.parquet").write_bytes(b"PAR1")
    outcome = run(*arguments, "--partition-rows", 20, "--resume")
    assert "2 of 3 partitions were finished before" in outcome.err
    assert rows_of(tmp_path / "out").equals(before, null_equal=True)
    done = told(run, *arguments, "--partition-rows", 20, "--resume")
    assert (done["resumed"], done["rows_per_s"]) == (3, None)


def test_another_run_is_not_resumed(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """A changed input, artifact or option is refused by name; ``--overwrite`` starts again."""
    draw_trace(ROWS).write_parquet(tmp_path / "in.parquet")
    draw_trace(ROWS).write_parquet(tmp_path / "more.parquet")
    arguments = ("--output", "out", "-m", "1.5B", "--resume")
    first = command(trained_artifact, "in.parquet", *arguments)
    told(run, *first)
    refused(run(*first, "--confidence", 0.8), "--confidence", "'0.9'", "'0.8'", "--overwrite")
    refused(run(*first, "more.parquet"), "more.parquet", "was added")
    model = load_artifact(trained_artifact).models[0]
    save_artifact(tmp_path / "other", [model])
    refused(run(*command(tmp_path / "other", "in.parquet", *arguments)), "other models")
    draw_trace(ROWS, seed=2).write_parquet(tmp_path / "in.parquet")
    refused(run(*first), "in.parquet", "changed since")
    again = told(run, *first[:-1], "--overwrite")
    assert again["resumed"] == 0
    both = ("in.parquet", "more.parquet", *arguments[:-1])
    told(run, *command(trained_artifact, *both, "--overwrite"))
    refused(run(*first), "more.parquet is missing")
    other_way = ("more.parquet", "in.parquet", *arguments)
    refused(run(*command(trained_artifact, *other_way)), "another order")
    (tmp_path / "out" / "score.json").write_text("{")
    refused(run(*first), "score.json")


def test_a_damaged_file_costs_no_other(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """Data that turn out damaged are named at the end; what could be read is finished."""
    draw_trace(ROWS).write_parquet(tmp_path / "a.parquet", compression="zstd")
    content = bytearray((tmp_path / "a.parquet").read_bytes())
    content[4:200] = bytes(196)
    (tmp_path / "a.parquet").write_bytes(content)
    draw_trace(ROWS).write_parquet(tmp_path / "b.parquet")
    arguments = command(trained_artifact, ".", "--output", "out", "-m", "1.5B")
    refused(run(*arguments), "a.parquet", "whole parquet file", "1 of 2 partitions", "1 are")
    assert rows_of(tmp_path / "out").height == ROWS


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere.csv",), ["cannot read nowhere.csv"]),
        (("none*.csv",), ["none*.csv", "got none"]),
        (("empty",), ["empty", "got none"]),
        (("",), ["the name of a trace, got ''"]),
        (("long" * 100 + ".csv",), ["the name of a trace, got 'long"]),
        (("pipe.csv",), ["pipe.csv to be a file"]),
        (("in.txt",), ["in.txt", ".parquet", "got '.txt'"]),
        (("s3://bucket/in.txt",), ["in.txt", ".parquet"]),
        (("in.csv", "in.csv"), ["in.csv again"]),
        (("bad.parquet",), ["bad.parquet", "whole parquet file"]),
        (("lacking.csv",), ["output_tokens", "lacking.csv"]),
        (("twice.csv",), ["distinct column names"]),
        (("text.jsonl",), ["JSON object", "text.jsonl"]),
        (("nested.parquet",), ["plain cells", "input_tokens"]),
        (("priced.csv",), ["latency_s", "rename"]),
        (("in.csv", "--group-by", "user"), ["'user'", "in.csv"]),
        (("in.csv", "--group-by", "user", "--group-by", "user"), ["--group-by", "again"]),
        (("in.csv", "--quantities", "speed"), ["speed", "latency_s"]),
        (("in.csv", "--confidence", 2), ["confidence"]),
        (("in.csv", "--parallel", 0), ["parallel"]),
        (("in.csv", "--partition-rows", 0), ["1..", "got 0"]),
        (("in.csv", "--compression", "zip"), ["lz4", "zip"]),
        (("in.csv", "--workers", 2), ["--workers", "--engine ray"]),
        (("in.csv", "--engine", "spark"), ["local", "ray", "spark"]),
        (("in.csv", "--engine", "ray", "--ray-address", "127.0.0.1:1"), ["127.0.0.1:1"]),
        (("in.csv", "--engine", "ray", "--ray-address", "here"), ["HOST:PORT", "here"]),
        (("in.csv", "--output", "s3://bucket/out"), ["--output", "s3:"]),
        (("in.csv", "--output", "in.csv"), ["--output", "file"]),
        (("in.csv", "--output", "full"), ["full", "other files"]),
        (("in.csv", "-m", "zzz"), ["zzz", "trained:"]),
        (("in.csv", "--device-price", -1), ["--device-price"]),
    ],
)
def test_wrong_inputs_are_refused(
    run: Run,
    trained_artifact: Path,
    tmp_path: Path,
    arguments: tuple[object, ...],
    words: list[str],
) -> None:
    """What cannot be scored is refused in one line, and nothing is written."""
    texts = {
        "in.csv": "input_tokens,output_tokens\n1,2\n",
        "in.txt": "x",
        "bad.parquet": "not parquet",
        "lacking.csv": "input_tokens\n5\n",
        "twice.csv": "input_tokens,input_tokens\n5,5\n",
        "text.jsonl": "x\ny\n",
        "priced.csv": "input_tokens,output_tokens,latency_s\n1,2,3\n",
        "full/notes": "x",
    }
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    pl.DataFrame({"input_tokens": [[1]], "output_tokens": [1]}).write_parquet("nested.parquet")
    given = ("-m", "1.5B") if "-m" not in arguments else ()
    target = ("--output", "out") if "--output" not in arguments else ()
    refused(run(*command(trained_artifact, *arguments, *given, *target)), *words)
    assert not (tmp_path / "out").exists()


def test_a_model_must_be_named(run: Run, trained_artifact: Path, tmp_path: Path) -> None:
    """Without a column and an option nobody answers."""
    (tmp_path / "in.csv").write_text("input_tokens,output_tokens\n1,2\n")
    refused(run(*command(trained_artifact, "in.csv", "--output", "out")), "column model", "--model")


def test_ctrl_c_says_how_to_go_on(
    run: Run, trained_artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And leaves with the code that shells know it by."""

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("token2metrics.scoring.run.score", interrupted)
    (tmp_path / "in.csv").write_text("input_tokens,output_tokens\n1,2\n")
    outcome = run(*command(trained_artifact, "in.csv", "--output", "out", "-m", "1.5B"))
    assert outcome.code == 130
    assert "with --resume goes on" in outcome.err
    assert outcome.out == ""


def test_progress_shows_rows(run: Run) -> None:
    """Rows per second and the time left are drawn where there is a screen."""
    screen = StringIO()
    with RowProgress(Console(file=screen, force_terminal=True, width=150)) as progress:
        progress.expect(1_000, 2, 1)
        progress.step(500)
        progress.expect(None, 2, 0)
        progress.step(1)
    assert "1 of 3 partitions were finished before" in screen.getvalue()
    assert "rows/s, left:" in screen.getvalue()
