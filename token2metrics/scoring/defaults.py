"""What is done where nothing else is asked; light, for the options of the command line."""

from __future__ import annotations

from typing import Literal, get_args

from token2metrics.errors import RequestError

DEFAULT_PARTITION_ROWS = 1_000_000
MOST_PARTITION_ROWS = 100_000_000

Compression = Literal["lz4", "zstd", "snappy", "uncompressed"]
COMPRESSIONS: tuple[Compression, ...] = get_args(Compression)
DEFAULT_COMPRESSION: Compression = "lz4"


def compression_of(name: str) -> Compression:
    """Return a compression by its name.

    Raises:
        RequestError: If there is none of this name.
    """
    for one in COMPRESSIONS:
        if one == name:
            return one
    raise RequestError(f"expected a compression among {', '.join(COMPRESSIONS)}, got {name!r}")
