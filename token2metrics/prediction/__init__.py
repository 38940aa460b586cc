"""Predictions: pure functions of one saved artifact, without torch."""
