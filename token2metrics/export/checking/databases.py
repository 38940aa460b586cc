"""Carry exported SQL out, in a database in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from token2metrics.export.checking.tool import Answers, ExportError, Request, Tool, in_rows
from token2metrics.export.sql import PREFIX, REQUEST_ID, REQUESTS
from token2metrics.export.target import Bundle
from token2metrics.extras import needing
from token2metrics.prediction.program import INPUTS

DUCKDB = "duckdb"
IN_MEMORY = ":memory:"

Query = Callable[[str], Sequence[Sequence[Any]]]


def _answers(bundle: Bundle, requests: Sequence[Request], query: Query, call: str) -> Answers:
    """Insert requests and select every quantity of every model.

    Args:
        bundle: What the file was written from.
        requests: Token counts.
        query: Carries a statement out.
        call: What a model is selected from, with the place ``{name}``.
    """
    rows = ", ".join(f"({at}, {prompt}, {answer})" for at, (prompt, answer) in enumerate(requests))
    query(f"INSERT INTO {REQUESTS} VALUES {rows}")
    lines: list[Sequence[Any]] = []
    for one in bundle.models:
        source = call.format(name=f"{PREFIX}{one.identifier}")
        wanted = ", ".join(bundle.quantities)
        lines += query(f"SELECT {wanted} FROM {source} ORDER BY {REQUEST_ID}")
    return in_rows(bundle, requests, lines)


class DuckDb(Tool):
    """DuckDB, for views and for macros.

    Attributes:
        macros: Whether the file holds macros.
    """

    name: ClassVar[str] = "DuckDB"

    def __init__(self, macros: bool) -> None:
        self.macros = macros

    def present(self) -> bool:
        """Return whether it is installed."""
        return find_spec(DUCKDB) is not None

    def answers(self, path: Path, bundle: Bundle, requests: Sequence[Request]) -> Answers:
        """Return what the file predicts."""
        with needing("checking SQL"):
            import duckdb
        call = f"{{name}}('{REQUESTS}')" if self.macros else "{name}"
        with duckdb.connect(IN_MEMORY) as connection:

            def query(text: str) -> Sequence[Sequence[Any]]:
                return connection.execute(text).fetchall()

            try:
                if self.macros:
                    columns = ", ".join(f"{name} DOUBLE" for name in (REQUEST_ID, *INPUTS))
                    query(f"CREATE TABLE {REQUESTS} ({columns})")
                query(path.read_bytes().decode())
                return _answers(bundle, requests, query, call)
            except duckdb.Error as error:
                raise ExportError(f"DuckDB refused the export: {error}") from error


class Sqlite(Tool):
    """SQLite, as Python brings it."""

    name: ClassVar[str] = "SQLite"

    def present(self) -> bool:
        """Return whether it is built with mathematical functions and materialises layers."""
        try:
            with closing(sqlite3.connect(IN_MEMORY)) as connection:
                connection.execute("WITH one AS MATERIALIZED (SELECT tanh(1)) SELECT * FROM one")
        except sqlite3.Error:
            return False
        return True

    def answers(self, path: Path, bundle: Bundle, requests: Sequence[Request]) -> Answers:
        """Return what the file predicts."""
        with closing(sqlite3.connect(IN_MEMORY)) as connection:

            def query(text: str) -> Sequence[Sequence[Any]]:
                return connection.execute(text).fetchall()

            try:
                connection.executescript(path.read_bytes().decode())
                return _answers(bundle, requests, query, "{name}")
            except sqlite3.Error as error:
                raise ExportError(f"SQLite refused the export: {error}") from error
