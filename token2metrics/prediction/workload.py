"""What a workload is: the requests of trace files, and what became of their rows."""

from __future__ import annotations

from token2metrics.prediction.result import Result


class WorkloadSummary(Result, frozen=True):
    """What was read of a workload.

    Attributes:
        files: The trace files; empty for a single request.
        read_rows: Rows read.
        requests: Requests used.
        distinct: How many of them differ in their lengths.
        rejected_counts: Rows set aside, by reason.
        input_tokens: Prompt tokens of all requests.
        output_tokens: Output tokens of all requests, one sample each, as the files state them.
    """

    files: tuple[str, ...]
    read_rows: int
    requests: int
    distinct: int
    rejected_counts: dict[str, int]
    input_tokens: int
    output_tokens: int


def single_request(input_tokens: int, output_tokens: int) -> WorkloadSummary:
    """Return the workload that is one request.

    Args:
        input_tokens: Prompt tokens.
        output_tokens: Output tokens.
    """
    return WorkloadSummary(
        files=(),
        read_rows=1,
        requests=1,
        distinct=1,
        rejected_counts={},
        input_tokens=input_tokens,
        output_tokens=output_tokens,
    )
