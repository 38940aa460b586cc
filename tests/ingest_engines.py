"""A small file of every engine's own tool that ``ingest`` knows, with the rows it should give.

The texts were written for these tests in the formats of the tools. Times were chosen so that the
expected ones can be computed by hand.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

Expected = tuple[str, int, int, float]
"""Phase, input tokens, output tokens and seconds."""


@dataclass(frozen=True)
class Sample:
    """A file and what is in it.

    Attributes:
        reader: Module of the reader.
        text: The file.
        rows: The rows that it gives.
        set_aside: How many things of it are set aside.
    """

    reader: str
    text: str
    rows: tuple[Expected, ...] = ()
    set_aside: int = 0


def lines(*objects: object) -> str:
    """Return objects as JSON lines."""
    return "\n".join(json.dumps(one) for one in objects) + "\n"


def bench(n_prompt: int, n_gen: int, n_depth: int, *samples_ns: int) -> dict[str, Any]:
    """Return a test of llama-bench."""
    return {
        "build_commit": "0c1e570",
        "build_number": 1,
        "cpu_info": "Cortex-A78AE",
        "gpu_info": "Orin",
        "backends": "CUDA",
        "model_filename": "models/Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf",
        "model_type": "llama 8B Q4_K - Medium",
        "n_prompt": n_prompt,
        "n_gen": n_gen,
        "n_depth": n_depth,
        "test_time": "2026-11-21T17:42:34Z",
        "avg_ns": sum(samples_ns) // len(samples_ns),
        "samples_ns": list(samples_ns),
        "samples_ts": [1.0] * len(samples_ns),
    }


APOSTROPHE = "'"
INSERT = "INSERT INTO llama_bench"
BENCH_COLUMNS = ("model_filename", "gpu_info", "n_prompt", "n_gen", "n_depth", "avg_ns")
BENCH_CELLS = (
    ("models/a-Q8_0.gguf", "Orin", "64", "0", "0", "50000000"),
    ("models/a-Q8_0.gguf", "Orin", "0", "16", "512", "400000000"),
    ("models/a-Q8_0.gguf", "Orin", "64", "16", "0", "450000000"),
    ("models/a-Q8_0.gguf", "Orin", "64", "0", "512", "90000000"),
)
BENCH_ROWS = (("prefill", 64, 1, 0.05), ("decode", 512, 17, 0.4), ("request", 64, 17, 0.45))


def quoted(cells: tuple[str, ...], quote: str) -> str:
    """Return cells in quotes."""
    return ",".join(f"{quote}{cell}{quote}" for cell in cells)


BENCH_CSV = "\n".join([",".join(BENCH_COLUMNS), *(quoted(cells, '"') for cells in BENCH_CELLS)])
BENCH_SQL = "\n".join(
    [
        "CREATE TABLE IF NOT EXISTS llama_bench (",
        "  model_filename TEXT,\n  gpu_info TEXT,\n  n_prompt INTEGER,",
        "  n_gen INTEGER,\n  n_depth INTEGER,\n  avg_ns INTEGER\n);\n",
        *(
            f"{INSERT} ({','.join(BENCH_COLUMNS)}) VALUES ({quoted(cells, APOSTROPHE)});"
            for cells in BENCH_CELLS
        ),
    ]
)
BENCH_MARKDOWN = """\
| model    |       size | backend    | ngl |    test |    t/s |
| ---------- | ---------: | ---------- | --: | ---------------: | -------------: |
| llama 8B Q4_K - Medium |   4.58 GiB | CUDA       |  99 |    pp512 | 1024.00 ± 2.65 |
| llama 8B Q4_K - Medium |   4.58 GiB | CUDA       |  99 |    tg128 |   25.60 ± 0.09 |
| llama 8B Q4_K - Medium |   4.58 GiB | CUDA       |  99 |     tg128 @ d512 |   12.80 ± 0.09 |
| llama 8B Q4_K - Medium |   4.58 GiB | CUDA       |  99 |     pp512 @ d512 |  512.00 ± 0.09 |

