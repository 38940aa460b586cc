"""Optional packages: which extra installs each, and a clear error where one is missing."""

from collections.abc import Iterator
from contextlib import contextmanager

from token2metrics.errors import MissingExtraError

EXTRA_OF_PACKAGE = {
    "dataframely": "fit",
    "fastexcel": "fit",
    "numpy": "fit",
    "polars": "fit",
    "scipy": "fit",
    "torch": "fit",
    "altair": "plot",
    "jinja2": "plot",
    "vl_convert": "plot",
    "tokenizers": "tokens",
    "gguf": "gguf",
    "httpx2": "measure",
    "pynvml": "nvidia",
    "transformers": "local",
    "zeus": "zeus",
    "lightgbm": "bench",
    "sklearn": "bench",
    "xgboost": "bench",
    "onnx": "export",
    "onnxruntime": "test",
    "duckdb": "test",
    "ray": "ray",
    "fastapi": "serve",
    "httptools": "serve",
    "prometheus_client": "serve",
    "uvicorn": "serve",
    "uvloop": "serve",
}
"""The extra that installs each optional package."""

ALSO_IN = {"measure": ("polars", "scipy"), "export": ("numpy",)}
"""What further extras bring, for commands that need no more than one of these."""


@contextmanager
def needing(purpose: str, extra: str | None = None) -> Iterator[None]:
    """Turn the failed import of an optional package into advice.

    Args:
        purpose: What the package is needed for, such as ``training``.
        extra: The extra for the purpose, which is named where it brings the package.

    Raises:
        MissingExtraError: If an import inside the block misses an optional package.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRA_OF_PACKAGE:
            raise
        meant = extra if extra and package in ALSO_IN[extra] else EXTRA_OF_PACKAGE[package]
        raise MissingExtraError(package, meant, purpose) from error
