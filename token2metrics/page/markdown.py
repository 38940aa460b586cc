"""Texts in Markdown as they are: nothing in them is markup."""

from __future__ import annotations

import re

MARKUP = re.compile(r"[\\`*_{}\[\]<>|~$]")
"""What may begin emphasis, code, links, formulas, HTML or cells, wherever it stands."""

LEADING = re.compile(r"^([#+=-]+|\d+[.)])(?=\s|$)")
"""What begins a heading, a list or a rule at the start of a line."""


def plain_markdown(value: object) -> str:
    """Return a value as one line of Markdown that shows it as it is.

    Args:
        value: A text, or what has one.
    """
    line = " ".join(str(value).split()).replace("&", "&amp;")
    escaped = MARKUP.sub(lambda found: f"\\{found.group()}", line)
    return LEADING.sub(lambda found: _escaped_lead(found.group()), escaped)


def _escaped_lead(lead: str) -> str:
    """Return the start of a line as text."""
    return f"{lead[:-1]}\\{lead[-1]}"
