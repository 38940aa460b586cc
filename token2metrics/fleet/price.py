"""Price a file of requests with the curves of a fleet."""

from __future__ import annotations

from os.path import realpath
from pathlib import Path

import msgspec
import polars as pl

from token2metrics.data.damage import TABLE_ERRORS
from token2metrics.errors import DataError
from token2metrics.files import replacing
from token2metrics.fleet.columns import ALLOWED_BY
from token2metrics.fleet.predict import LATENCY, predict
from token2metrics.fleet.result import FleetSummary

PREDICTED_SUFFIX = ".predicted.parquet"
PARQUET, CSV = ".parquet", ".csv"


def price(summary: FleetSummary, requests: Path) -> FleetSummary:
    """Price the requests of a table, and write them beside the curves.

    Args:
        summary: Of the fleet whose curves price.
        requests: Parquet or CSV file.

    Returns:
        The summary, with where the priced requests are.

    Raises:
        DataError: If the table cannot be read, or does not fit the curves.
    """
    curves = Path(summary.output_file)
    target = curves.with_suffix(PREDICTED_SUFFIX)
    try:
        priced = predict(pl.scan_parquet(curves, glob=False), _scan(requests))
        with replacing(target) as partial:
            priced.sink_parquet(partial)
        rows = pl.scan_parquet(target, glob=False).select(pl.col(LATENCY).count()).collect().item()
    except TABLE_ERRORS as error:
        first_line = str(error).partition("\n")[0]
        raise DataError(f"expected a whole table in {requests}, got: {first_line}") from error
    return msgspec.structs.replace(summary, predicted_file=str(target), predicted_rows=int(rows))


def check_requests(file: Path, curves: Path) -> None:
    """Refuse a table of requests that cannot be priced, before anything is fitted.

    Args:
        file: The requests.
        curves: Where the curves go; priced requests go beside them.

    Raises:
        DataError: If there is no file, it is of an unknown kind, or would be overwritten.
    """
    if file.suffix.lower() not in (PARQUET, CSV):
        raise DataError(f"expected {file} to end in {PARQUET} or {CSV}, got {file.suffix!r}")
    if not file.is_file():
        raise DataError(f"expected requests in {file}, got no such file; check the path")
    target = curves.with_suffix(PREDICTED_SUFFIX)
    if realpath(file) in (realpath(curves), realpath(target)):
        raise DataError(f"writing {target} would overwrite the requests; rename them")


def _scan(file: Path) -> pl.LazyFrame:
    """Scan a table of requests; names stay text, and no late row is of another type."""
    if file.suffix.lower() == PARQUET:
        return pl.scan_parquet(file, glob=False)
    names = dict.fromkeys(ALLOWED_BY, pl.String)
    return pl.scan_csv(file, schema_overrides=names, infer_schema_length=None, glob=False)
