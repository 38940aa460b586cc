"""What a service is told when it starts."""

from __future__ import annotations

import msgspec

from token2metrics.errors import ConfigurationError


class ServiceOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How much one request to the service may ask for; ``limits`` holds what it may weigh.

    Attributes:
        max_requests: Predictions in one body.
        max_plans: Plans, or comparisons, in one body.
        max_configurations: Models, samples and caps together in one comparison.
        max_frontier_steps: Steps of the longest frontier that a plan without a token count is
            computed for; each takes about a millisecond.
        needs_token: Whether a bearer token has to be shown, as OpenAPI says then.

    Raises:
        ConfigurationError: If nothing could be asked for.
    """

    max_requests: int = 1_000
    max_plans: int = 100
    max_configurations: int = 200
    max_frontier_steps: int = 2_000
    needs_token: bool = False

    def __post_init__(self) -> None:
        """Refuse what would answer nothing."""
        for name, value in msgspec.structs.asdict(self).items():
            if not isinstance(value, bool) and value < 1:
                option = f"--{name.replace('_', '-')}"
                raise ConfigurationError(f"expected {option} of at least 1, got {value!r}")
