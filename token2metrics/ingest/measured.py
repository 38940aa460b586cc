"""Metrics that carry their unit beside them, as AIPerf and GenAI-Perf write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from token2metrics.ingest.reader import UnusableError
from token2metrics.ingest.told import Amount, Count, Fields, told
from token2metrics.ingest.units import seconds_of

TOKENS = "tokens"


class Unit(Fields, frozen=True):
    """The unit of a metric."""

    unit: str


@dataclass(frozen=True, slots=True)
class Metrics:
    """Metrics by name.

    Attributes:
        by_name: Objects with ``unit`` and a value, or statistics of one.
        statistic: Key of the number to take, such as ``value`` or ``p50``.
    """

    by_name: Mapping[str, Any]
    statistic: str

    def seconds(self, name: str) -> float | None:
        """Return a time in seconds; None where it is not told.

        Raises:
            UnusableError: If it is no number, or its unit none of time.
        """
        value = self._number(name)
        return None if value is None else seconds_of(value, self._unit(name))

    def tokens(self, name: str) -> int | None:
        """Return a number of tokens, whole; None where it is not told.

        Raises:
            UnusableError: If it is no number, or its unit another.
        """
        value = self._number(name)
        if value is None:
            return None
        if (unit := self._unit(name)) != TOKENS:
            raise UnusableError(f"expected {name} in tokens, got {unit!r}")
        return told(round(value), Count)

    def length_pair(self) -> tuple[int | None, int | None]:
        """Return tokens of prompt and answer: both as the server counts, else as the client does.

        The two count differently, so they are not mixed.
        """
        by_server = self.tokens("usage_prompt_tokens"), self.tokens("usage_completion_tokens")
        if None not in by_server:
            return by_server
        return self.tokens("input_sequence_length"), self.tokens("output_sequence_length")

    def _number(self, name: str) -> float | None:
        """Return a number in its own unit."""
        metric = self.by_name.get(name)
        value = metric.get(self.statistic) if isinstance(metric, dict) else None
        return None if value is None else told(value, Amount)

    def _unit(self, name: str) -> str:
        """Return the unit of a metric that has a number."""
        return told(self.by_name.get(name), Unit).unit
