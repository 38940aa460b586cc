"""Every known kind of file becomes the same table."""

from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from token2metrics.columns import REQUIRED
from token2metrics.config import DataConfig
from token2metrics.data.bundled import bundled_paths
from token2metrics.data.formats import FORMATS, FormatContext, model_resolver, recognise
from token2metrics.data.load import load
from token2metrics.errors import DataError
from token2metrics.processors.batch import to_measurements
from token2metrics.processors.pipeline import prepare_measurements
from token2metrics.processors.rules import ENERGY_QUANTITIES

EDGE = "jetson-agx-orin-64gb"
SERVER = "nvidia-a100"
EDGE_ROWS = 51
SERVER_ROWS = 12
OWN_SERVERS = {"amd-epyc-2-threads": 32, "nvidia-h200": 97}
"""What ``benchmarks/campaign.py`` measured."""

SMALL = "dsr1-qwen-1.5b"
LARGE = "dsr1-llama-8b"
CONTEXT = FormatContext(
    edge_device=EDGE,
    server_device=SERVER,
    resolve_model=model_resolver(
        {"DeepSeek-R1-Distill-Qwen-1.5B": SMALL, "DeepSeek-R1-Distill-Llama-8B": LARGE}
    ),
)


def workbook(folder: Path, sheets: dict[str, pl.DataFrame]) -> Path:
    """Write a workbook with a sheet per table."""
    path = folder / "server.xlsx"
    with xlsxwriter.Workbook(path) as book:
        for name, table in sheets.items():
            table.write_excel(book, worksheet=book.add_worksheet(name))
    return path


def server_sheet(first_tokens: int) -> pl.DataFrame:
    """Two prompts as the original server workbook has them."""
    return pl.DataFrame(
        {
            "question": ["Où est-ce?", "Why? "],
            "ttft": [20.5, 30.0],
            "decode_time": [1000.0, 2000.0],
            "total_time_ms": [1020.5, 2030.0],
            "input_tokens": [first_tokens, first_tokens + 100],
            "output_tokens": [100, 200],
            "answer": ["a", "b"],
        }
    )


def jetson_csv(folder: Path, lines: str, header_suffix: str = ",model_name") -> Path:
    """Write an original Jetson CSV, in Latin-1."""
    path = folder / "jetson.csv"
    header = "question,inference_time,prefill,decode,output_tokens" + header_suffix
    path.write_bytes(f"{header}\n{lines}".encode("latin-1"))
    return path


def test_the_bundled_measurements_are_clean() -> None:
    """All 51 edge rows, and 12, 32 and 97 of three servers, are accepted."""
    prepared = prepare_measurements(bundled_paths(), CONTEXT, DataConfig())
    devices = dict(prepared.rows.get_column("device").value_counts().iter_rows())
    assert devices == {EDGE: EDGE_ROWS, SERVER: SERVER_ROWS, **OWN_SERVERS}
    assert prepared.rejected.is_empty()
    assert prepared.read_rows == EDGE_ROWS + SERVER_ROWS + sum(OWN_SERVERS.values())
    batch = to_measurements(prepared.rows, SERVER, ["llama-3-8b"])
    assert len(batch) == SERVER_ROWS
    assert batch.in_prefill.all()
    assert batch.in_decode.all()


@pytest.mark.parametrize("ending", ["csv", "parquet", "xlsx"])
def test_the_kind_of_file_does_not_matter(tmp_path: Path, ending: str) -> None:
    """The bundled rows have one fingerprint as CSV, Parquet and XLSX."""
    expected = prepare_measurements(bundled_paths(), CONTEXT, DataConfig())
    metered = dict.fromkeys(ENERGY_QUANTITIES, pl.Float64)
    tables = [pl.read_csv(path, schema_overrides=metered) for path in bundled_paths()]
    table = pl.concat(tables, how="diagonal_relaxed")
    path = tmp_path / f"all.{ending}"
    getattr(table, {"csv": "write_csv", "parquet": "write_parquet", "xlsx": "write_excel"}[ending])(
        path
    )
    assert prepare_measurements([path], CONTEXT, DataConfig()).fingerprint == expected.fingerprint


def test_readings_of_a_meter_are_read(tmp_path: Path) -> None:
    """The Orin's meter read once a second; a file without the column says nothing of it."""
    every = prepare_measurements(bundled_paths(), CONTEXT, DataConfig()).rows
    rows = every.filter(pl.col("device") == EDGE)
    metered = rows.filter(pl.col("energy_j").is_not_null())
    assert metered.get_column("energy_samples").equals(metered.get_column("energy_window_s"))
    assert metered.height
    unmetered = rows.filter(pl.col("energy_j").is_null())
    assert unmetered.get_column("energy_samples").null_count() == unmetered.height
    path = tmp_path / "silent.csv"
    pl.read_csv(bundled_paths()[0]).drop("energy_samples").write_csv(path)
    silent = prepare_measurements([path], CONTEXT, DataConfig()).rows
    assert silent.get_column("energy_samples").null_count() == silent.height
    assert silent.get_column("energy_j").null_count() < silent.height


