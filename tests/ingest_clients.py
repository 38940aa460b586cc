"""A small file of every client and leaderboard that ``ingest`` knows, with the rows it should give.

The texts were written for these tests in the formats of the tools.
"""

from __future__ import annotations

import json
from typing import Any

from tests.ingest_engines import ENGINES, Sample, lines

NS_EPOCH = 1_790_000_000_000_000_000
EPOCH_S = 1_790_000_000.0

RUN: dict[str, Any] = {
    "date": "20261121-170000",
    "backend": "vllm",
    "model_id": "Qwen/Qwen2.5-7B",
    "num_prompts": 4,
    "request_rate": "inf",
    "max_concurrency": 1,
    "duration": 4.0,
    "completed": 3,
    "failed": 1,
    "total_input_tokens": 300,
    "total_output_tokens": 9,
    "request_throughput": 0.75,
}
DETAILS: dict[str, Any] = {
    "input_lens": [100, 101, 99, 100],
    "output_lens": [3, 3, 3, 0],
    "ttfts": [0.17, 0.15, 0.16, 0.0],
    "itls": [[0.02, 0.03], [0.02, 0.02], [0.03, 0.03], []],
    "errors": ["", "", "", "ServerDisconnectedError"],
    "start_times": [4651.1, 4651.5, 4652.0, 4652.4],
}
DETAILED_ROWS = (
    ("prefill", 100, 1, 0.17),
    ("decode", 100, 3, 0.05),
    ("prefill", 101, 1, 0.15),
    ("decode", 101, 3, 0.04),
    ("prefill", 99, 1, 0.16),
    ("decode", 99, 3, 0.06),
)
SUMMARY_MS: dict[str, Any] = {
    "mean_ttft_ms": 170.0,
    "median_ttft_ms": 160.0,
    "median_tpot_ms": 25.0,
}
SUMMARY_S: dict[str, Any] = {"median_ttft": 0.16, "median_tpot": 0.025}
SUMMARY_ROWS = (("prefill", 100, 1, 0.16), ("decode", 100, 3, 0.05))
RETOKENISED: dict[str, Any] = {**SUMMARY_MS, "mean_tpot_ms": 3.0, "mean_itl_ms": 24.0}
NO_REQUEST_DONE: dict[str, Any] = {
    **{key: value for key, value in RUN.items() if key != "failed"},
    "completed": 0,
    "total_input_tokens": 0,
    "total_output_tokens": 0,
    "mean_ttft_ms": 0.0,
    "median_ttft_ms": 0.0,
}
SGLANG: dict[str, Any] = {**RUN, "backend": "sglang", "total_output_tokens_retokenized": 9}

GUIDE_V2: dict[str, Any] = {
    "metadata": {"version": 2},
    "benchmarks": [
        {
            "config": {"backend": {"model": "a"}, "strategy": {"type_": "synchronous"}},
            "requests": {
                "successful": [
                    {
                        "prompt_tokens": 89,
                        "cached_tokens": 1,
                        "output_tokens": 16,
                        "time_per_output_token_ms": 9.9,
                        "info": {
                            "timings": {
                                "request_start": EPOCH_S,
                                "first_token_iteration": EPOCH_S + 1.25,
                                "last_token_iteration": EPOCH_S + 3.0,
                                "request_end": EPOCH_S + 3.0,
                            }
                        },
                    }
                ],
                "incomplete": [{"prompt_tokens": 89}],
                "errored": [],
            },
        }
    ],
}
GUIDE_V1: dict[str, Any] = {
    "benchmarks": [
        {
            "worker": {"backend_model": "a"},
            "requests": {
                "successful": [
                    {
                        "prompt_tokens": 50,
                        "output_tokens": 5,
                        "start_time": EPOCH_S,
                        "first_token_time": EPOCH_S + 0.5,
                        "last_token_time": EPOCH_S + 1.5,
                        "end_time": EPOCH_S + 1.5,
                    }
                ]
            },
        }
    ]
}
GUIDE_MEDIANS: dict[str, Any] = {
    "benchmarks": [
        {
            "requests": {"successful": None},
            "metrics": {
                "prompt_token_count": {"successful": {"median": 89.0}},
                "output_token_count": {"successful": {"median": 16.0}},
                "time_to_first_token_ms": {"successful": {"median": 125.0, "count": 6}},
                "inter_token_latency_ms": {"successful": {"median": 10.0}},
                "request_concurrency": {"successful": {"mean": 1.02}},
            },
        }
    ]
}
GUIDE_CSV = """\
Run Info,Request Counts,Time to First Token,Inter Token Latency,Token Metrics,Token Metrics
Backend,Successful,Successful ms,Successful ms,Successful Input Tokens,Successful Output Tokens
,,Median,Median,Median,Median
"{""model"": ""a""}",6,125.0,10.0,89.0,16.0
"""


