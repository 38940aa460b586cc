"""One experiment per file: edit a value, or copy a file, and train."""
