"""Names of models that every language takes."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

from token2metrics.artifact.manifest import ModelRecord

FOREIGN = re.compile(r"[^a-z0-9]+")
LONGEST_NAME = 59
"""PostgreSQL cuts names after 63 letters, ``t2m_`` included; two that it cuts alike are one."""

DIGEST_LETTERS = 16
LONGEST_SLUG = LONGEST_NAME - len("_") - DIGEST_LETTERS
UNNAMED = "model"
TAKEN = frozenset({"models", "requests"})
"""What exported SQL calls its own, after ``t2m_``."""


def identifiers(records: Sequence[ModelRecord]) -> tuple[str, ...]:
    """Return a name of lower-case letters, digits and ``_`` for each model, no two the same.

    It is made of the id, after those conditions in which the models differ, and of a digest where
    two models differ in nothing but foreign letters, the name is too long for a database or it has
    a meaning there.

    Args:
        records: Models, each with a key of its own.
    """
    parts = [_parts(record) for record in records]
    differing = [len(set(column)) > 1 for column in zip(*parts, strict=True)]
    names = [
        _slug("_".join(part for part, kept in zip(own, differing, strict=True) if kept))
        for own in parts
    ]
    named = [
        _joined(name, _slug(one.id) or UNNAMED) for name, one in zip(names, records, strict=True)
    ]
    counts = Counter(named)
    told = [
        _with_digest(name, one) if counts[name] > 1 or not _is_free(name) else name
        for name, one in zip(named, records, strict=True)
    ]
    if len(set(told)) < len(told):
        return tuple(_with_digest(name, one) for name, one in zip(named, records, strict=True))
    return tuple(told)


def plain_words(text: str) -> str:
    """Return a text that is inert in the comments of every language: letters, digits, ``._-``."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", text).strip("-") or UNNAMED


def _parts(record: ModelRecord) -> tuple[str, ...]:
    """Return the conditions of a model."""
    conditions = (record.device, record.power_mode, record.runtime, record.precision)
    return tuple(part or "" for part in conditions)


def _joined(conditions: str, name: str) -> str:
    """Return conditions before a name; without any the name."""
    return f"{conditions}_{name}" if conditions else name


def _slug(text: str) -> str:
    """Return the letters and digits of a text."""
    return FOREIGN.sub("_", text.casefold()).strip("_")


def _is_free(name: str) -> bool:
    """Return whether every language keeps a name whole, and has no other use for it."""
    return len(name) <= LONGEST_NAME and name not in TAKEN


def _with_digest(name: str, record: ModelRecord) -> str:
    """Return a name that no other model has; a long one keeps its end, which names the model."""
    digest = hashlib.sha256(record.key.encode(errors="surrogatepass")).hexdigest()
    return f"{name[-LONGEST_SLUG:].strip('_')}_{digest[:DIGEST_LETTERS]}"
