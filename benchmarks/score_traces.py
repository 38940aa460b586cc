"""What scoring is measured on: drawn traces in Parquet, and a model metered in both phases."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from benchmarks.request_lengths import LOGARITHMIC_SPREAD, MEDIAN_TOKENS, MOST_TOKENS, SEED
from token2metrics.artifact.fitted import FittedModel, formula_of
from token2metrics.artifact.load import load_artifact
from token2metrics.artifact.save import save_artifact
from token2metrics.vocabulary import Phase

TASK, MODEL = "score", "1.5B"
AS_TRAINED = f"{MODEL} as trained"
FILE_ROWS = 1_000_000
COLUMNS = ("input_tokens", "output_tokens")


def write_traces(folder: Path, rows: int) -> Path:
    """Draw traces with the lengths of a public one, a file per million rows, each its own seed.

    Args:
        folder: Where they go.
        rows: How many rows in all.

    Returns:
        The directory of the files.
    """
    folder.mkdir(parents=True)
    for number, first in enumerate(range(0, rows, FILE_ROWS)):
        count = min(FILE_ROWS, rows - first)
        normal = np.random.default_rng(SEED + number).standard_normal((count, len(COLUMNS)))
        tokens = np.exp(np.log(MEDIAN_TOKENS) + normal * np.array(LOGARITHMIC_SPREAD))
        lengths = np.clip(tokens.round(), 1, MOST_TOKENS).astype(np.int32)
        frame = pl.DataFrame(lengths, schema=list(COLUMNS))
        frame = frame.with_row_index("request", first).cast({"request": pl.Int64})
        frame.write_parquet(folder / f"{number:05}.parquet", compression="lz4")
    return folder


def save_metered(artifact: Path, folder: Path) -> Path:
    """Save one trained model with the power of decode given to prefill too.

    The bundled rows carry no energy of prefill; nulls are cheap to write, and would flatter us.

    Args:
        artifact: The trained models.
        folder: Where the one model goes.

    Returns:
        The directory of the new artifact.
    """
    model = next(one for one in load_artifact(artifact).models if one.record.name == MODEL)
    phases = dict(model.record.phases)
    head = phases[Phase.DECODE].head
    phases[Phase.PREFILL] = msgspec.structs.replace(phases[Phase.PREFILL], head=head)
    record = msgspec.structs.replace(model.record, phases=phases)
    weights = dict(model.weights)
    weights[Phase.PREFILL] = msgspec.structs.replace(
        weights[Phase.PREFILL], head=weights[Phase.DECODE].head
    )
    formulas = {phase: formula_of(record, phase) for phase in phases}
    save_artifact(folder, [FittedModel(record, formulas, weights)])
    return folder
