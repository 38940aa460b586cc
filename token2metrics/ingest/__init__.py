"""Ingest: what other tools measured, as records."""