@pytest.mark.parametrize("column", REQUIRED)
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    """The error names the column, the file and what it found."""
    table = pl.read_csv(bundled_paths()[0]).drop(column)
    path = tmp_path / "lacking.csv"
    table.write_csv(path)
    with pytest.raises(DataError) as caught:
        load([path], CONTEXT)
    message = str(caught.value)
    assert f"as canonical table it lacks {column};" in message
    assert str(path) in message
    assert ", ".join(table.columns) in message
    assert message.index("canonical table") < message.index("server workbook")


def test_every_format_recognises_its_own_columns() -> None:
    """A file with exactly the required columns is of that format."""
    for known in FORMATS:
        assert recognise([*known.required, "model"], "file") is known


@pytest.mark.parametrize("with_ttft", [True, False])
def test_a_server_workbook_yields_two_phases_per_request(tmp_path: Path, with_ttft: bool) -> None:
    """Milliseconds become seconds, sheets become models; ttft is the total less decode."""
    sheet = server_sheet(50) if with_ttft else server_sheet(50).drop("ttft")
    path = workbook(tmp_path, {"DeepSeek-R1-Distill-Qwen-1_5B": sheet, "Notes": sheet[["answer"]]})
    rows = prepare_measurements([path], CONTEXT, DataConfig()).rows
    seen = rows.select("device", "model", "phase", "input_tokens", "output_tokens", "latency_s")
    assert seen.rows() == [
        (SERVER, SMALL, "decode", 50, 100, 1.0),
        (SERVER, SMALL, "decode", 150, 200, 2.0),
        (SERVER, SMALL, "prefill", 50, 1, 0.0205),
        (SERVER, SMALL, "prefill", 150, 1, 0.03),
    ]


def test_a_server_csv_names_its_model(tmp_path: Path) -> None:
    """As CSV the workbook needs a column with the model."""
    path = tmp_path / "server.csv"
    server_sheet(50).write_csv(path)
    with pytest.raises(DataError, match="as server workbook it lacks model"):
        load([path], CONTEXT)
    server_sheet(50).with_columns(model_name=pl.lit("other")).write_csv(path)
    rows = prepare_measurements([path], CONTEXT, DataConfig()).rows
    assert set(rows.get_column("model")) == {"other"}


def test_a_jetson_csv_learns_prompt_lengths_from_the_workbook(tmp_path: Path) -> None:
    """The same question gives the length, under the same model if the workbook has it."""
    server = workbook(
        tmp_path,
        {
            "DeepSeek-R1-Distill-Qwen-1_5B": server_sheet(50),
            "DeepSeek-R1-Distill-Llama-8B": server_sheet(60),
        },
    )
    edge = jetson_csv(
        tmp_path,
        "Où est-ce?,3.1,100,2900,120,DeepSeek-R1-Distill-Llama-8B\n"
        " Why?,1.5,200,1300,50,unheard-of\n"
        "Who?,1.5,200,1300,50,unheard-of\n",
    )
    prepared = prepare_measurements([edge, server], CONTEXT, DataConfig())
    seen = prepared.rows.filter(pl.col("device") == EDGE)
    assert seen.select("model", "phase", "input_tokens", "output_tokens", "latency_s").rows() == [
        (LARGE, "decode", 60, 120, 2.9),
        (LARGE, "prefill", 60, 1, 0.1),
        ("unheard-of", "decode", 160, 50, 1.3),
        ("unheard-of", "prefill", 160, 1, 0.2),
    ]
    assert (
        prepared.rejected.get_column("reason").to_list()
        == ["input_tokens is unknown: the question is not in the server workbook"] * 2
    )


def test_a_jetson_csv_is_checked_against_its_total(tmp_path: Path) -> None:
    """Phases longer than the request by more than 5 % point to the units."""
    edge = jetson_csv(
        tmp_path,
        "a,3.0,100,2900,120,10,m\nb,0.003,100,2900,120,10,m\nc,fast,100,x,120,10,m\n",
        ",input_tokens,model_name",
    )
    prepared = prepare_measurements([edge], CONTEXT, DataConfig())
    assert prepared.rows.height == 2
    reasons = prepared.rejected.get_column("reason").to_list()
    assert sum("milliseconds" in reason and "'3.0'" in reason for reason in reasons) == 2
    assert sum("expected latency_s to be a number, got 'x'" in reason for reason in reasons) == 1


def test_a_jetson_csv_without_models_uses_the_stated_one(tmp_path: Path) -> None:
    """The context's edge model comes first, then the name of the file."""
    edge = jetson_csv(tmp_path, "a,3.0,100,2900,120,10\n", ",input_tokens")
    named = FormatContext(EDGE, SERVER, CONTEXT.resolve_model, edge_model=SMALL)
    for context, model in ((named, SMALL), (CONTEXT, "jetson")):
        rows = prepare_measurements([edge], context, DataConfig()).rows
        assert set(rows.get_column("model")) == {model}


def test_no_file_is_refused() -> None:
    """There is nothing to load."""
    with pytest.raises(DataError, match="at least one measurement file"):
        load([], CONTEXT)


def test_model_names_match_as_excel_writes_them() -> None:
    """Case, dots and the cut at 31 characters do not matter; other names stay unknown."""
    resolve = model_resolver({"A-Model.With-a-Name-Longer-Than-Excel-Allows": "x"})
    assert resolve("a-model_with-a-name-longer-than") == "x"
    assert resolve("another") is None
