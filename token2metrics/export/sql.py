"""SQL: a view per model over a table of requests, or for DuckDB a table macro per model."""

from __future__ import annotations

import math
from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

from token2metrics.export.metadata import (
    FLAGS,
    TEXTS,
    ModelMetadata,
    headline,
    metadata_of,
    unit_of,
)
from token2metrics.export.sql_layers import DOUBLE, INPUT_COLUMNS, LANGUAGE, Layers, layers_of
from token2metrics.export.target import Bundle, ExportedModel, Target
from token2metrics.prediction.program import INPUTS
from token2metrics.vocabulary import FITTED_PHASES, MAX_TOKENS

PREFIX = "t2m_"
REQUESTS = f"{PREFIX}requests"
REQUEST_ID = "request_id"
ROW = f"{PREFIX}row"
NUL = "\0"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
"""Stands for the one letter that no SQL text may hold."""

PORTABLE = f"""\
-- For DuckDB, PostgreSQL 12 and SQLite 3.35 (with its mathematical functions) and later. Used:
-- CREATE VIEW, WITH ... AS MATERIALIZED, CASE, CAST, ceil, exp, floor, ln, power, sqrt, tanh.
-- The views read {REQUESTS}: replace it by a view of your own table, or fill it.
CREATE TABLE IF NOT EXISTS {REQUESTS} ({REQUEST_ID} BIGINT, {INPUTS[0]} BIGINT, {INPUTS[1]} BIGINT);
"""

MACROS = """\
-- For DuckDB: a macro per model over any table or view with input_tokens and output_tokens.
"""


class SqlTarget(Target):
    """Writes a query per model.

    Attributes:
        step: How a layer begins that is computed once.
    """

    step: ClassVar[str]

    @abstractmethod
    def preamble(self) -> str:
        """Return what comes before the models."""

    @abstractmethod
    def wrapped(self, name: str, query: str) -> str:
        """Return statements that give a query a name."""

    @abstractmethod
    def source(self) -> str:
        """Return what the requests are read from."""

    @abstractmethod
    def kept(self) -> str:
        """Return what the first layer takes of a request, beside its lengths."""

    @abstractmethod
    def shown(self) -> str:
        """Return how the result begins: what tells the requests apart."""

    @abstractmethod
    def call(self, name: str) -> str:
        """Return what a result is selected from."""

    def encode(self, bundle: Bundle) -> bytes:
        """Return the content of the file."""
        comment = "\n".join(f"-- {line}" for line in headline(bundle))
        units = "\n".join(f"--   {name}: {unit_of(name)}" for name in bundle.quantities)
        told = (
            f"-- Unknown quantities, and those of what is no request, are null. Results:\n{units}"
        )
        queries = (
            self.wrapped(f"{PREFIX}{one.identifier}", self._query(one)) for one in bundle.models
        )
        parts = [comment, told, self.preamble(), _models(bundle), *queries]
        return "\n".join(parts).encode(errors="replace")

    def usage(self, bundle: Bundle, path: Path) -> tuple[str, ...]:
        """Return lines of SQL."""
        name = self.call(f"{PREFIX}{bundle.models[0].identifier}")
        return (f"SELECT {bundle.example} FROM {name};",)

    def _query(self, one: ExportedModel) -> str:
        """Return what prices every request on a model."""
        layers = layers_of(one.program)
        kept = self.kept().rsplit(" ", 1)[-1]
        parts = [f"{_layer(0)} AS (SELECT {self.kept()}, {_counts()} FROM {self.source()})"]
        for layer in range(1, layers.last + 1):
            columns = [kept, *INPUT_COLUMNS, *layers.carried(layer)]
            columns += [f"{column.text} AS {column.name}" for column in layers.fresh(layer)]
            body = ",\n  ".join(columns)
            parts.append(f"{_layer(layer)} {self.step} (SELECT {body}\n FROM {_layer(layer - 1)})")
        results = ",\n  ".join([self.shown(), *_results(layers)])
        steps = ",\n".join(parts)
        return f"WITH {steps}\nSELECT {results}\nFROM {_layer(layers.last)}"


