"""Second devices: public measurements of other boards, phones and servers, with their models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import polars as pl

from benchmarks.datasets import CANONICAL, ENERGY, as_phase_rows, measured_under, table
from benchmarks.shapes import (
    DEEPSEEK_V4_FLASH,
    LLAMA_31_8B,
    LLAMA_32_3B,
    NEAREST_PRECISION,
    PILOT_MODELS,
    QWEN_25_15B,
)
from token2metrics.config import Architecture, ExperimentConfig, HardwareConfig, ModelConfig
from token2metrics.devices import JETSON_AGX_ORIN_64GB

ONE_DEVICE = 1
GROUP = ("device", "model", "precision")
MAXPERF_RAIL = "three internal rails"
MAXPERF_GROUPS = (("Q4_K_M", "MAXN"), ("IQ4_XS", "MAXN"), ("Q4_K_M", "30W"))
CLEAN_DEVICES = ("google-pixel-6a", "intel-i5-1235u")
NOMINAL = {
    one.name: one
    for one in (
        HardwareConfig(name="h100", memory_bandwidth_bytes_per_s=3350e9, compute_flop_per_s=989e12),
        HardwareConfig(name="a100", memory_bandwidth_bytes_per_s=1555e9, compute_flop_per_s=312e12),
        HardwareConfig(name="a10", memory_bandwidth_bytes_per_s=600e9, compute_flop_per_s=125e12),
        HardwareConfig(name="t4", memory_bandwidth_bytes_per_s=320e9, compute_flop_per_s=65e12),
        HardwareConfig(name="v100", memory_bandwidth_bytes_per_s=900e9, compute_flop_per_s=125e12),
        HardwareConfig(name="jetson-agx-thor", memory_bandwidth_bytes_per_s=273e9),
        HardwareConfig(name="nvidia-gb10-dgx-spark", memory_bandwidth_bytes_per_s=273e9),
        HardwareConfig(name="apple-m2-ultra", memory_bandwidth_bytes_per_s=800e9),
        HardwareConfig(name="apple-m3-ultra", memory_bandwidth_bytes_per_s=819e9),
        HardwareConfig(name="apple-m4-max", memory_bandwidth_bytes_per_s=546e9),
        HardwareConfig(name="google-pixel-6a", memory_bandwidth_bytes_per_s=51.2e9, tiled=False),
        HardwareConfig(name="intel-i5-1235u", memory_bandwidth_bytes_per_s=51.2e9, tiled=False),
    )
}
"""Nominal figures of the vendors' data sheets, dense 16-bit arithmetic where one is stated."""

CLEAN_EXPERIMENT = "cliff_sweep"
"""The one campaign with every quantisation at eleven lengths; other campaigns on the same phone
are up to 30 % slower, and the Mac's rates are rounded to whole tokens per second."""

EDGE_MODELS = {"Llama-3.2-3B-Instruct": LLAMA_32_3B, "Qwen2.5-1.5B-Instruct": QWEN_25_15B}
REQUEST_COLUMNS = (
    "device",
    "model",
    "precision",
    "input_tokens",
    "output_tokens",
    "prefill_latency_s",
    "decode_latency_s",
)


@dataclass(frozen=True, slots=True)
class Subject:
    """One model on one device.

    Attributes:
        name: Source and group, as ``source:group``; unique.
        experiment: The experiment that its rows are fitted under.
        rows: Canonical rows, and ``request``, which rows of one request share.
    """

    name: str
    experiment: ExperimentConfig
    rows: pl.DataFrame

    @property
    def setting(self) -> tuple[str, str]:
        """Return source and device, which models on one machine share."""
        return self.name.split(":")[0], self.experiment.edge.name


@lru_cache
def maxperf(folder: Path) -> tuple[Subject, ...]:
    """Return Llama-3.1-8B on the Orin by quantisation and power mode; requests are repeats.

    Plain decoding only. The clock is the runner's own throughout, since the energies are over
    its windows; llama.cpp's counters leave part of that time out.
    """
    runs = table(folder / "jetson_llm_maxperf" / "energy_runs.csv").filter(
        pl.col("speculative_draft_max") == 0, ~pl.col("smoke")
    )
    return tuple(_maxperf_group(runs, quantisation, mode) for quantisation, mode in MAXPERF_GROUPS)