def metric(value: float, unit: str, key: str = "value") -> dict[str, Any]:
    """Return a metric with its unit."""
    return {key: value, "unit": unit}


AIPERF: dict[str, Any] = {
    "metadata": {
        "request_start_ns": NS_EPOCH,
        "request_end_ns": NS_EPOCH + 250_000_000,
        "benchmark_phase": "profiling",
        "was_cancelled": False,
    },
    "metrics": {
        "input_sequence_length": metric(128, "tokens"),
        "output_sequence_length": metric(41, "tokens"),
        "usage_prompt_tokens": metric(146, "tokens"),
        "usage_completion_tokens": metric(32, "tokens"),
        "time_to_first_token": metric(175.0, "ms"),
        "request_latency": metric(250.0, "ms"),
    },
}
AIPERF_FAILED: dict[str, Any] = {
    **AIPERF,
    "metrics": {"error_isl": metric(1, "tokens")},
    "error": {"code": 500},
}
AIPERF_SUMMARY: dict[str, Any] = {
    "schema_version": "1.4",
    "input_config": {"models": {"items": [{"name": "a"}]}},
    "request_throughput": metric(4.0, "requests/sec", "avg"),
    "request_count": metric(6.0, "requests", "avg"),
    "request_latency": {"unit": "ms", "avg": 245.0, "p50": 250.0},
    "time_to_first_token": {"unit": "ms", "avg": 170.0, "p50": 175.0},
    "decode_duration": {"unit": "ms", "avg": 75.0, "p50": 75.0},
    "input_sequence_length": metric(146.0, "tokens", "p50"),
    "output_sequence_length": metric(32.0, "tokens", "p50"),
}
AIPERF_CSV = """\
Metric,avg,p50
Time to First Token (ms),170.00,175.00
Request Latency (ms),245.00,250.00
Input Sequence Length (tokens),146.00,146.00
Output Sequence Length (tokens),32.00,32.00

Metric,Value
Request Count,6.00
Request Throughput (requests/sec),4.00
"""
GENAI: dict[str, Any] = {
    "version": "0.0.16",
    "service_kind": "openai",
    "experiments": [
        {
            "experiment": {"mode": "concurrency", "value": 1},
            "requests": [
                {
                    "timestamp": NS_EPOCH,
                    "response_timestamps": [
                        NS_EPOCH + 1_000,
                        NS_EPOCH + 200_000_000,
                        NS_EPOCH + 300_000_000,
                        NS_EPOCH + 301_000_000,
                    ],
                    "response_outputs": [
                        {"response": 'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\n'},
                        {"response": 'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'},
                        {"response": 'data: {"choices":[{"delta":{"content":"b"}}]}\n\n'},
                        {
                            "response": 'data: {"choices":[],"usage":{"prompt_tokens":20,'
                            '"completion_tokens":2}}\n\ndata: [DONE]\n\n'
                        },
                    ],
                },
                {
                    "timestamp": NS_EPOCH,
                    "response_timestamps": [NS_EPOCH + 1_000],
                    "response_outputs": [{"response": ""}],
                },
            ],
        }
    ],
}
CONSOLE = """\
                              NVIDIA GenAI-Perf | LLM Metrics
┃                         Statistic ┃    avg ┃    min ┃
│          Time to first token (ms) │  16.26 │  12.39 │
"""
LLMPERF: dict[str, Any] = {
    "error_code": None,
    "ttft_s": 0.25,
    "end_to_end_latency_s": 3.25,
    "number_output_tokens": 150,
    "number_input_tokens": 550,
}
LLMPERF_SUMMARY: dict[str, Any] = {
    "model": "a",
    "num_concurrent_requests": 2,
    "results_num_completed_requests": 10,
    "results_ttft_s_mean": 0.25,
    "results_end_to_end_latency_s_mean": 3.25,
    "results_number_input_tokens_mean": 550.2,
    "results_number_output_tokens_mean": 149.8,
}
INFERENCE_PERF: dict[str, Any] = {
    "start_time": 1000.0,
    "end_time": 1002.0,
    "info": {
        "input_tokens": 20,
        "response_metrics": {
            "output_tokens": 3,
            "output_token_times": [1000.5, 1001.0, 1002.0],
            "server_usage": {"prompt_tokens": 24, "completion_tokens": 3},
        },
    },
    "error": None,
}
INFERENCE_PERF_OLD: dict[str, Any] = {
    "start_time": 1000.0,
    "end_time": 1002.0,
    "info": {"input_tokens": 20, "output_tokens": 2, "output_token_times": [1000.5, 1002.0]},
    "error": None,
}
INFERENCE_PERF_STAGE: dict[str, Any] = {
    "load_summary": {"count": 10},
    "successes": {
        "count": 9,
        "latency": {"request_latency": {"mean": 0.5}, "time_to_first_token": {"mean": 0.03}},
        "throughput": {"requests_per_sec": 4.0},
        "prompt_len": {"mean": 204.1},
        "output_len": {"mean": 63.2},
    },
    "failures": {"count": 1},
}
MLPERF = """\
================================================
MLPerf Results Summary
================================================
Mean First Token latency (ns)               : 2756870
"""
MLPERF_DETAIL = (
    ':::MLLOG {"key": "result_first_token_mean_latency_ns", "value": 2756870, '
    '"namespace": "mlperf::logging", "metadata": {}}\n'
)
ML_ENERGY: dict[str, Any] = {
    "model_id": "Qwen/Qwen3-8B",
    "configurations": [{"gpu_model": "B200", "energy_per_token_joules": 0.43}],
}
REQUEST_ROWS = (("prefill", 146, 1, 0.175), ("decode", 146, 32, 0.075))
GUIDE_MEDIAN_ROWS = (("prefill", 89, 1, 0.125), ("decode", 89, 16, 0.15))