class PortableViews(SqlTarget):
    """Views over one table, in the SQL that several databases share."""

    step = "AS MATERIALIZED"

    def preamble(self) -> str:
        """Return the table that the views read."""
        return PORTABLE

    def wrapped(self, name: str, query: str) -> str:
        """Return a view."""
        return f"DROP VIEW IF EXISTS {name};\nCREATE VIEW {name} AS\n{query};\n"

    def source(self) -> str:
        """Return the table."""
        return REQUESTS

    def kept(self) -> str:
        """Return the number of the request."""
        return REQUEST_ID

    def shown(self) -> str:
        """Return the request's number and lengths."""
        lengths = (f"{own} AS {name}" for own, name in zip(INPUT_COLUMNS, INPUTS, strict=True))
        return ", ".join([REQUEST_ID, *lengths])

    def call(self, name: str) -> str:
        """Return the view."""
        return name

    def usage(self, bundle: Bundle, path: Path) -> tuple[str, ...]:
        """Return lines of SQL."""
        insert = f"INSERT INTO {REQUESTS} VALUES (1, 512, 128);"
        return (insert, *super().usage(bundle, path))


class DuckDbMacros(SqlTarget):
    """Table macros, which take the name of a table and keep its columns."""

    step = "AS"

    def preamble(self) -> str:
        """Return for what the file is."""
        return MACROS

    def wrapped(self, name: str, query: str) -> str:
        """Return a macro."""
        return f"CREATE OR REPLACE MACRO {name}(requests) AS TABLE\n{query};\n"

    def source(self) -> str:
        """Return the table that is named."""
        return f"query_table(requests) AS {PREFIX}all"

    def kept(self) -> str:
        """Return the whole row."""
        return f"{PREFIX}all AS {ROW}"

    def shown(self) -> str:
        """Return every column of the row."""
        return f"{ROW}.*"

    def call(self, name: str) -> str:
        """Return the macro on a table."""
        return f"{name}('my_table')"


def text_literal(text: str | None) -> str:
    """Return a text of SQL, or null."""
    if text is None:
        return "CAST(NULL AS VARCHAR)"
    doubled = text.replace(NUL, REPLACEMENT).replace("'", "''")
    return f"'{doubled}'"


def _layer(number: int) -> str:
    """Name a layer."""
    return f"{PREFIX}layer_{number}"


def _counts() -> str:
    """Return both lengths as doubles, null where they are no token counts."""
    told = []
    for name, own in zip(INPUTS, INPUT_COLUMNS, strict=True):
        count = f"CAST({name} AS {DOUBLE})"
        whole = f"{count} >= 0 AND {count} <= {MAX_TOKENS} AND {count} = floor({count})"
        told.append(f"CASE WHEN {whole} THEN {count} END AS {own}")
    return ",\n  ".join(told)


def _results(layers: Layers) -> list[str]:
    """Return every quantity, null where the request is none."""
    asked = " AND ".join(f"{name} IS NOT NULL" for name in INPUT_COLUMNS)
    return [
        f"CASE WHEN {asked} THEN {f'{text} >= 1.0e0' if name in FLAGS else text} END AS {name}"
        for name, text in layers.results.items()
    ]


def _models(bundle: Bundle) -> str:
    """Return the view that says what each model is."""
    metadata, name = metadata_of(bundle), f"{PREFIX}models"
    rows = "\nUNION ALL ".join(_row(one, bundle) for one in metadata.models)
    return f"DROP VIEW IF EXISTS {name};\nCREATE VIEW {name} AS\n{rows};\n"


def _row(one: ModelMetadata, bundle: Bundle) -> str:
    """Return the line of a model."""
    texts = {name: getattr(one, name) for name in TEXTS}
    texts |= {
        "token2metrics": bundle.provenance.token2metrics,
        "artifact_sha256": bundle.provenance.artifact_sha256,
    }
    ends: dict[str, float | None] = {}
    for phase in FITTED_PHASES:
        told = one.phases.get(phase)
        texts[f"{phase}_rests_on"] = None if told is None else told.rests_on
        for name in INPUTS:
            span = None if told is None else getattr(told, name)
            fewest, most = (None, None) if span is None else span
            ends |= {f"{phase}_fewest_{name}": fewest, f"{phase}_most_{name}": most}
    numbers = {"confidence": bundle.confidence, "parallel": float(bundle.parallel), **ends}
    columns = [f"{text_literal(text)} AS {name}" for name, text in texts.items()]
    columns += [f"{_number(value)} AS {name}" for name, value in numbers.items()]
    return f"SELECT {', '.join(columns)}"


def _number(value: float | None) -> str:
    """Return a number, or null."""
    return LANGUAGE.number(math.nan if value is None else value)
