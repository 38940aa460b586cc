"""How much a defect matters, and what is done about it."""

from enum import StrEnum


class Severity(StrEnum):
    """How much a defect matters."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Action(StrEnum):
    """What becomes of the rows of a defect in training."""

    REJECT = "row not used"
    REJECT_ENERGY = "energy not used"
    KEEP = "kept"
