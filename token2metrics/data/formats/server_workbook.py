"""The original server measurements: a workbook with one sheet per model, in milliseconds."""

from collections.abc import Collection

import polars as pl

from token2metrics.columns import SHEET, SURPLUS
from token2metrics.data.formats.format import (
    Format,
    FormatContext,
    first_present,
    number,
    seconds_as_text,
    split_phases,
    stated_conditions,
    text,
)

MODEL_COLUMNS = ("model", "model_name", SHEET)


class ServerWorkbook(Format):
    """Requests with ``ttft``, ``decode_time`` and ``total_time_ms``, all in milliseconds.

    Without ``ttft``, prefill is the total less the decode time. The model is named by a column
    ``model`` or ``model_name``, else by the sheet.
    """

    name = "server workbook"
    required = ("total_time_ms", "decode_time", "input_tokens", "output_tokens")

    def missing(self, columns: Collection[str]) -> tuple[str, ...]:
        """Return what the file lacks; ``ttft`` stands in for the total."""
        lacking = super().missing(columns)
        if "ttft" in columns:
            lacking = tuple(name for name in lacking if name != "total_time_ms")
        return lacking if any(name in columns for name in MODEL_COLUMNS) else (*lacking, "model")

    def convert(self, frame: pl.LazyFrame, context: FormatContext) -> pl.LazyFrame:
        """Split each request into a prefill row and a decode row."""
        columns = frame.collect_schema().names()
        prefill_ms = _prefill_ms(columns)
        phases_ms = prefill_ms + number("decode_time")
        shared = (
            *stated_conditions(columns, context.server_device),
            first_present(columns, *MODEL_COLUMNS).alias("model"),
            first_present(columns, "question").str.strip_chars().alias("question"),
            pl.col("input_tokens"),
            seconds_as_text(phases_ms, text(None)).alias("phases_s"),
            first_present(columns, SURPLUS).alias(SURPLUS),
        )
        return split_phases(
            frame,
            shared,
            seconds_as_text(prefill_ms, first_present(columns, "ttft", "total_time_ms")),
            seconds_as_text(number("decode_time"), pl.col("decode_time")),
        )


def _prefill_ms(columns: Collection[str]) -> pl.Expr:
    """Milliseconds to the first token: as measured, else the total less the decode time."""
    if "total_time_ms" not in columns:
        return number("ttft")
    remainder = number("total_time_ms") - number("decode_time")
    if "ttft" not in columns:
        return remainder
    return pl.when(pl.col("ttft").is_null()).then(remainder).otherwise(number("ttft"))
