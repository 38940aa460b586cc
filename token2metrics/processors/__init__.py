"""Checking, preparing and splitting measurements; no torch."""
