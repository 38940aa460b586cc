"""Measure: requests to a running engine, timed and metered, as records."""
