"""Fuzzing of all that reads a file: targets, sound files to begin with, changes to them."""