build: a035a88 (1)
"""

TIMINGS: dict[str, Any] = {
    "cache_n": 2,
    "prompt_n": 98,
    "prompt_ms": 40.0,
    "predicted_n": 5,
    "predicted_ms": 232.0,
    "predicted_per_second": 12.9,
}
COMPLETION: dict[str, Any] = {
    "content": "a",
    "stop": True,
    "stop_type": "limit",
    "timings": TIMINGS,
}
CHAT: dict[str, Any] = {
    "id": "chat-1",
    "model": "a-Q8_0.gguf",
    "choices": [{"finish_reason": "stop"}],
    "usage": {"completion_tokens": 5, "prompt_tokens": 100},
    "timings": {**TIMINGS, "truncated": False},
}
CHUNKS = "".join(
    f"data: {json.dumps(one)}\n\n"
    for one in (
        {
            "id": "chat-2",
            "choices": [{"finish_reason": None}],
            "timings": {**TIMINGS, "predicted_n": 1},
        },
        {**CHAT, "id": "chat-2"},
    )
)
OLLAMA: dict[str, Any] = {
    "model": "llama3.2",
    "created_at": "2026-09-22T10:00:00.5Z",
    "done": True,
    "done_reason": "length",
    "total_duration": 5_000_000_000,
    "prompt_eval_count": 26,
    "prompt_eval_duration": 130_000_000,
    "eval_count": 259,
    "eval_duration": 4_200_000_000,
}
OLLAMA_BENCH = """\
# Model: gemma3 | Params: 4B | Quant: Q4_K_M | Family: gemma3
NAME,STEP,COUNT,NS_PER_COUNT,TOKEN_PER_SEC
gemma3,prefill,128,78125.00,12800.00
gemma3,generate,512,20000000.00,50.00
gemma3,ttft,1,15000000,0
gemma3,load,1,1500000000,0
"""
OLLAMA_BENCHSTAT = """\
BenchmarkModel/name=gemma3/step=prefill 128 78125.00 ns/token 12800.00 token/sec
BenchmarkModel/name=gemma3/step=generate 512 20000000.00 ns/token 50.00 token/sec
BenchmarkModel/name=gemma3/step=load 1 1500000000 ns/request
BenchmarkModel/name=gemma3/step=prefill 1 78125.00 ns/token 12800.00 token/sec
"""

OPTIMUM: dict[str, Any] = {
    "config": {
        "scenario": {
            "input_shapes": {"batch_size": 1, "sequence_length": 64},
            "generate_kwargs": {"max_new_tokens": 11, "min_new_tokens": 11},
        },
        "backend": {
            "name": "pytorch",
            "version": "2.9",
            "model": "a",
            "device": "cuda",
            "torch_dtype": "bfloat16",
        },
        "environment": {"cpu": "EPYC", "gpu": ["NVIDIA A100"]},
    },
    "report": {
        "prefill": {
            "latency": {"unit": "s", "values": [0.05, 0.06], "count": 2, "mean": 0.055},
            "energy": {"unit": "kWh", "total": 1e-6},
            "efficiency": {"unit": "tokens/kWh", "value": 64e6},
        },
        "decode": {
            "latency": {"unit": "s", "values": [0.5, 0.6], "count": 2, "mean": 0.55},
            "energy": {"unit": "kWh", "total": 1e-5},
            "efficiency": None,
        },
    },
}
MLC: dict[str, Any] = {
    "request_id": "1",
    "metrics": {
        "success": True,
        "start_time": 5.0,
        "input_tokens": 64,
        "output_tokens": 8,
        "end_to_end_latency_s": 0.9,
        "time_to_first_token_s": 0.2,
        "server_metrics": {"prefill_tokens": 64},
    },
}
MLC_CSV = """\
input_tokens,output_tokens,end_to_end_latency_s,time_to_first_token_s,success,server_metrics.prefill_tokens
64,8,0.9,0.2,True,64
64,8,0.9,0.2,False,64
64,8,0.9,0.01,True,4
"""
MLC_JETSON = (
    "input=16 output=128 prefill_time 0.08 sec, prefill_rate 200.0 tokens/sec, "
    "decode_time 6.5 sec, decode_rate 19.7 tokens/sec\n"
)
SKILL: dict[str, Any] = {
    "skill": "jetson-llm-benchmark",
    "runtime": "vllm",
    "model": "a",
    "config": {"input_len": 512, "output_len": 11, "num_prompts": 8},
    "runs": [{"concurrency": 1, "ttft_ms_p50": 200.0, "tpot_ms_p50": 20.0}],
}
LLAMA_LOG = """\
llama_perf_context_print: prompt eval time =     130.00 ms /    52 tokens (    2.5 ms per token)
llama_perf_context_print:        eval time =   11500.00 ms /   256 runs   (   44.9 ms per token)
"""
ENGINES: dict[str, Sample] = {
    "llama-bench json": Sample(
        "llama_bench",
        json.dumps(
            [bench(64, 0, 0, 50_000_000, 52_000_000), bench(64, 0, 9, 1), bench(0, 4, 9, 10**9)],
            indent=2,
        ),
        (("prefill", 64, 1, 0.05), ("prefill", 64, 1, 0.052), ("decode", 9, 5, 1.0)),
        1,
    ),
    "llama-bench jsonl": Sample(
        "llama_bench", lines(bench(64, 0, 0, 50_000_000)), (("prefill", 64, 1, 0.05),)
    ),
    "llama-bench csv": Sample("llama_bench", BENCH_CSV, BENCH_ROWS, 1),
    "llama-bench sql": Sample("llama_bench", BENCH_SQL, BENCH_ROWS, 1),
    "llama-bench markdown": Sample(
        "llama_bench_markdown",
        BENCH_MARKDOWN,
        (("prefill", 512, 1, 0.5), ("decode", 0, 129, 5.0), ("decode", 512, 129, 10.0)),
        1,
    ),
    "batched": Sample(
        "llama_batched_bench",
        lines({"pp": 64, "tg": 32, "pl": 2, "t_pp": 0.1, "t_tg": 0.2, "is_pp_shared": 0}),
        (("prefill", 64, 1, 0.1), ("decode", 64, 33, 0.2)),
    ),
    "llama-server": Sample(
        "llama_server",
        lines(COMPLETION, CHAT),
        (("prefill", 100, 1, 0.04), ("decode", 100, 5, 0.232)) * 2,
    ),
    "llama-server stream": Sample(
        "llama_server", CHUNKS, (("prefill", 100, 1, 0.04), ("decode", 100, 5, 0.232))
    ),
    "ollama": Sample(
        "ollama",
        lines({"model": "a", "done": False, "response": "a"}, OLLAMA),
        (("prefill", 26, 1, 0.13), ("decode", 26, 259, 4.2)),
    ),
    "ollama cached": Sample(
        "ollama",
        lines({**OLLAMA, "prompt_eval_count": 2_000, "prompt_eval_duration": 5_000_000}),
        (("decode", 2_000, 259, 4.2),),
        1,
    ),
    "ollama bench": Sample(
        "ollama_bench",
        OLLAMA_BENCH,
        (("prefill", 128, 1, 0.01), ("decode", 128, 512, 10.24)),
    ),
    "ollama benchstat": Sample(
        "ollama_bench",
        OLLAMA_BENCHSTAT,
        (("prefill", 128, 1, 0.01), ("decode", 128, 512, 10.24)),
        1,
    ),
    "optimum": Sample(
        "optimum_benchmark",
        json.dumps(OPTIMUM),
        (
            ("prefill", 64, 1, 0.05),
            ("prefill", 64, 1, 0.06),
            ("decode", 64, 11, 0.5),
            ("decode", 64, 11, 0.6),
        ),
    ),
    "optimum report": Sample("optimum_benchmark", json.dumps(OPTIMUM["report"]), (), 1),
    "mlc json": Sample(
        "mlc_bench", json.dumps([MLC]), (("prefill", 64, 1, 0.2), ("decode", 64, 8, 0.7))
    ),
    "mlc csv": Sample(
        "mlc_bench",
        MLC_CSV,
        (("prefill", 64, 1, 0.2), ("decode", 64, 8, 0.7), ("decode", 64, 8, 0.89)),
        2,
    ),
    "mlc jetson": Sample(
        "mlc_jetson", MLC_JETSON, (("prefill", 16, 1, 0.08), ("decode", 16, 128, 6.5))
    ),
    "jetson skill": Sample(
        "jetson_llm_benchmark",
        json.dumps(SKILL),
        (("prefill", 512, 1, 0.2), ("decode", 512, 11, 0.2)),
    ),
    "llama.cpp log": Sample(
        "llama_cpp_log", LLAMA_LOG, (("prefill", 52, 1, 0.13), ("decode", 52, 257, 11.5))
    ),
}
"""Samples by name."""
