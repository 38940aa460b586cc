"""Rivals refitted on the same rows as ours, and how each of them does."""
