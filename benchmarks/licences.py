"""List the licence of every package that the extras install, and write ``docs/licences.md``.

Run it where everything is installed: ``nox -s licences``. Licences are those that the packages'
own metadata state.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "licences.md"
PROJECT = "token2metrics"
ALWAYS = "always"
NOT_AT_RUN_TIME = ("test", "lint")
UNKNOWN = "unknown"
LONGEST_NAME = 60
CLASSIFIER = "License :: "

SPDX = {
    "Apache 2.0": "Apache-2.0",
    "Apache 2.0 License": "Apache-2.0",
    "Apache License": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD 3-Clause License": "BSD-3-Clause",
    "BSD License": "BSD",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "The MIT License (MIT)": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""Short names of licences that metadata spell out."""

NOT_EVERYWHERE = {"xgboost": "Apache-2.0", "zeus": "Apache-2.0"}
"""What is left out where this runs: the one is for macOS alone, the other no part of ``all``."""

HEAD = """# Licences of dependencies

What `pip install 'token2metrics[EXTRA]'` brings along at run time, with the licence that each
package's own metadata state. Written by `nox -s licences`; the package itself is Apache-2.0. On
Linux, PyPI's torch also brings NVIDIA's CUDA libraries, which are under NVIDIA's own terms; its CPU
build does not.

| extra | package | licence |
|---|---|---|
"""
FURTHER = """
## What these bring

| package | licence |
|---|---|
"""


def named_dependencies() -> dict[str, tuple[str, ...]]:
    """Return the packages that ``pyproject.toml`` names for run time, by extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras: Mapping[str, list[str]] = project["optional-dependencies"]
    chosen = {name: one for name, one in extras.items() if name not in NOT_AT_RUN_TIME}
    groups = {ALWAYS: project["dependencies"], **chosen}
    named = {extra: _foreign(requirements) for extra, requirements in groups.items()}
    return {extra: names for extra, names in named.items() if names}


def _foreign(requirements: Iterable[str]) -> tuple[str, ...]:
    """Return the names of requirements that are not the project itself."""
    names = {canonicalize_name(Requirement(one).name) for one in requirements}
    return tuple(sorted(names - {PROJECT}))


def licence_of(name: str) -> str:
    """Return the licence that an installed package states; ``unknown`` if it states none."""
    if name in NOT_EVERYWHERE:
        return NOT_EVERYWHERE[name]
    found = distribution(name)
    expression = found.metadata.json.get("license_expression")
    if expression:
        return str(expression)
    told = [*_classified(found), *_written(found)]
    return told[0] if told else UNKNOWN


def _classified(found: Distribution) -> Iterator[str]:
    """Yield the licences of the classifiers, as one choice."""
    classifiers = found.metadata.get_all("Classifier") or []
    names = [one.rpartition(" :: ")[2] for one in classifiers if one.startswith(CLASSIFIER)]
    short = sorted({SPDX.get(name, name) for name in names if name != "OSI Approved"})
    if short:
        yield " OR ".join(short)


def _written(found: Distribution) -> Iterator[str]:
    """Yield the name in the licence field, or in the first line of the licence file."""
    files = [
        file for file in found.files or () if re.match(r"LICEN[CS]E", file.name, re.IGNORECASE)
    ]
    texts = [str(found.metadata.json.get("license", "")), *(file.read_text() for file in files)]
    for text in texts:
        first = next((line.strip() for line in text.splitlines() if line.strip()), "")
        if first and len(first) <= LONGEST_NAME:
            yield SPDX.get(first, first)


def brought(names: Iterable[str]) -> set[str]:
    """Return packages and everything that they require on this machine."""
    known: set[str] = set()
    left = [(name, frozenset[str]()) for name in names]
    while left:
        name, extras = left.pop()
        if name in known and not extras:
            continue
        known.add(name)
        left += [one for one in _required(name, extras) if one[0] not in known]
    return known


def _required(name: str, extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield what an installed package requires here."""
    try:
        requirements = distribution(name).requires or []
    except PackageNotFoundError:
        return
    for requirement in map(Requirement, requirements):
        environments = [{"extra": extra} for extra in extras or {""}]
        marker = requirement.marker
        if marker is None or any(marker.evaluate(one) for one in environments):
            yield canonicalize_name(requirement.name), frozenset(requirement.extras)


def page() -> str:
    """Return the page."""
    named = named_dependencies()
    lines = [
        f"| {extra} | {name} | {licence_of(name)} |\n"
        for extra, names in named.items()
        for name in names
    ]
    own = {name for names in named.values() for name in names}
    further = sorted(brought(own - set(NOT_EVERYWHERE)) - own - {PROJECT})
    lines_further = [f"| {name} | {licence_of(name)} |\n" for name in further if _installed(name)]
    return HEAD + "".join(lines) + FURTHER + "".join(lines_further)


def _installed(name: str) -> bool:
    """Return whether a package is installed."""
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def main() -> None:
    """Write the page, and leave with 1 where a licence is unknown."""
    text = page()
    PAGE.write_text(text)
    sys.exit(1 if f"| {UNKNOWN} |" in text else 0)


if __name__ == "__main__":
    main()
