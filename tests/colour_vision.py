"""Contrast as WCAG 2.2 has it, and colours as people with other colour vision see them."""

from __future__ import annotations

from itertools import combinations
from math import dist

Triple = tuple[float, float, float]

VISION: dict[str, tuple[Triple, Triple, Triple]] = {
    "usual": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
"""Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB."""

TO_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
WHITE: Triple = (0.95047, 1.0, 1.08883)
EPSILON, KAPPA = 216 / 24389, 24389 / 27
"""Of CIELAB (CIE 15)."""


def linear(colour: str) -> Triple:
    """Return linear RGB of ``#RRGGBB``."""
    red, green, blue = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return _linear(red), _linear(green), _linear(blue)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21."""
    low, high = sorted(_dot(TO_XYZ[1], linear(colour)) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def nearest(colours: tuple[str, ...], vision: str) -> float:
    """Return how far apart in CIELAB the most alike of some colours lie for a kind of vision."""
    seen = [_lab(_through(VISION[vision], linear(colour))) for colour in colours]
    return min(dist(one, other) for one, other in combinations(seen, 2))


def _linear(value: float) -> float:
    """Undo the transfer curve of sRGB."""
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def _dot(row: Triple, colour: Triple) -> float:
    """Return a sum of products."""
    return sum(share * value for share, value in zip(row, colour, strict=True))


def _through(matrix: tuple[Triple, Triple, Triple], colour: Triple) -> Triple:
    """Return a colour as somebody sees it, inside what a screen shows."""
    red, green, blue = (min(max(_dot(row, colour), 0.0), 1.0) for row in matrix)
    return red, green, blue


def _lab(colour: Triple) -> Triple:
    """Return CIELAB of linear RGB."""
    x, y, z = (_bent(_dot(row, colour) / at) for row, at in zip(TO_XYZ, WHITE, strict=True))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _bent(value: float) -> float:
    """Return the bent lightness of CIELAB."""
    return float(value ** (1 / 3)) if value > EPSILON else (KAPPA * value + 16) / 116
