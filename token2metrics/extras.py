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
    "matplotlib": "plot",
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
}
"""The extra that installs each optional package."""


@contextmanager
def needing(purpose: str) -> Iterator[None]:
    """Turn the failed import of an optional package into advice.

    Args:
        purpose: What the package is needed for, such as ``training``.

    Raises:
        MissingExtraError: If an import inside the block misses an optional package.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRA_OF_PACKAGE:
            raise
        raise MissingExtraError(package, EXTRA_OF_PACKAGE[package], purpose) from error
