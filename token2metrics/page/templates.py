"""The templates, style sheet and scripts of the pages."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from token2metrics.page.markdown import plain_markdown

ASSETS = "assets"
JSON = {"allow_nan": False, "ensure_ascii": False}
"""How values are written into pages; browsers read no number that is none."""


def asset(name: str) -> str:
    """Return the text of a file of the pages.

    Args:
        name: Its name in ``assets``.
    """
    return files(__package__).joinpath(ASSETS, name).read_text("utf-8")


def template(name: str) -> Template:
    """Return a template that escapes whatever it is given.

    Args:
        name: Its name in ``assets``.
    """
    return _environment(markdown=False).get_template(name)


def markdown_template(name: str) -> Template:
    """Return a template of Markdown, in which whatever it is given is plain text.

    Args:
        name: Its name in ``assets``.
    """
    return _environment(markdown=True).get_template(name)


@cache
def _environment(markdown: bool) -> Environment:
    """Return what reads and fills templates."""
    environment = Environment(
        loader=PackageLoader(__package__, ASSETS),
        autoescape=not markdown,
        finalize=plain_markdown if markdown else None,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.policies["json.dumps_kwargs"] = JSON
    return environment
