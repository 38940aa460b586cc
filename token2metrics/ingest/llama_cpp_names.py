"""What the names that llama.cpp writes tell of a model."""

from __future__ import annotations

import re

from token2metrics.precision import is_known, normal_precision

RUNTIME = "llama.cpp"
SIZED = re.compile(r" - (Small|Medium|Large)(?: \(guessed\))?$", re.IGNORECASE)
"""The long names of mixes: ``Q4_K - Medium`` is Q4_K_M."""

MODEL_FILE_ENDING = ".gguf"
WORD = re.compile(r"[\s\-./\\]+")


def model_of(filename: str | None) -> str | None:
    """Return the name of a model file without folders and ending."""
    if not filename:
        return None
    return re.split(r"[/\\]", filename)[-1].removesuffix(MODEL_FILE_ENDING) or None


def precision_of(*names: str | None) -> str | None:
    """Return the precision that the first of some names ends in; None where none tells.

    Args:
        *names: Types as llama.cpp describes them, such as ``llama 8B Q4_K - Medium``, or names
            of model files.
    """
    for name in names:
        spelled = SIZED.sub(lambda size: f"_{size[1][0]}", (name or "").removesuffix(".gguf"))
        for word in reversed(WORD.split(spelled)):
            if is_known(word):
                return normal_precision(word)
    return None
