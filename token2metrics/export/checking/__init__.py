"""Checks of exported files by what will read them."""

from __future__ import annotations

from typing import assert_never

from token2metrics.export.checking.compiler import Compiler
from token2metrics.export.checking.databases import DuckDb, Sqlite
from token2metrics.export.checking.node import Node
from token2metrics.export.checking.onnx_runtime import OnnxRuntime
from token2metrics.export.checking.python import Python
from token2metrics.export.checking.tool import Tool
from token2metrics.export.target import Format


def tools_of(chosen: Format) -> tuple[Tool, ...]:
    """Return what can read a format, the preferred one first."""
    match chosen:
        case Format.PYTHON:
            return (Python(),)
        case Format.C:
            return (Compiler(),)
        case Format.JAVASCRIPT:
            return (Node(),)
        case Format.SQL:
            return (DuckDb(macros=False), Sqlite())
        case Format.DUCKDB:
            return (DuckDb(macros=True),)
        case Format.ONNX:
            return (OnnxRuntime(),)
        case _:
            assert_never(chosen)
