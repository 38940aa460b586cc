"""Scan CSV, JSON-lines, Parquet and XLSX files into lazy text tables that remember file and row."""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import fastexcel
import polars as pl
import polars.selectors as cs

from token2metrics.columns import FILE, ROW, SHEET, SURPLUS
from token2metrics.data.damage import TABLE_ERRORS
from token2metrics.data.workbook_size import refuse_bomb
from token2metrics.errors import DataError

RESERVED = (FILE, ROW, SHEET, SURPLUS)
FILLED = "__token2metrics_filled"
FIRST_ROW = 1
CHUNK_BYTES = 1 << 20
FALLBACK_ENCODING = "latin-1"
QUOTE = b'"'
QUOTES_PER_FIELD = 2
STRAY_QUOTE = re.compile(rb'"(?<=[^,\r\n"]")(?=[^,\r\n"])')
"""A quote inside a field that is neither doubled nor next to a comma or a line's end."""

STRAY_QUOTE_CONTEXT = 2
DAMAGE = (
    OSError,
    ValueError,
    csv.Error,
    *TABLE_ERRORS,
    fastexcel.FastExcelError,
)
"""What the readers raise on a file that is not what its name says."""

UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def scan(path: Path) -> tuple[pl.LazyFrame, ...]:
    """Scan the tables of one file, every cell as text.

    Args:
        path: A ``.csv``, ``.jsonl``, ``.ndjson``, ``.parquet`` or ``.xlsx`` file.

    Returns:
        One lazy table, or one per filled sheet of a workbook. ``file`` holds the path as given
        and ``row`` the data row counted from 1; a workbook's tables also have ``sheet``. Columns
        of the file with these names are left out.

    Raises:
        DataError: If the file is missing, empty, damaged, or of an unknown kind.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(READERS)
        raise DataError(
            f"expected {path} to end in one of {known}, got {path.suffix!r}; convert the file, "
            "with ingest where a benchmark tool wrote it"
        )
    _refuse_unreadable(path)
    try:
        tables = reader(path)
    except DAMAGE as error:
        kind = path.suffix[1:].upper()
        first_line = str(error).partition("\n")[0]
        raise DataError(
            f"expected {path} to be a whole {kind} file, got: {first_line}; "
            "copy or export it again"
        ) from error
    return tuple(_filled(table) for table in tables)


def _filled(table: pl.LazyFrame) -> pl.LazyFrame:
    """Keep rows with a cell.

    Whether there is one is a column first: Polars takes minutes to push a condition on thousands of
    columns down.
    """
    cells = cs.string().exclude(FILE, SHEET)
    known = table.with_columns(pl.any_horizontal(cells.is_not_null()).alias(FILLED))
    return known.filter(FILLED).drop(FILLED)


def _refuse_unreadable(path: Path) -> None:
    """Refuse what is not a file with content."""
    if not path.exists():
        raise DataError(f"expected a measurement file at {path}, got nothing; check the path")
    if not path.is_file():
        raise DataError(f"expected {path} to be a file, got a directory; name the files in it")
    if path.stat().st_size == 0:
        raise DataError(f"expected measurements in {path}, got an empty file; export it again")


def _scan_csv(path: Path) -> tuple[pl.LazyFrame, ...]:
    """Scan a sound UTF-8 file in place; read others into memory first."""
    utf_8, sound_quotes = _survey(path)
    text = None if utf_8 and sound_quotes else path.read_bytes().decode(_encoding(utf_8))
    header = _header(path, text)
    names = [*_unreserved(header), SURPLUS]
    if text is not None and not sound_quotes:
        table = _line_by_line(text, names)
    else:
        table = pl.scan_csv(
            path if text is None else io.BytesIO(text.encode()),
            has_header=False,
            skip_rows=1,
            schema=dict.fromkeys(names, pl.String),
            missing_columns="insert",
            extra_columns="ignore",
            truncate_ragged_lines=True,
            row_index_name=ROW,
            row_index_offset=FIRST_ROW,
            glob=False,
        )
    kept = [name for name in header if name not in RESERVED]
    return (table.select(*kept, SURPLUS, ROW, _file(path)),)


def _encoding(utf_8: bool) -> str:
    """Name the encoding of a file; a byte order mark is not part of its text."""
    return "utf-8-sig" if utf_8 else FALLBACK_ENCODING


def _survey(path: Path) -> tuple[bool, bool]:
    """Return whether a file decodes as UTF-8, and whether its quotes are opened and closed."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    utf_8, stray, quotes, tail = True, False, 0, b""
    with path.open("rb") as stream:
        if stream.read(len(codecs.BOM_UTF16_LE)) in UTF_16_MARKS:
            raise DataError(f"expected {path} in UTF-8 or Latin-1, got UTF-16; save it as UTF-8")
        stream.seek(0)
        while piece := stream.read(CHUNK_BYTES):
            quotes += piece.count(QUOTE)
            stray = stray or STRAY_QUOTE.search(tail + piece) is not None
            tail = piece[-STRAY_QUOTE_CONTEXT:]
            utf_8 = utf_8 and _decodes(decoder, piece)
    utf_8 = utf_8 and _decodes(decoder, b"", final=True)
    return utf_8, not stray and quotes % QUOTES_PER_FIELD == 0


