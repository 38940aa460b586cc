"""What became of each curve of a fleet."""

from enum import StrEnum


class Status(StrEnum):
    """Whether a curve was fitted, or why not; no failure touches another curve."""

    FITTED = "fitted"
    NO_ROWS = "no usable row"
    NO_WORK = "no row asks for work of the phase"
    TOO_FEW_ROWS = "fewer rows than weights, and nothing shared"
    SINGULAR = "rows do not tell the weights apart, and nothing shared does"
    NON_FINITE = "a weight is not finite, or too large for any prediction"

    @property
    def code(self) -> int:
        """The number that stands for it in tensors."""
        return STATUSES.index(self)


STATUSES = tuple(Status)
"""In the order of their codes."""
