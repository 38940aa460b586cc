"""Labels that tell the models of a report apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from token2metrics.artifact.manifest import ModelRecord

DISTINGUISHING = ("device", "power_mode", "runtime", "precision")
"""What tells models of one name apart, in the order in which people look at it."""

LONGEST_LABEL = 48
CUT, UNPRINTABLE, NAMELESS = "…", "\N{REPLACEMENT CHARACTER}", "model"


def labels_of(records: Sequence[ModelRecord]) -> list[str]:
    """Return a label for each model: its short name, and where that is not enough what differs.

    Labels are printable, short and unique, whatever a name is.

    Args:
        records: What the artifact says of the models.
    """
    labels = [legible(record.name) for record in records]
    for longer in (_with_conditions(records), lambda record: f"{record.name} ({record.id})"):
        labels = _told_apart(labels, records, longer)
    seen: Counter[str] = Counter()
    numbered = []
    for label in labels:
        seen[label] += 1
        numbered.append(label if seen[label] == 1 else f"{label} no. {seen[label]}")
    return numbered


def legible(text: str) -> str:
    """Return a name on one line, without what cannot be printed, and not too long."""
    line = " ".join(text.split())
    printable = "".join(letter if letter.isprintable() else UNPRINTABLE for letter in line)
    short = printable or NAMELESS
    return short if len(short) <= LONGEST_LABEL else short[: LONGEST_LABEL - 1] + CUT


def _told_apart(
    labels: Sequence[str], records: Sequence[ModelRecord], longer: Callable[[ModelRecord], str]
) -> list[str]:
    """Replace the labels that several models share."""
    shared = Counter(labels)
    return [
        label if shared[label] == 1 else legible(longer(record))
        for label, record in zip(labels, records, strict=True)
    ]


def _with_conditions(records: Sequence[ModelRecord]) -> Callable[[ModelRecord], str]:
    """Return what names a model with the conditions in which it differs from its namesakes."""

    def longer(record: ModelRecord) -> str:
        namesakes = [one for one in records if one.name == record.name]
        differing = [
            str(getattr(record, field))
            for field in DISTINGUISHING
            if len({getattr(one, field) for one in namesakes}) > 1 and getattr(record, field)
        ]
        return ", ".join([record.name, *differing])

    return longer
