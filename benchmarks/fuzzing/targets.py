"""What is fuzzed: for each kind of file what reads it, sound files, and how they are spoilt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fuzzing import readers, sound, table_readers
from benchmarks.fuzzing.changes import (
    Change,
    any_of,
    spoil_archive,
    spoil_bytes,
    spoil_columns,
    spoil_json,
    spoil_lines,
    spoil_literals,
    spoil_text,
)

TEXT = any_of(spoil_bytes, spoil_text, spoil_lines)
JSON = any_of(spoil_bytes, spoil_text, spoil_lines, spoil_json, spoil_json)
MIXED = any_of(spoil_bytes, spoil_text, spoil_lines, spoil_json)
BINARY = spoil_bytes
WORKBOOK = any_of(spoil_bytes, spoil_archive, spoil_archive)
PARQUET = any_of(spoil_bytes, spoil_columns, spoil_columns)

Sound = Callable[[], Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class Target:
    """A kind of file that the package reads.

    Attributes:
        file_name: What a case is called; its ending tells readers the kind.
        read: Reads a file as the package does, and works with what it says.
        sound: Returns files to begin with.
        change: Spoils one.
    """

    file_name: str
    read: Callable[[Path], object]
    sound: Sound
    change: Change


SETTINGS = b'output = "here"\nlog_level = "info"\nthreads = 2\ntorch_device = "cuda:0"\n'
QUALITIES = b"model,quality,max_output_tokens,parallel,precision\nm0,0.5,100,1,bf16\nm1,0.7,,,\n"
PLAN = b"input_tokens,output_tokens\n16,1\n16,32\n"
CONFIG_JSON = b'{"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 9}'

TARGETS = {
    "artifact manifest": Target("manifest.json", readers.manifest, sound.manifests, JSON),
    "artifact manifest, sealed": Target(
        "manifest.json", readers.sealed_manifest, sound.manifests, spoil_json
    ),
    "artifact weights": Target("case.safetensors", readers.weights, sound.weights, BINARY),
    "settings": Target("case.toml", readers.settings, lambda: (SETTINGS,), TEXT),
    "experiment": Target("case.py", readers.experiment, sound.configs, spoil_literals),
    "measurements, CSV": Target(
        "case.csv", table_readers.measurements, lambda: sound.as_csv(sound.measurements()), TEXT
    ),
    "measurements, JSON lines": Target(
        "case.jsonl",
        table_readers.measurements,
        lambda: sound.as_json_lines(sound.measurements()),
        JSON,
    ),
    "measurements, Parquet": Target(
        "case.parquet",
        table_readers.measurements,
        lambda: sound.as_parquet(sound.measurements()),
        PARQUET,
    ),
    "measurements, XLSX": Target(
        "case.xlsx",
        table_readers.measurements,
        lambda: sound.as_workbooks(sound.measurements()),
        WORKBOOK,
    ),
    "fleet, CSV": Target(
        "case.csv", table_readers.fleet, lambda: sound.as_csv(sound.measurements()), TEXT
    ),
    "fleet, Parquet": Target(
        "case.parquet", table_readers.fleet, lambda: sound.as_parquet(sound.measurements()), PARQUET
    ),
    "workload, CSV": Target(
        "case.csv", table_readers.workload, lambda: sound.as_csv(sound.requests()), TEXT
    ),
    "workload, JSON lines": Target(
        "case.jsonl", table_readers.workload, lambda: sound.as_json_lines(sound.requests()), JSON
    ),
    "workload, Parquet": Target(
        "case.parquet", table_readers.workload, lambda: sound.as_parquet(sound.requests()), PARQUET
    ),
    "workload, XLSX": Target(
        "case.xlsx", table_readers.workload, lambda: sound.as_workbooks(sound.requests()), WORKBOOK
    ),
    "batch, CSV": Target(
        "case.csv", table_readers.batch, lambda: sound.as_csv(sound.requests()), TEXT
    ),
    "batch, Parquet": Target(
        "case.parquet", table_readers.batch, lambda: sound.as_parquet(sound.requests()), PARQUET
    ),
    "traces, CSV": Target(
        "case.csv", table_readers.traces, lambda: sound.as_csv(sound.requests()), TEXT
    ),
    "traces, JSON lines": Target(
        "case.ndjson", table_readers.traces, lambda: sound.as_json_lines(sound.requests()), JSON
    ),
    "traces, Parquet": Target(
        "case.parquet", table_readers.traces, lambda: sound.as_parquet(sound.requests()), PARQUET
    ),
    "run of score": Target("score.json", table_readers.pinned, table_readers.pins, JSON),
    "partition of score": Target(
        "record.json", table_readers.partition, table_readers.partitions, JSON
    ),
    "benchmark tools": Target("case.json", readers.tool_file, sound.tool_files, MIXED),
    "power logs": Target("case.log", readers.power_log, sound.power_logs, TEXT),
    "finished requests": Target("case.jsonl", readers.finished, sound.finished, MIXED),
    "state of the monitor": Target("case.json", readers.state, sound.states, JSON),
    "qualities": Target("case.csv", readers.qualities, lambda: (QUALITIES,), TEXT),
    "plan of points": Target("case.csv", readers.plan, lambda: (PLAN,), TEXT),
    "journal": Target("case.jsonl", readers.journal, sound.journals, JSON),
    "GGUF": Target("case.gguf", readers.gguf, sound.gguf_files, BINARY),
    "tokenizer": Target("case.json", readers.tokenizer, sound.tokenizers, JSON),
    "prompt": Target("case.txt", readers.prompt, lambda: (b"an edge device",), TEXT),
    "config.json": Target("case.json", readers.model_config, lambda: (CONFIG_JSON,), JSON),
}
"""Every kind of file, by what it is."""