def _maxperf_group(runs: pl.DataFrame, quantisation: str, mode: str) -> Subject:
    """Return one quantisation in one power mode."""
    own = runs.filter(
        pl.col("model").str.ends_with(quantisation), pl.col("power_mode") == mode
    ).with_columns(request=pl.col("run").str.extract(r"(\d+)$").cast(pl.Int64))
    model, precision = f"llama-3.1-8b-{quantisation.lower()}", NEAREST_PRECISION[quantisation]
    conditions = {
        "device": JETSON_AGX_ORIN_64GB.name,
        "power_mode": mode.lower(),
        "runtime": "llama.cpp",
        "precision": precision,
        "model": model,
    }
    metered = own.with_columns(
        energy_window_s=pl.when(pl.col("energy_j").is_not_null()).then(pl.col("latency_s")),
        energy_samples=pl.lit(None, dtype=pl.Float64),
        power_rail=pl.when(pl.col("energy_j").is_not_null()).then(pl.lit(MAXPERF_RAIL)),
    )
    rows = measured_under(metered, conditions, "jetson-llm-maxperf")
    experiment = ExperimentConfig(
        model=_model(model, LLAMA_31_8B, precision), edge=JETSON_AGX_ORIN_64GB
    )
    name = f"{quantisation}, {mode}"
    return Subject(name, experiment, rows.select(*CANONICAL, *ENERGY, "request"))


@lru_cache
def context_sweeps(folder: Path) -> tuple[Subject, ...]:
    """Return DeepSeek-V4-Flash at contexts of 2,048 to 65,536 tokens on five machines.

    Prefill is cumulative up to the context; decode is 128 tokens from there.
    """
    model = "deepseek-v4-flash"
    runs = table(folder / "ds4_context_sweep" / "runs.csv").select(
        "device",
        "decode_latency_s",
        model=pl.lit(model),
        precision=pl.lit("q4_0"),
        input_tokens=pl.col("context_tokens"),
        output_tokens=pl.col("decode_tokens"),
        prefill_latency_s=pl.col("cumulative_prefill_latency_s"),
    )
    return _subjects("ds4", runs, {model: DEEPSEEK_V4_FLASH})


@lru_cache
def phones_and_laptops(folder: Path) -> tuple[Subject, ...]:
    """Return two small models in seven quantisations on a phone and a laptop, the clean rows."""
    file = folder / "edge_llm_bench_phone_mac_x86" / "runs.csv"
    runs = table(file).filter(
        pl.col("device").is_in(CLEAN_DEVICES),
        pl.col("experiment") == CLEAN_EXPERIMENT,
        pl.col("output_tokens").is_not_null(),
        pl.col("prefill_latency_s").is_not_null(),
        pl.col("decode_latency_s").is_not_null(),
    )
    named = runs.with_columns(
        model=pl.format("{} {}", "model", "quant"),
        precision=pl.col("quant").replace_strict(NEAREST_PRECISION),
    )
    shapes = {
        f"{model} {quantisation}": shape
        for model, shape in EDGE_MODELS.items()
        for quantisation in NEAREST_PRECISION
    }
    return _subjects("edge-llm-bench", named, shapes)


@lru_cache
def pilot(folder: Path) -> tuple[Subject, ...]:
    """Return single requests to decoder-only models on single server GPUs, integer ms."""
    file = folder / "ibm_llm_pilot" / "requests_1user.csv"
    requests = table(file).filter(
        pl.col("model").is_in(list(PILOT_MODELS)),
        pl.col("num_devices") == ONE_DEVICE,
        pl.col("prefill_latency_s") > 0,
        (pl.col("decode_latency_s") > 0) | (pl.col("output_tokens") == 1),
    )
    named = requests.with_columns(pl.col("device").str.to_lowercase(), precision=pl.lit("fp16"))
    return _subjects("pilot", named, PILOT_MODELS)


def _subjects(
    source: str, requests: pl.DataFrame, shapes: Mapping[str, Architecture]
) -> tuple[Subject, ...]:
    """Make a subject of each device and model, sorted by name."""
    typed = requests.select(REQUEST_COLUMNS).with_columns(
        pl.col("input_tokens", "output_tokens").cast(pl.Int64)
    )
    found = []
    for (device, model, precision), own in typed.group_by(*GROUP, maintain_order=True):
        conditions = {
            "device": str(device),
            "power_mode": "default",
            "runtime": source,
            "precision": str(precision),
        }
        rows = as_phase_rows(own.with_row_index("request"), conditions, source, keep=("request",))
        experiment = ExperimentConfig(
            model=_model(str(model), shapes[str(model)], str(precision)),
            edge=NOMINAL.get(str(device), HardwareConfig(name=str(device))),
        )
        found.append(Subject(f"{source}:{device}, {model}", experiment, rows))
    return tuple(sorted(found, key=lambda subject: subject.name))


def _model(name: str, shape: Architecture, precision: str) -> ModelConfig:
    """Describe a model that only the protocols know."""
    return ModelConfig(id=name, name=name, architecture=shape, precision=precision)
