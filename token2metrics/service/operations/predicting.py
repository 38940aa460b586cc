"""``/v1/predict``: what requests cost."""

from __future__ import annotations

from token2metrics.prediction.result import Prediction
from token2metrics.service.operations.asked import PredictRequest
from token2metrics.service.operations.choices import Choices, names_of_first
from token2metrics.service.operations.one_or_many import Question
from token2metrics.service.serving import Served

AT_ONCE = 50
"""So many predictions take about a millisecond."""

DESCRIPTION = (
    "Latency, energy, power and cost of a request to a language model, with intervals, what they "
    "rest on, and whether they have left the measured range: what the command `predict` says."
)


def predict_question(most: int) -> Question[PredictRequest]:
    """Return what can be asked.

    Args:
        most: Requests in one body.
    """
    return Question(
        path="/v1/predict",
        name="predict",
        summary="Predict latency, energy, power and cost of requests",
        description=DESCRIPTION,
        asked=PredictRequest,
        answered=(Prediction,),
        answer=lambda choose, asked, alone: predicted(choose, asked),
        example=_example,
        most=most,
        at_once=AT_ONCE,
    )


def predicted(choose: Choices, asked: PredictRequest) -> Prediction:
    """Predict one request.

    Raises:
        RequestError: If no trained model can.
    """
    predictor, prices = choose(asked)
    return predictor(
        asked.input_tokens, asked.output_tokens, prices, asked.confidence, asked.parallel
    )


def _example(served: Served) -> PredictRequest:
    """Return a request that an artifact can answer."""
    return PredictRequest(**names_of_first(served), input_tokens=512, output_tokens=128)
