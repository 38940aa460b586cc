"""Limits that a request must keep, with a probability."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import msgspec

from token2metrics.errors import RequestError
from token2metrics.intervals import HIGHEST_CONFIDENCE, LOWEST_CONFIDENCE
from token2metrics.parallel import SINGLE
from token2metrics.prediction.checks import check_parallel
from token2metrics.prediction.result import Prices, Result
from token2metrics.vocabulary import MAX_TOKENS

LOWEST_PROBABILITY = (1.0 + LOWEST_CONFIDENCE) / 2.0
HIGHEST_PROBABILITY = (1.0 + HIGHEST_CONFIDENCE) / 2.0
DEFAULT_PROBABILITY = 0.95

DEFAULT_CONTEXT_TOKENS = 131_072
"""The context of many current models, where nobody states that of the engine."""

FEWEST_CONTEXT_TOKENS = 2
"""A prompt of one token and an answer of one."""

DECIMALS = 12
"""Probabilities are rounded to so many, to be free of the rounding of their complements."""


class AtMost(Result, frozen=True):
    """What a request takes at most, each number with the probability that one limit is given.

    Attributes:
        latency_s: Seconds until the last token.
        ttft_s: Seconds until the first token.
        energy_j: Joules; None where an unmetered phase runs on a device without a stated limit.
        power_w: Mean watts; None likewise.
        cost: Electricity and the device's wear, whichever is known; None without either.
    """

    latency_s: float
    ttft_s: float
    energy_j: float | None
    power_w: float | None
    cost: float | None


class Broken(Result, frozen=True):
    """A limit that a request may break.

    Attributes:
        limit: Its name in ``Limits``.
        allowed: The limit.
        at_most: What the request takes at most.
        excess: By how much that is above the limit.
    """

    limit: str
    allowed: float
    at_most: float
    excess: float


class Limits(Result, frozen=True):
    """What a request may take; None leaves a quantity open.

    Attributes:
        latency_s: Seconds until the last token.
        ttft_s: Seconds until the first token.
        energy_j: Joules.
        power_w: Mean watts over the request.
        cost: Electricity and the device's wear, in the currency of the prices.

    Raises:
        RequestError: If there is none, or one is no finite number above 0.
    """

    latency_s: float | None = None
    ttft_s: float | None = None
    energy_j: float | None = None
    power_w: float | None = None
    cost: float | None = None

    def __post_init__(self) -> None:
        """Refuse limits that mean nothing."""
        if not self.stated:
            names = ", ".join(self.__struct_fields__)
            raise RequestError(f"expected at least one limit of {names}, got none")
        for name, value in self.stated.items():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not (math.isfinite(value) and value > 0):
                raise RequestError(f"expected the limit {name} to be above 0, got {value!r}")

    @property
    def stated(self) -> dict[str, float]:
        """The limits that are not open, by name."""
        named = msgspec.structs.asdict(self)
        return {name: value for name, value in named.items() if value is not None}

    def broken_by(self, request: AtMost) -> tuple[Broken, ...]:
        """Return the limits that a request may break; what is unknown breaks its limit."""
        found = []
        for name, allowed in self.stated.items():
            known = getattr(request, name)
            at_most = math.inf if known is None else known
            if at_most > allowed:
                excess = at_most - allowed
                found.append(Broken(limit=name, allowed=allowed, at_most=at_most, excess=excess))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Demand:
    """Under what a plan has to hold.

    Attributes:
        limits: What a request may take.
        probability: How probably a request keeps all of them, 0.75 to 0.995 where it is one.
        prices: What money is counted with; needed for a limit of the cost.
        parallel: Answers to the prompt that are generated at once.
        context_tokens: Tokens that the engine holds, prompt and answer together.

    Raises:
        RequestError: If one of them is impossible.
    """

    limits: Limits
    probability: float = DEFAULT_PROBABILITY
    prices: Prices | None = None
    parallel: int = SINGLE
    context_tokens: int = DEFAULT_CONTEXT_TOKENS
    confidence: float = field(init=False)

    def __post_init__(self) -> None:
        """Check, and find the confidence of the two-sided intervals that are used."""
        check_parallel(self.parallel)
        context = self.context_tokens
        whole = isinstance(context, int) and not isinstance(context, bool)
        if not whole or not FEWEST_CONTEXT_TOKENS <= context <= MAX_TOKENS:
            raise RequestError(
                f"expected context_tokens to be a whole number {FEWEST_CONTEXT_TOKENS}.."
                f"{MAX_TOKENS}, got {context!r}"
            )
        shared = confidence_of(self.probability, len(self.limits.stated))
        object.__setattr__(self, "confidence", shared)


def confidence_of(probability: float, limits: int) -> float:
    """Return the confidence of intervals whose upper ends hold together with a probability.

    The upper end of a two-sided interval of confidence ``c`` holds with ``(1 + c) / 2``. Limits
    that must hold together share the risk equally, whatever makes one and the other break: the
    risk that any breaks is at most the sum (Bonferroni).

    Args:
        probability: That every limit holds.
        limits: How many there are.

    Raises:
        RequestError: If no interval is offered for it.
    """
    highest = 1.0 - limits * (1.0 - HIGHEST_PROBABILITY)
    number = isinstance(probability, int | float) and not isinstance(probability, bool)
    rounded = round(probability, DECIMALS) if number else math.nan
    if not LOWEST_PROBABILITY <= rounded <= round(highest, DECIMALS):
        together = f" for {limits} limits together" if limits > 1 else ""
        raise RequestError(
            f"expected a probability between {LOWEST_PROBABILITY:g} and {highest:g}{together}, "
            f"got {probability!r}"
        )
    shared = round(1.0 - 2.0 * (1.0 - rounded) / limits, DECIMALS)
    return min(max(shared, LOWEST_CONFIDENCE), HIGHEST_CONFIDENCE)