CLIENTS: dict[str, Sample] = {
    "vllm detailed": Sample("vllm_bench", json.dumps(RUN | DETAILS), DETAILED_ROWS, 1),
    "vllm appended": Sample(
        "vllm_bench", lines(RUN | SUMMARY_MS, RUN | SUMMARY_MS), SUMMARY_ROWS * 2
    ),
    "inferencex": Sample("vllm_bench", json.dumps(RUN | SUMMARY_S, indent=2), SUMMARY_ROWS),
    "vllm retokenised": Sample("vllm_bench", json.dumps(RUN | RETOKENISED), SUMMARY_ROWS[:1], 1),
    "vllm all failed": Sample("vllm_bench", json.dumps(NO_REQUEST_DONE), (), 1),
    "sglang": Sample("sglang_bench", lines(SGLANG | SUMMARY_MS), SUMMARY_ROWS),
    "sglang detailed": Sample("sglang_bench", lines(SGLANG | DETAILS), DETAILED_ROWS, 1),
    "guidellm v2": Sample(
        "guidellm",
        json.dumps(GUIDE_V2, indent=1),
        (("prefill", 89, 1, 1.25), ("decode", 89, 16, 1.75)),
        1,
    ),
    "guidellm v1": Sample(
        "guidellm", json.dumps(GUIDE_V1), (("prefill", 50, 1, 0.5), ("decode", 50, 5, 1.0))
    ),
    "guidellm medians": Sample("guidellm", json.dumps(GUIDE_MEDIANS), GUIDE_MEDIAN_ROWS),
    "guidellm csv": Sample("guidellm_csv", GUIDE_CSV, GUIDE_MEDIAN_ROWS),
    "aiperf": Sample("aiperf_requests", lines(AIPERF, AIPERF_FAILED), REQUEST_ROWS, 1),
    "aiperf summary": Sample("aiperf_summary", json.dumps(AIPERF_SUMMARY), REQUEST_ROWS),
    "aiperf csv": Sample("aiperf_summary", AIPERF_CSV, REQUEST_ROWS),
    "genai-perf": Sample(
        "genai_perf",
        json.dumps(GENAI),
        (("prefill", 20, 1, 0.2), ("decode", 20, 2, 0.1)),
        1,
    ),
    "genai-perf console": Sample("genai_perf_console", CONSOLE, (), 1),
    "llmperf": Sample(
        "llmperf",
        json.dumps([LLMPERF, {**LLMPERF, "error_code": 500}]),
        (("prefill", 550, 1, 0.25), ("decode", 550, 150, 3.0)),
        1,
    ),
    "llmperf summary": Sample(
        "llmperf",
        json.dumps(LLMPERF_SUMMARY),
        (("prefill", 550, 1, 0.25), ("decode", 550, 150, 3.0)),
    ),
    "inference-perf": Sample(
        "inference_perf",
        json.dumps([INFERENCE_PERF, INFERENCE_PERF_OLD]),
        (
            ("prefill", 24, 1, 0.5),
            ("decode", 24, 3, 1.5),
            ("prefill", 20, 1, 0.5),
            ("decode", 20, 2, 1.5),
        ),
    ),
    "inference-perf stage": Sample(
        "inference_perf",
        json.dumps(INFERENCE_PERF_STAGE),
        (("prefill", 204, 1, 0.03), ("decode", 204, 63, 0.47)),
        1,
    ),
    "mlperf summary": Sample("mlperf_loadgen", MLPERF, (), 1),
    "mlperf detail": Sample("mlperf_loadgen", MLPERF_DETAIL, (), 1),
    "ml.energy": Sample("ml_energy", json.dumps(ML_ENERGY), (), 1),
}

SAMPLES = ENGINES | CLIENTS
"""Samples by name."""
