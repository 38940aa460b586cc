"""Training runs: which experiments, on which files, and the record of what came of it."""
