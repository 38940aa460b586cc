"""Libraries that only some contenders need."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from token2metrics.bench.contender import NotApplicableError
from token2metrics.errors import MissingExtraError
from token2metrics.extras import needing


def library(name: str, contender: str) -> ModuleType:
    """Import a library that may not be installed.

    Args:
        name: The module to import.
        contender: Which contender needs it.

    Raises:
        NotApplicableError: If it is missing, naming the extra that installs it.
    """
    try:
        with needing(contender):
            return import_module(name)
    except MissingExtraError as error:
        raise NotApplicableError(str(error)) from error
