"""Predict what a language-model request costs on an edge device."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("token2metrics")
except PackageNotFoundError:
    __version__ = "0.0.0+uninstalled"
