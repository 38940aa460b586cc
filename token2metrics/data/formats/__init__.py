"""Every known kind of measurement file, and the choice among them."""

from collections.abc import Collection

from token2metrics.data.formats.canonical import CanonicalTable
from token2metrics.data.formats.format import Format, FormatContext, model_resolver
from token2metrics.data.formats.jetson_csv import JetsonCsv
from token2metrics.data.formats.server_workbook import ServerWorkbook
from token2metrics.errors import DataError

__all__ = ["FORMATS", "SERVER_WORKBOOK", "Format", "FormatContext", "model_resolver", "recognise"]

SHOWN_COLUMNS = 40
SHOWN_CHARACTERS = 40

SERVER_WORKBOOK = ServerWorkbook()
"""The format that knows how long the prompts of a Jetson CSV are."""

FORMATS: tuple[Format, ...] = (CanonicalTable(), JetsonCsv(), SERVER_WORKBOOK)
"""In the order in which a file is tried."""


def recognise(columns: Collection[str], where: str) -> Format:
    """Return the format of a table.

    Args:
        columns: Column names of the table.
        where: How to name the table in an error.

    Raises:
        DataError: If no format fits; it says what each one lacks, the nearest first.
    """
    for known in FORMATS:
        if known.recognises(columns):
            return known
    nearest = sorted(FORMATS, key=lambda known: len(known.missing(columns)) / len(known.required))
    lacking = "; ".join(
        f"as {known.name} it lacks {', '.join(known.missing(columns))}" for known in nearest
    )
    found = ", ".join(name[:SHOWN_CHARACTERS] for name in list(columns)[:SHOWN_COLUMNS])
    raise DataError(
        f"expected {where} to have the columns of a known format, got {found}; "
        f"{lacking}; add or rename columns"
    )
