"""The original Jetson measurements: phases in milliseconds, the whole request in seconds."""

import polars as pl

from token2metrics.columns import SURPLUS
from token2metrics.data.formats.format import (
    Format,
    FormatContext,
    file_name,
    first_present,
    number,
    seconds_as_text,
    split_phases,
    stated_conditions,
    text,
)


class JetsonCsv(Format):
    """Requests with ``prefill`` and ``decode`` in milliseconds and ``inference_time`` in seconds.

    The length of the prompt is not in the file: it is joined later, on the question, from the
    server workbook.
    """

    name = "Jetson CSV"
    required = ("inference_time", "prefill", "decode", "output_tokens", "question")

    def convert(self, frame: pl.LazyFrame, context: FormatContext) -> pl.LazyFrame:
        """Split each request into a prefill row and a decode row."""
        columns = frame.collect_schema().names()
        named = first_present(columns, "model", "model_name")
        phases_ms = number("prefill") + number("decode")
        shared = (
            *stated_conditions(columns, context.edge_device),
            pl.coalesce(named, text(context.edge_model), _stem()).alias("model"),
            pl.col("question").str.strip_chars(),
            first_present(columns, "input_tokens").alias("input_tokens"),
            pl.col("inference_time").alias("stated_total_s"),
            seconds_as_text(phases_ms, text(None)).alias("phases_s"),
            first_present(columns, SURPLUS).alias(SURPLUS),
        )
        return split_phases(
            frame,
            shared,
            seconds_as_text(number("prefill"), pl.col("prefill")),
            seconds_as_text(number("decode"), pl.col("decode")),
        )


def _stem() -> pl.Expr:
    """Name of each row's file without folders and ending."""
    return file_name().str.replace(r"\.[^.]*$", "")
