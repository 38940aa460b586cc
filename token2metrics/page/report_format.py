"""What a report is written as."""

from enum import StrEnum


class ReportFormat(StrEnum):
    """The kinds of reports."""

    HTML = "html"
    """One page that works offline."""

    MARKDOWN = "md"
    """A model card."""

    PICTURES = "png"
    """A folder of single figures."""
