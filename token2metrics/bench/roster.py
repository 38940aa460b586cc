"""Every contender by name, imported only when it is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from token2metrics.errors import ConfigurationError

if TYPE_CHECKING:
    from token2metrics.bench.contender import Contender

PACKAGE = "token2metrics.bench"

ROSTER = {
    "edgereasoning": ("edgereasoning", "EdgeReasoning"),
    "edgereasoning-published": ("edgereasoning_published", "EdgeReasoningPublished"),
    "original-ratio-linear": ("original", "RatioLinear"),
    "original-ratio-polynomial": ("original", "RatioPolynomial"),
    "original-ratio-forest": ("original", "RatioForest"),
    "original-linear": ("original", "OriginalLinear"),
    "original-polynomial": ("original", "OriginalPolynomial"),
    "original-forest": ("original", "OriginalForest"),
    "wilkins": ("wilkins", "Wilkins"),
    "wilkins-relative": ("wilkins", "WilkinsRelative"),
    "ecologits": ("ecologits", "EcoLogits"),
    "llm-d": ("llmd", "LlmD"),
    "lightgbm": ("boosted", "LightGbm"),
    "xgboost": ("boosted", "XgBoost"),
    "isotonic": ("isotonic", "Isotonic"),
    "ours": ("ours", "Ours"),
}
"""Module and class of each contender, in the order of the tables."""


def choose_names(wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the wanted names in the order of the roster; all of them when none is given.

    Raises:
        ConfigurationError: If a name is unknown.
    """
    spelled = {name.strip().lower() for name in wanted}
    unknown = sorted(spelled - set(ROSTER))
    if unknown:
        raise ConfigurationError(
            f"expected --only to name contenders among {', '.join(ROSTER)}, "
            f"got {', '.join(map(repr, unknown))}"
        )
    return tuple(name for name in ROSTER if not spelled or name in spelled)


def build(names: Sequence[str]) -> tuple[Contender, ...]:
    """Import and build contenders.

    Args:
        names: Names in the roster.
    """
    built = []
    for name in names:
        module, kind = ROSTER[name]
        contender: Contender = getattr(import_module(f"{PACKAGE}.{module}"), kind)()
        built.append(contender)
    return tuple(built)
