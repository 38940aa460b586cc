"""Sound files of every kind that the package reads, small, to begin with."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import msgspec
import polars as pl
import xlsxwriter

from tests.gguf_server import SMALL, write_gguf
from tests.ingest_clients import SAMPLES
from tests.power_logs import LOGS
from tests.strategies import COMBINATIONS, lawful_model
from token2metrics.artifact.manifest import MANIFEST_NAME
from token2metrics.artifact.save import save_artifact
from token2metrics.data.bundled import bundled_paths
from token2metrics.experiments import experiments_directory
from token2metrics.measure.journal import Campaign, Visited
from token2metrics.measure.plan import Point
from token2metrics.monitoring.monitor import Monitor
from token2metrics.monitoring.observation import Observation
from token2metrics.monitoring.state_file import save_state
from token2metrics.prediction.predictor import Predictor
from token2metrics.records import Record
from token2metrics.vocabulary import Phase

ROWS = 12
MODELS = 3
REQUEST = (300, 200)


@cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    """Keep a folder until the process ends."""
    return tempfile.TemporaryDirectory(prefix="token2metrics-fuzz-")


def scratch() -> Path:
    """Return a folder that lives as long as the process."""
    return Path(_scratch().name)


@cache
def artifact() -> Path:
    """Return the directory of a sound artifact of several families."""
    directory = scratch() / "sound"
    chosen = COMBINATIONS[:: max(1, len(COMBINATIONS) // MODELS)][:MODELS]
    models = [lawful_model(one, seed, name=f"m{seed}") for seed, one in enumerate(chosen)]
    save_artifact(directory, models)
    return directory


@cache
def predictor() -> Predictor:
    """Return the models of the sound artifact."""
    return Predictor.load(artifact())


def manifests() -> Sequence[bytes]:
    """Return a manifest."""
    return ((artifact() / MANIFEST_NAME).read_bytes(),)


def weights() -> Sequence[bytes]:
    """Return a weights file."""
    return tuple(file.read_bytes() for file in artifact().glob("weights-*.safetensors"))


def measurements() -> Sequence[pl.DataFrame]:
    """Return small tables of measurements: canonical ones, and those of the original tools."""
    bundled = (pl.read_csv(file, infer_schema=False).head(ROWS) for file in bundled_paths())
    jetson = pl.DataFrame(
        {
            "inference_time": ["1.5", "2.5"],
            "prefill": ["100", "200"],
            "decode": ["1400", "2300"],
            "output_tokens": ["50", "80"],
            "question": ["why", "how"],
        }
    )
    server = pl.DataFrame(
        {
            "ttft": ["100", "200"],
            "decode_time": ["900", "1800"],
            "total_time_ms": ["1000", "2000"],
            "input_tokens": ["64", "128"],
            "output_tokens": ["10", "20"],
            "question": ["why", "how"],
            "model": ["8B", "8B"],
        }
    )
    return (*bundled, jetson, server)


def as_csv(frames: Sequence[pl.DataFrame]) -> Sequence[bytes]:
    """Return tables as CSV files."""
    return tuple(frame.write_csv().encode() for frame in frames)


def as_json_lines(frames: Sequence[pl.DataFrame]) -> Sequence[bytes]:
    """Return tables as JSON lines."""
    return tuple(frame.write_ndjson().encode() for frame in frames)


def as_parquet(frames: Sequence[pl.DataFrame]) -> Sequence[bytes]:
    """Return tables as Parquet files."""
    files = []
    for frame in frames:
        written = io.BytesIO()
        frame.write_parquet(written)
        files.append(written.getvalue())
    return tuple(files)


def as_workbooks(frames: Sequence[pl.DataFrame]) -> Sequence[bytes]:
    """Return tables as workbooks."""
    files = []
    for frame in frames:
        written = io.BytesIO()
        with xlsxwriter.Workbook(written, {"in_memory": True}) as workbook:
            sheet = workbook.add_worksheet("8B")
            for place, cells in enumerate((frame.columns, *frame.iter_rows())):
                sheet.write_row(place, 0, cells)
        files.append(written.getvalue())
    return tuple(files)


def requests() -> Sequence[pl.DataFrame]:
    """Return a table of requests with models and devices."""
    return (
        pl.DataFrame(
            {
                "model": ["m0", "m1", None],
                "device": ["device"] * 3,
                "input_tokens": [300, 1, 64],
                "output_tokens": [200, 1, 7],
            }
        ),
        pl.DataFrame({"ContextTokens": [5, 6], "GeneratedTokens": [7, 8]}),
    )


def finished() -> Sequence[bytes]:
    """Return finished requests as CSV and as JSON lines."""
    table = b"model,input_tokens,output_tokens,latency_s,energy_j,timestamp\n"
    row = b"m0,300,200,1.5,12.5,2026-11-27T00:00:00Z\n"
    one = Observation(model="m0", input_tokens=300, output_tokens=200, latency_s=1.5)
    return (table + row * ROWS, (msgspec.json.encode(one) + b"\n") * ROWS)


def states() -> Sequence[bytes]:
    """Return what a monitor keeps after some requests."""
    monitor = Monitor(predictor())
    for _ in range(ROWS):
        monitor.observe(Observation(model="m0", input_tokens=300, output_tokens=200, latency_s=1.5))
    file = scratch() / "state.json"
    save_state(file, monitor.state)
    return (file.read_bytes(),)


CAMPAIGN = Campaign(
    model="8B",
    device="desk",
    power_mode=None,
    precision=None,
    runtime="llama.cpp",
    points=(Point(16, 8),),
)


def journals() -> Sequence[bytes]:
    """Return the journal of a run of one visit."""
    record = Record(phase=Phase.PREFILL, input_tokens=16, output_tokens=1, latency_s=0.5)
    entries = (CAMPAIGN, Visited(point=Point(16, 8), repeat=0, records=(record,)))
    return (b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries),)


def gguf_files() -> Sequence[bytes]:
    """Return the first part of a model's GGUF file, header and tensor list included."""
    return (write_gguf(scratch() / "model.gguf", SMALL).read_bytes(),)


def tokenizers() -> Sequence[bytes]:
    """Return a tokenizer of words."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    built = Tokenizer(WordLevel({"[UNK]": 0, "an": 1, "edge": 2}, unk_token="[UNK]"))
    built.pre_tokenizer = Whitespace()
    return (built.to_str().encode(),)


def configs() -> Sequence[bytes]:
    """Return the experiment files that came along."""
    files = sorted(experiments_directory(None).glob("[!_]*.py"))
    return tuple(file.read_bytes() for file in files)


def tool_files() -> Sequence[bytes]:
    """Return a file of every benchmark tool and server."""
    return tuple(sample.text.encode() for sample in SAMPLES.values())


def power_logs() -> Sequence[bytes]:
    """Return a log of every kind of meter."""
    return tuple(text.encode() for text in LOGS.values())
