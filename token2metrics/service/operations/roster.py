"""Everything the service can be asked, in the order of the document."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any

from token2metrics.service.http.answering import ENCODE
from token2metrics.service.http.operation import Documented, Operation
from token2metrics.service.http.reading import Content, ReadEndpoint
from token2metrics.service.operations.choices import CurrentChoices
from token2metrics.service.operations.comparing import compare_question
from token2metrics.service.operations.document import Writer
from token2metrics.service.operations.explained import explain_operation
from token2metrics.service.operations.exploring import explore_operation
from token2metrics.service.operations.known import Models, known_models
from token2metrics.service.operations.one_or_many import operation_of
from token2metrics.service.operations.planning import plan_question
from token2metrics.service.operations.predicting import predict_question
from token2metrics.service.options import ServiceOptions
from token2metrics.service.serving import Served, Serving

MODELS_PATH, DOCUMENT_PATH = "/v1/models", "/openapi.json"
JSON = "application/json"


def build_operations(
    options: ServiceOptions, serving: Serving, further: Sequence[Operation], aside: Executor
) -> tuple[Operation, ...]:
    """Build the operations of one process.

    Args:
        options: How much one request may ask for.
        serving: The artifact.
        further: Operations that need more than an artifact.
        aside: Carries out what takes long.
    """
    choices = CurrentChoices(serving)
    described: list[Operation] = [
        operation_of(predict_question(options.max_requests), choices, aside),
        operation_of(plan_question(options.max_plans, options.max_frontier_steps), choices, aside),
        operation_of(
            compare_question(options.max_plans, options.max_configurations), choices, aside
        ),
        _models_operation(serving, aside),
        *further,
        explore_operation(serving, aside),
        explain_operation(),
    ]

    def write(served: Served) -> Content:
        return Content(ENCODE(Writer(described, served, options.needs_token).write()))

    described.append(_document_operation(ReadEndpoint(serving, write, JSON, aside)))
    return tuple(described)


def _models_operation(serving: Serving, aside: Executor) -> Operation:
    """Return the operation that tells what is known."""
    endpoint = ReadEndpoint(
        serving, lambda served: Content(ENCODE(known_models(served))), JSON, aside
    )
    documented = Documented(
        name="models",
        summary="Tell which models can be asked for, and what is known of them",
        description=(
            "Names and conditions of each trained model, the token counts that were measured, the "
            "held-out errors, and what latency and energy of each phase rest on."
        ),
        answered=(Models,),
        answer=lambda served, asked: known_models(served),
    )
    return Operation(path=MODELS_PATH, method="GET", endpoint=endpoint, documented=documented)


def _document_operation(endpoint: ReadEndpoint) -> Operation:
    """Return the operation that describes all operations."""
    documented = Documented(
        name="openapi",
        summary="Describe the service",
        description="This document.",
        answered=(dict[str, Any],),
    )
    return Operation(path=DOCUMENT_PATH, method="GET", endpoint=endpoint, documented=documented)
