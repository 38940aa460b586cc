"""The page of licences is of the dependencies that ``pyproject.toml`` names."""

from __future__ import annotations

import re

import pytest

from benchmarks.licences import ALWAYS, PAGE, UNKNOWN, licence_of, named_dependencies, page

ROW = re.compile(r"^\| (?P<extra>[\w-]+) \| (?P<name>[\w-]+) \| (?P<licence>.+) \|$", re.MULTILINE)
COPYLEFT = re.compile(r"\bA?GPL", re.IGNORECASE)
NAMED = [(extra, name) for extra, names in named_dependencies().items() for name in names]


def listed() -> dict[tuple[str, str], str]:
    """Return the licence of each extra and package on the page."""
    _, *rows = ROW.finditer(PAGE.read_text())
    return {(row["extra"], row["name"]): row["licence"] for row in rows}


def test_every_dependency_is_listed_and_nothing_else() -> None:
    """In the order of the extras; run ``nox -s licences`` where this fails."""
    assert list(listed()) == NAMED


@pytest.mark.parametrize(("extra", "name"), NAMED)
def test_every_licence_is_known(extra: str, name: str) -> None:
    """On the page, and of what is installed here."""
    assert UNKNOWN not in (listed()[extra, name], licence_of(name))


def test_nothing_binds_those_who_use_the_package() -> None:
    """No dependency, named or brought along, is under the GPL."""
    text = page()
    assert f"| {ALWAYS} | msgspec |" in text
    assert COPYLEFT.search(text) is None
    assert COPYLEFT.search(PAGE.read_text()) is None
