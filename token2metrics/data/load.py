"""Load measurement files of any known format into one lazy table of text."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

from token2metrics.columns import AS_READ, PROVENANCE, SURPLUS
from token2metrics.data.formats import SERVER_WORKBOOK, Format, FormatContext, recognise
from token2metrics.data.formats.format import file_name
from token2metrics.data.sources import scan
from token2metrics.errors import DataError

logger = logging.getLogger(__name__)

TEXT_COLUMNS = (*AS_READ, SURPLUS)
SAME_MODEL_TOKENS = "same_model_tokens"
ANY_MODEL_TOKENS = "any_model_tokens"


def load(paths: Sequence[Path], context: FormatContext) -> pl.LazyFrame:
    """Scan files, recognise their formats and chain them into one table.

    Args:
        paths: Measurement files, in the order in which their rows are kept.
        context: What the files may leave unsaid.

    Returns:
        Text columns ``AS_READ`` and ``surplus``, with ``file`` and ``row``; nothing is read yet
        beyond headers.

    Raises:
        DataError: If there is no file, or one cannot be read or recognised.
    """
    if not paths:
        raise DataError("expected at least one measurement file, got none; name a file")
    found = [pair for path in paths for pair in _recognised(path)]
    converted = [
        (known, _complete(known.convert(table, context), context)) for known, table in found
    ]
    prompts = [table for known, table in converted if known is SERVER_WORKBOOK]
    everything = pl.concat(table for _, table in converted)
    return join_prompt_lengths(everything, prompts) if prompts else everything


def _recognised(path: Path) -> list[tuple[Format, pl.LazyFrame]]:
    """Return the tables of a file with their formats; a workbook may hold other sheets too."""
    pairs = []
    refusals = []
    for table in scan(path):
        columns = [
            name for name in table.collect_schema().names() if name not in (SURPLUS, *PROVENANCE)
        ]
        try:
            pairs.append((recognise(columns, str(path)), table))
        except DataError as refusal:
            refusals.append(refusal)
    if not pairs:
        raise refusals[0]
    for reason in refusals:
        logger.warning("a sheet is left out: %s", reason)
    return pairs


def _complete(table: pl.LazyFrame, context: FormatContext) -> pl.LazyFrame:
    """Add absent columns, name the source of each row and resolve the names of models."""
    present = table.collect_schema().names()
    absent = [pl.lit(None, dtype=pl.String).alias(n) for n in TEXT_COLUMNS if n not in present]
    stated_source = pl.when(pl.col("source").str.strip_chars() != "").then(pl.col("source"))
    return (
        table.with_columns(absent)
        .with_columns(
            source=pl.coalesce(stated_source, file_name()),
            model=pl.col("model").map_batches(
                lambda names: _resolved(names, context), return_dtype=pl.String
            ),
        )
        .select(*TEXT_COLUMNS, *PROVENANCE)
    )


def _resolved(names: pl.Series, context: FormatContext) -> pl.Series:
    """Replace known names of models by their ids, looking each name up once."""
    ids = {name: context.resolve_model(name) or name for name in names.drop_nulls().unique()}
    return names.replace(ids)


def join_prompt_lengths(rows: pl.LazyFrame, prompts: Iterable[pl.LazyFrame]) -> pl.LazyFrame:
    """Fill absent ``input_tokens`` from rows with the same question.

    The length under the same model is preferred, for tokenizers differ; that of any model serves
    otherwise.

    Args:
        rows: Loaded rows, some without ``input_tokens``.
        prompts: Loaded rows of the server workbook.
    """
    known = pl.concat(prompts).filter(
        pl.col("question").is_not_null(), pl.col("input_tokens").is_not_null()
    )
    chosen = pl.col("input_tokens").sort_by("model", "input_tokens").first()
    same_model = known.group_by("question", "model").agg(chosen.alias(SAME_MODEL_TOKENS))
    any_model = known.group_by("question").agg(chosen.alias(ANY_MODEL_TOKENS))
    return (
        rows.join(same_model, on=["question", "model"], how="left", maintain_order="left")
        .join(any_model, on="question", how="left", maintain_order="left")
        .with_columns(input_tokens=pl.coalesce("input_tokens", SAME_MODEL_TOKENS, ANY_MODEL_TOKENS))
        .drop(SAME_MODEL_TOKENS, ANY_MODEL_TOKENS)
    )
