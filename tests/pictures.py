"""What is drawn in files of pictures, for tests."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

PNG_BEGINS = b"\x89PNG\r\n\x1a\n"
SVG = "{http://www.w3.org/2000/svg}"


def is_png(path: Path) -> bool:
    """Return whether a file is a whole PNG: it begins and ends as one, and has a size."""
    content = path.read_bytes()
    sides = [int.from_bytes(content[start : start + 4]) for start in (16, 20)]
    whole = content.startswith(PNG_BEGINS) and content.endswith(b"IEND\xaeB`\x82")
    return whole and min(sides) > 0


def words_of(path: Path) -> str:
    """Return the text that stands in an SVG, its lines joined; it has to be well-formed."""
    root = ElementTree.fromstring(path.read_text())
    assert root.tag == f"{SVG}svg"
    found = " ".join(" ".join(text.itertext()) for text in root.iter(f"{SVG}text"))
    return re.sub(r"\s+", " ", found)
