"""``/v1/compare``: models, devices and samples at once, side by side."""

from __future__ import annotations

from token2metrics.comparing.compare import compare_totals
from token2metrics.comparing.comparison import ChoiceLimits, Comparison
from token2metrics.comparing.configurations import (
    Configuration,
    configurations,
    select_trained,
)
from token2metrics.comparing.quality import Quality
from token2metrics.comparing.totals import percentiles, request_totals
from token2metrics.errors import RequestError
from token2metrics.prediction.money import prices_on
from token2metrics.prediction.workload import single_request
from token2metrics.service.operations.asked import CompareRequest
from token2metrics.service.operations.one_or_many import Question
from token2metrics.service.serving import Served

AT_ONCE = 0
"""A comparison takes as long as there are configurations."""

DESCRIPTION = (
    "What a request costs with each trained model, power mode, runtime, precision and number of "
    "samples at once; the Pareto front among them, and the best one within limits: what the "
    "command `compare` says of one request. That nothing keeps the limits is an answer, with "
    "`keeping` 0 in `choice`."
)


def compare_question(most: int, most_configurations: int) -> Question[CompareRequest]:
    """Return what can be asked.

    Args:
        most: Requests in one body.
        most_configurations: Configurations in one comparison.
    """
    return Question(
        path="/v1/compare",
        name="compare",
        summary="Compare models, devices and samples at once, for a request",
        description=DESCRIPTION,
        asked=CompareRequest,
        answered=(Comparison,),
        answer=lambda choose, asked, alone: compared(choose.served, asked, most_configurations),
        example=_example,
        most=most,
        at_once=AT_ONCE,
    )


def compared(served: Served, asked: CompareRequest, most: int) -> Comparison:
    """Compare what can answer one request.

    Args:
        served: The artifact, called by its digest.
        asked: What is asked.
        most: Configurations in one comparison.

    Raises:
        RequestError: If nothing trained is meant, or too much.
        DataError: If qualities or objectives fit nothing.
    """
    levels = percentiles(asked.percentile)
    found = _configurations(served, asked, most)
    lengths = asked.input_tokens, asked.output_tokens
    totals = [request_totals(one, lengths, levels, asked.confidence) for one in found]
    return compare_totals(
        found,
        totals,
        single_request(*lengths),
        asked.objectives,
        ChoiceLimits(
            max_latency_s=asked.max_latency_s,
            max_energy_j=asked.max_energy_j,
            max_cost=asked.max_cost,
        ),
        asked.percentile,
        asked.confidence,
    )


def _configurations(served: Served, asked: CompareRequest, most: int) -> tuple[Configuration, ...]:
    """Return what is compared.

    Raises:
        RequestError: If nothing trained is meant, or too much.
        DataError: If qualities fit nothing.
    """
    conditions = {
        "device": asked.devices,
        "power_mode": asked.power_modes,
        "runtime": asked.runtimes,
        "precision": asked.precisions,
    }
    chosen = select_trained({served.digest: served.predictor}, asked.models, conditions)
    money = asked.price_per_kwh, asked.device_price, asked.lifetime_years
    priced = [(one, prices_on(one.record.hardware, *money)) for one in chosen]
    qualities = [
        Quality(one.model, one.quality, one.max_output_tokens, one.parallel, one.precision)
        for one in asked.qualities
    ]
    found = configurations(priced, asked.parallel, qualities)
    if len(found) > most:
        raise RequestError(
            f"expected at most {most:,} configurations in a comparison, got {len(found):,}; name "
            "fewer models, parallel or qualities"
        )
    return found


def _example(served: Served) -> CompareRequest:
    """Return a request that an artifact can answer."""
    return CompareRequest(input_tokens=512, output_tokens=128, max_latency_s=30.0)
