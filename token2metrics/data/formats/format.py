"""The seam between files and the canonical table: what every format offers and receives."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import polars as pl

from token2metrics.columns import CONDITIONS, FILE, PROVENANCE, UNSTATED
from token2metrics.vocabulary import Phase

MS_PER_S = 1_000.0
FIRST_TOKEN = "1"
SHEET_NAME_LENGTH = 31
"""Excel cuts sheet names to this many characters."""


@dataclass(frozen=True, slots=True)
class FormatContext:
    """What a file may leave unsaid.

    Attributes:
        edge_device: Device of files measured on the edge.
        server_device: Device of files measured on the server.
        resolve_model: Maps an alias or a sheet name to a model id; None when unknown.
        edge_model: Model of edge files that name none; None takes the file's name.
    """

    edge_device: str
    server_device: str
    resolve_model: Callable[[str], str | None]
    edge_model: str | None = None


class Format(ABC):
    """One kind of measurement file."""

    name: ClassVar[str]
    required: ClassVar[tuple[str, ...]]

    def missing(self, columns: Collection[str]) -> tuple[str, ...]:
        """Return the required columns that a file lacks."""
        return tuple(name for name in self.required if name not in columns)

    def recognises(self, columns: Collection[str]) -> bool:
        """Return whether a file with these columns is of this format."""
        return not self.missing(columns)

    @abstractmethod
    def convert(self, frame: pl.LazyFrame, context: FormatContext) -> pl.LazyFrame:
        """Turn a table as read into canonical columns, still as text.

        Args:
            frame: Text columns with ``file`` and ``row``.
            context: What the file may leave unsaid.

        Returns:
            Any of the columns ``AS_READ``, with ``file`` and ``row``.
        """


def model_resolver(ids: Mapping[str, str]) -> Callable[[str], str | None]:
    """Build a resolver from names to model ids.

    Names match without regard to case, to ``_`` written for ``.`` and to the cut that Excel
    makes in long sheet names.

    Args:
        ids: The model id of each known name.
    """
    known = {_sheet_spelling(name): model for name, model in ids.items()}
    return lambda name: known.get(_sheet_spelling(name))


def _sheet_spelling(name: str) -> str:
    """Spell a model name as a sheet name would."""
    return name.strip().casefold().replace(".", "_")[:SHEET_NAME_LENGTH]


def text(value: str | None) -> pl.Expr:
    """Return a constant text column."""
    return pl.lit(value, dtype=pl.String)


def number(column: str) -> pl.Expr:
    """Read a text column as numbers; null where a cell is none."""
    return pl.col(column).str.strip_chars().cast(pl.Float64, strict=False)


def seconds_as_text(milliseconds: pl.Expr, cell: pl.Expr) -> pl.Expr:
    """Turn milliseconds into seconds, keeping a cell that is no number for the reason."""
    return pl.coalesce((milliseconds / MS_PER_S).cast(pl.String), cell)


def file_name() -> pl.Expr:
    """Name of each row's file without its folders."""
    return pl.col(FILE).str.replace(r"^.*[/\\]", "")


def first_present(columns: Collection[str], *names: str) -> pl.Expr:
    """Return the first of the named columns that the file has; null when it has none."""
    return pl.coalesce(*(pl.col(name) for name in names if name in columns), text(None))


def stated_conditions(columns: Collection[str], device: str) -> tuple[pl.Expr, ...]:
    """Return file, row, device and conditions: as the file states them, else the defaults."""
    defaults = {"device": device, **dict.fromkeys(CONDITIONS, UNSTATED)}
    stated = (
        pl.coalesce(first_present(columns, name), text(default)).alias(name)
        for name, default in defaults.items()
    )
    return (*map(pl.col, PROVENANCE), *stated)


def split_phases(
    frame: pl.LazyFrame, shared: Iterable[pl.Expr], prefill_s: pl.Expr, decode_s: pl.Expr
) -> pl.LazyFrame:
    """Turn each request into a prefill row and a decode row.

    Args:
        frame: Requests with ``output_tokens``.
        shared: Columns that both rows get.
        prefill_s: Seconds to the first token, as text.
        decode_s: Seconds from the first token to the last, as text.
    """
    shared = tuple(shared)
    prefill = frame.select(
        *shared,
        phase=text(Phase.PREFILL),
        output_tokens=text(FIRST_TOKEN),
        latency_s=prefill_s,
    )
    decode = frame.select(
        *shared,
        phase=text(Phase.DECODE),
        output_tokens=pl.col("output_tokens"),
        latency_s=decode_s,
    )
    return pl.concat((prefill, decode))
