"""One module per tool, each with a ``READER``; they are found by looking into this folder."""
