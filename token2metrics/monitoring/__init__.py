"""Finished requests against their predictions: how far off, since when, and what to do about it."""
