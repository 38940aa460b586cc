"""Where workers keep their counts; named before the library that counts is imported."""

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder where workers keep their counts, for any of them to add up."""