def _decodes(decoder: codecs.IncrementalDecoder, piece: bytes, final: bool = False) -> bool:
    """Return whether the next bytes of a file decode."""
    try:
        decoder.decode(piece, final=final)
    except UnicodeDecodeError:
        return False
    return True


def _line_by_line(text: str, names: Sequence[str]) -> pl.LazyFrame:
    """Read every line by itself, so that a stray quote spoils no other line than its own."""
    lines = text.replace("\r\n", "\n").split("\n")[1:]
    cells = (next(csv.reader([line]), []) for line in lines)
    blanks = [""] * len(names)
    columns = zip(*((*row, *blanks)[: len(names)] for row in cells), strict=True)
    table = pl.LazyFrame(dict(zip(names, columns, strict=True)))
    filled = pl.when(pl.all() != "").then(pl.all())
    return table.select(filled).with_row_index(ROW, FIRST_ROW)


def _header(path: Path, text: str | None) -> list[str]:
    """Return the column names of a CSV file that has at least one data row."""
    with (
        io.StringIO(text) if text is not None else path.open(encoding="utf-8-sig", newline="")
    ) as stream:
        lines = csv.reader(stream)
        names = _named(path, next(lines, []))
        if not any(any(cells) for cells in lines):
            raise _no_rows(path)
    return names


def _named(path: Path, names: Sequence[str]) -> list[str]:
    """Strip the names of a header, number the blank ones, and refuse what is no header."""
    stripped = [name.strip() for name in names]
    if all(not name or _is_number(name) for name in stripped):
        raise DataError(
            f"expected a header in the first line of {path}, got {', '.join(stripped)!r}; "
            "add a line of column names"
        )
    repeated = [name for name, count in Counter(stripped).items() if name and count > 1]
    if repeated:
        raise DataError(
            f"expected distinct column names in {path}, got {repeated[0]!r} more than once; "
            "rename or remove one"
        )
    return [name or f"unnamed_{place}" for place, name in enumerate(stripped, start=FIRST_ROW)]


def _is_number(text: str) -> bool:
    """Return whether the text reads as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _unreserved(names: Sequence[str]) -> list[str]:
    """Rename columns whose names the tables keep for themselves."""
    return [f"{name}_of_file" if name in RESERVED else name for name in names]


def _scan_json_lines(path: Path) -> tuple[pl.LazyFrame, ...]:
    """Scan one JSON object per line; nested values are left out."""
    first = pl.read_ndjson(io.BytesIO(path.read_bytes()), infer_schema_length=None)
    if first.is_empty():
        raise _no_rows(path)
    return (_plain_text(first, path),)


def _scan_parquet(path: Path) -> tuple[pl.LazyFrame, ...]:
    """Scan a Parquet file after a look at its first row; nested and binary columns are left out."""
    first = pl.read_parquet(path, n_rows=1, glob=False)
    if first.is_empty():
        raise _no_rows(path)
    return (_plain_text(first, path, pl.scan_parquet(path, glob=False)),)


def _plain_text(
    looked_at: pl.DataFrame, path: Path, table: pl.LazyFrame | None = None
) -> pl.LazyFrame:
    """Take the plain columns of a table as text, with file and row.

    Args:
        looked_at: Some rows, which tell the types.
        path: The file.
        table: Every row; None where ``looked_at`` has them all.
    """
    unwanted = cs.nested() | cs.binary() | cs.by_name(*RESERVED, require_all=False)
    plain = looked_at.drop(unwanted).columns
    everything = looked_at.lazy() if table is None else table
    text = everything.select(pl.col(plain).cast(pl.String), _file(path))
    return text.with_row_index(ROW, FIRST_ROW)


def _scan_xlsx(path: Path) -> tuple[pl.LazyFrame, ...]:
    """Read every filled sheet of a workbook, once it is known to be of a sane size."""
    refuse_bomb(path)
    sheets = pl.read_excel(
        path, sheet_id=0, engine="calamine", raise_if_empty=False, infer_schema_length=0
    )
    filled = {name: sheet for name, sheet in sheets.items() if not sheet.is_empty()}
    if not filled:
        raise _no_rows(path)
    return tuple(_sheet_table(path, name, sheet) for name, sheet in filled.items())


def _sheet_table(path: Path, name: str, sheet: pl.DataFrame) -> pl.LazyFrame:
    """Attach file, sheet and row to the cells of one sheet."""
    names = _unreserved(_named(path, sheet.columns))
    return (
        sheet.rename(dict(zip(sheet.columns, names, strict=True)))
        .lazy()
        .with_row_index(ROW, FIRST_ROW)
        .with_columns(_file(path), pl.lit(name).alias(SHEET))
    )


def _file(path: Path) -> pl.Expr:
    """Name the file of each row."""
    return pl.lit(str(path)).alias(FILE)


def _no_rows(path: Path) -> DataError:
    """Say that a file holds no data rows."""
    return DataError(
        f"expected at least one row of measurements in {path}, got none; export it again"
    )


READERS = {
    ".csv": _scan_csv,
    ".jsonl": _scan_json_lines,
    ".ndjson": _scan_json_lines,
    ".parquet": _scan_parquet,
    ".xlsx": _scan_xlsx,
}
"""The reader of each file name ending."""
