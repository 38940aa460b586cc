"""Trained models as files that predict without this package: the formats, and who writes them."""

from __future__ import annotations

from pathlib import Path
from typing import assert_never

from token2metrics.errors import RequestError
from token2metrics.export.c_header import CHeader
from token2metrics.export.javascript import JavaScriptModule
from token2metrics.export.python_module import PythonModule
from token2metrics.export.sql import DuckDbMacros, PortableViews
from token2metrics.export.target import Format, Target
from token2metrics.extras import needing

SUFFIXES = {
    ".duckdb.sql": Format.DUCKDB,
    ".sql": Format.SQL,
    ".py": Format.PYTHON,
    ".h": Format.C,
    ".mjs": Format.JAVASCRIPT,
    ".js": Format.JAVASCRIPT,
    ".onnx": Format.ONNX,
}
"""What names of files end in; the first that fits counts."""


def build_target(chosen: Format) -> Target:
    """Return who writes a format.

    Raises:
        MissingExtraError: If its package is not installed.
    """
    match chosen:
        case Format.PYTHON:
            return PythonModule()
        case Format.C:
            return CHeader()
        case Format.JAVASCRIPT:
            return JavaScriptModule()
        case Format.SQL:
            return PortableViews()
        case Format.DUCKDB:
            return DuckDbMacros()
        case Format.ONNX:
            with needing("exporting ONNX", "export"):
                from token2metrics.export.onnx_model import OnnxModel
            return OnnxModel()
        case _:
            assert_never(chosen)


def format_of(path: Path) -> Format:
    """Return the format that the name of a file ends in.

    Raises:
        RequestError: If it ends in none.
    """
    for suffix, chosen in SUFFIXES.items():
        if path.name.casefold().endswith(suffix):
            return chosen
    raise RequestError(
        f"expected --format, or --output to end in one of {', '.join(SUFFIXES)}; got {path}"
    )
