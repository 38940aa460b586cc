"""The few requests that calibrate a device: spread over both lengths, the long ones first."""

from __future__ import annotations

from token2metrics.errors import ConfigurationError
from token2metrics.measure.plan import Point, fitting_prompt

SHORTEST_TOKENS = 16
ANSWER_SHARES = (1.0, 0.25)
"""Answers take turns, so that decode is seen at two lengths over all depths of context."""


def few_points(
    count: int, longest_input: int, longest_output: int, context_tokens: int | None = None
) -> tuple[Point, ...]:
    """Return points whose prompts are spaced evenly in logarithms, from short to the longest.

    One point alone lies in the middle.

    Args:
        count: How many, at least 1.
        longest_input: Most prompt tokens.
        longest_output: Most output tokens.
        context_tokens: Context of the engine, to which the prompts keep; None if unknown.

    Raises:
        ConfigurationError: If there are fewer lengths than points, or a number makes no sense.
    """
    if count < 1 or longest_input < 1 or longest_output < 2:
        raise ConfigurationError(
            "expected at least one point, prompts of 1 token and answers of 2, got "
            f"{count} points, {longest_input} and {longest_output} tokens"
        )
    longest_input = fitting_prompt(longest_input, longest_output, context_tokens)
    shortest = min(SHORTEST_TOKENS, longest_input)
    ranks = [0.5] if count == 1 else [rank / (count - 1) for rank in range(count)]
    prompts = [round(shortest * (longest_input / shortest) ** rank) for rank in ranks]
    if len(set(prompts)) < count:
        raise ConfigurationError(
            f"expected room for {count} prompts between {shortest} and {longest_input} tokens, "
            "got fewer lengths; raise --max-input-tokens or ask for fewer --points"
        )
    answers = [max(2, round(longest_output * share)) for share in ANSWER_SHARES]
    return tuple(
        Point(prompt, answers[place % len(answers)])
        for place, prompt in enumerate(reversed(prompts))
    )
