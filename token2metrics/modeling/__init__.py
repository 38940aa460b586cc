"""Fitting: torch, no Polars."""
