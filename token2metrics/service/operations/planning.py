"""``/v1/plan``: the longest requests that keep limits."""

from __future__ import annotations

import msgspec

from token2metrics.errors import RequestError
from token2metrics.planning.answerable import SHORTEST, bounds_for
from token2metrics.planning.frontier import NO_TOKEN, Frontier
from token2metrics.planning.limits import Demand, Limits
from token2metrics.planning.plan import Plan, longest_answer, longest_prompt, most_tokens
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.service.operations.asked import AskedLimits, PlanRequest
from token2metrics.service.operations.choices import Choices, names_of_first
from token2metrics.service.operations.one_or_many import Question
from token2metrics.service.serving import Served

AT_ONCE = 0
"""A plan takes a millisecond or more."""

NO_STEP = 0
DESCRIPTION = (
    "The longest answer to a prompt of `input_tokens`, the longest prompt before an answer of "
    "`output_tokens`, or with neither the longest answer to every prompt, that keeps all limits "
    "with a probability: what the command `plan` says. That nothing keeps the limits is an answer, "
    "with `feasible` false. In an array each request has one of the counts."
)


def plan_question(most: int, most_steps: int) -> Question[PlanRequest]:
    """Return what can be asked.

    Args:
        most: Requests in one body.
        most_steps: Steps of the longest frontier.
    """
    return Question(
        path="/v1/plan",
        name="plan",
        summary="Find the longest request that keeps limits of time, energy, power or cost",
        description=DESCRIPTION,
        asked=PlanRequest,
        answered=(Plan, Frontier),
        answer=lambda choose, asked, alone: planned(
            choose, asked, most_steps if alone else NO_STEP
        ),
        example=_example,
        most=most,
        at_once=AT_ONCE,
    )


def planned(choose: Choices, asked: PlanRequest, most_steps: int) -> Plan | Frontier:
    """Plan one request.

    Args:
        choose: Finds models.
        asked: What is asked.
        most_steps: Steps of the longest frontier; 0 where none is wanted.

    Raises:
        RequestError: If no trained model can tell, or the request means nothing.
    """
    predictor, prices = choose(asked)
    limits = _limits(asked.limits)
    demand = Demand(limits, asked.probability, prices, asked.parallel, asked.context_tokens)
    prompt, answer = asked.input_tokens, asked.output_tokens
    if prompt is not None and answer is not None:
        raise RequestError(
            "expected input_tokens or output_tokens, got both; one is given, the other planned"
        )
    if prompt is not None:
        return longest_answer(predictor, prompt, demand)
    if answer is not None:
        return longest_prompt(predictor, answer, demand)
    _check_steps(predictor, demand, most_steps)
    return Frontier.of(predictor, demand)


def _limits(asked: AskedLimits) -> Limits:
    """Return limits as plans take them.

    Raises:
        RequestError: If none is stated.
    """
    return Limits(**msgspec.structs.asdict(asked))


def _check_steps(predictor: ModelPredictor, demand: Demand, most: int) -> None:
    """Refuse a frontier that would take too long: its steps are bounded by either count's range.

    Raises:
        RequestError: If it might have more steps than allowed, or none is wanted.
    """
    if not most:
        raise RequestError(
            "expected input_tokens or output_tokens in each of several requests, got neither; ask "
            "for the longest answer to every prompt alone"
        )
    bounds, context = bounds_for(predictor.model, demand), demand.context_tokens
    answers = most_tokens(bounds.after(NO_TOKEN), demand.limits, NO_TOKEN, context)
    prompts = most_tokens(
        lambda prompt: bounds(prompt, SHORTEST), demand.limits, NO_TOKEN, context - SHORTEST
    )
    steps = min(answers, prompts)
    if steps > most:
        raise RequestError(
            "expected limits under which the longest answers to every prompt have at most "
            f"{most:,} steps, got {steps:,} that they may have; give input_tokens, or stricter "
            "limits, or use the command plan"
        )


def _example(served: Served) -> PlanRequest:
    """Return a request that an artifact can answer."""
    return PlanRequest(
        **names_of_first(served), limits=AskedLimits(latency_s=5.0), input_tokens=400
    )
