"""Predict what a language-model request costs on an edge device."""

__version__ = "0.1.0"
