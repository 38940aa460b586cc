"""What one extra alone is good for: run in an environment that holds nothing else.

``nox -s extras`` makes such an environment for every extra. Every command is run as a user runs it:
either it works, or it names, in one line, an extra to install. And whatever the extra is for that
is no command is tried from Python.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import copytree

ROOT = Path(__file__).resolve().parent.parent
ARTIFACT = ROOT / ".nox" / "extras-artifact"
ROWS = ROOT / "token2metrics" / "data" / "measurements" / "edge_jetson_agx_orin.csv"
NONE = "none"
WORKS, BROKEN = "works", "BROKEN"
MISSING = re.compile(r"pip install 'token2metrics\[(\w+)\]'")
UNREACHABLE = "127.0.0.1:9"
"""Nothing listens there: a command that says so has come as far as it can."""

REFUSED = 2
LONGEST_S = 600
MODEL = ("-m", "1.5B")
REQUEST = ("-i", "100", "-o", "50")
TARGET = ("--target", f"http://{UNREACHABLE}", "--device", "desk", "--power", "none")

PLAIN = ("predict", "explain", "plan", "compare", "budget", "monitor", "export")
"""Commands that every installation has."""

FOR: Mapping[str, Sequence[str]] = {
    NONE: (),
    "fit": (
        "train",
        "evaluate",
        "doctor",
        "ingest",
        "next-points",
        "fit-fleet",
        "score",
        "batch-predict",
        "compare over a workload",
        "budget of a workload",
    ),
    "plot": ("compare with a picture", "monitor with a picture"),
    "tokens": ("count-tokens",),
    "gguf": (),
    "measure": ("measure", "ingest"),
    "nvidia": (),
    "local": (),
    "zeus": (),
    "bench": (),
    "export": ("export as ONNX",),
    "ray": (),
    "serve": ("serve", "compare with a picture"),
    "client": (),
}
"""What each extra has to make work, beside the plain commands."""

SNIPPETS: Mapping[str, str] = {
    "gguf": """
import gguf, sys
from pathlib import Path
from token2metrics.errors import ConfigurationError
from token2metrics.modeling.gguf_file import read_gguf
writer = gguf.GGUFWriter("model.gguf", "llama")
writer.write_header_to_file(); writer.write_kv_data_to_file(); writer.write_tensors_to_file()
writer.close()
try:
    read_gguf(Path("model.gguf"))
except ConfigurationError as error:
    sys.exit("llama.block_count is missing" not in str(error))
""",
    "nvidia": """
import sys
from token2metrics.errors import ConfigurationError
from token2metrics.power.meters.nvml import build
from token2metrics.power.meters.options import MeterOptions
try:
    build(MeterOptions())
except ConfigurationError as error:
    sys.exit("NVML" not in str(error) and "NVIDIA" not in str(error))
""",
    "local": """
import sys
from token2metrics.architecture import Architecture
from token2metrics.measure.engines.engine import GenerationRequest
from token2metrics.measure.engines.local import LocalEngine
shape = Architecture(
    layers=2, hidden=64, heads=4, kv_heads=2, head_dim=16, ffn=96, vocabulary=512
)
with LocalEngine(shape, "fp32", "cpu") as engine:
    done = engine.generate(GenerationRequest(16, 8, seed=1))
sys.exit(not (done.prefill_s > 0 and done.output_tokens == 8))
""",
    "zeus": """
import sys
from token2metrics.errors import Token2MetricsError
from token2metrics.power.meters.options import MeterOptions
from token2metrics.power.meters.zeus import build
try:
    build(MeterOptions())
except Token2MetricsError as error:
    sys.exit("token2metrics[" in str(error))
""",
    "bench": """
import lightgbm, numpy, sklearn.linear_model, sys, xgboost
x, y = numpy.arange(64.0).reshape(-1, 1), numpy.arange(64.0)
models = (lightgbm.LGBMRegressor(verbose=-1), xgboost.XGBRegressor())
models += (sklearn.linear_model.LinearRegression(),)
sys.exit(not all(len(one.fit(x, y).predict(x)) == 64 for one in models))
""",
    "ray": """
import sys
from token2metrics.workers.ray_workers import RayWorkers
with RayWorkers(2) as workers:
    sys.exit(sorted(workers.run(abs, [-2, -1])) != [1, 2])
""",
    "client": """
import sys
from token2metrics.client import Client
from token2metrics.errors import Token2MetricsError
try:
    with Client("http://127.0.0.1:9") as client:
        client.predict(100, 50)
except Token2MetricsError as error:
    sys.exit("127.0.0.1:9" not in str(error))
sys.exit(1)
""",
}
"""What an extra is for that is no command; leaves with 0 where it works."""

Commands = Mapping[str, Sequence[object]]


def commands(artifact: Path, folder: Path) -> Commands:
    """Return every command line, by what it is for.

    Args:
        artifact: Trained models.
        folder: Where the files lie that they need.
    """
    trained = ("-a", artifact, *MODEL)
    files = _files(folder)
    return {
        "train": ("train", *MODEL, "--regression", "linear", "--output", "trained"),
        "predict": ("predict", *trained, *REQUEST),
        "explain": ("explain", *trained, *REQUEST),
        "plan": ("plan", *trained, "-i", "100", "--max-latency-s", "5"),
        "compare": ("compare", "-a", artifact, *REQUEST),
        "budget": ("budget", *trained, *REQUEST, "--battery-wh", "50"),
        "monitor": ("monitor", files["finished"], *trained),
        "export": ("export", *trained, "--format", "python", "--output", "one.py"),
        "export as ONNX": ("export", *trained, "--format", "onnx", "--output", "one.onnx"),
        "compare with a picture": ("compare", "-a", artifact, *REQUEST, "--plot", "one.svg"),
        "monitor with a picture": ("monitor", files["finished"], *trained, "--plot", "two.svg"),
        "compare over a workload": ("compare", "-a", artifact, "--workload", files["requests"]),
        "budget of a workload": (
            *("budget", *trained, "--workload", files["requests"]),
            *("--battery-wh", "50"),
        ),
        "evaluate": ("evaluate", *trained),
        "report": ("report", "-a", artifact, "--output", "report.html"),
        "bench": ("bench", *MODEL, "--data", ROWS, "--shots", "1"),
        "ingest": ("ingest", files["tool"], "--output", "rows.csv"),
        "doctor": ("doctor", ROWS),
        "measure": ("measure", *MODEL, *TARGET, "--output", "measured.csv"),
        "calibrate": ("calibrate", "-a", copy_of(artifact, folder), *MODEL, *TARGET),
        "next-points": ("next-points", *MODEL, "--points", "1"),
        "fit-fleet": ("fit-fleet", "--data", ROWS, "--output", "curves.parquet"),
        "score": ("score", files["requests"], "-a", artifact, *MODEL, "--output", "scored"),
        "batch-predict": (
            *("batch-predict", *trained, "--input-file", files["requests"]),
            *("--output-file", "priced.csv"),
        ),
        "count-tokens": ("count-tokens", "--tokenizer", files["tokenizer"], files["prompt"]),
    }


def copy_of(artifact: Path, folder: Path) -> Path:
    """Return a copy of the models, for what may change them."""
    return Path(copytree(artifact, folder / "copied"))


def _files(folder: Path) -> Mapping[str, Path]:
    """Write the small files that commands need, by what they are."""
    words = {"[UNK]": 0, "an": 1, "edge": 2}
    model = {"type": "WordLevel", "vocab": words, "unk_token": "[UNK]"}
    tool: dict[str, object] = {"prompt_eval_count": 64, "prompt_eval_duration": 10**8}
    tool |= {"eval_count": 32, "eval_duration": 10**9, "total_duration": 2 * 10**9}
    tool |= {"model": "tiny", "done": True}
    contents = {
        "finished": ("finished.csv", "input_tokens,output_tokens,latency_s\n100,50,1.3\n"),
        "requests": ("requests.csv", "input_tokens,output_tokens\n100,50\n200,60\n"),
        "tool": ("ollama.json", json.dumps(tool)),
        "tokenizer": ("tokenizer.json", json.dumps({"version": "1.0", "model": model})),
        "prompt": ("prompt.txt", "an edge"),
    }
    for name, text in contents.values():
        (folder / name).write_text(text)
    return {what: folder / name for what, (name, _) in contents.items()}


def outcome_of(arguments: Sequence[object], folder: Path) -> str:
    """Run a command and say how it ended: ``works``, the extra it names, or what went wrong."""
    command = [sys.executable, str(ROOT / "main.py"), *map(str, arguments)]
    ended = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=LONGEST_S, check=False
    )
    told = " ".join(ended.stderr.split())
    named = MISSING.search(told)
    if "Traceback" in told:
        return f"{BROKEN}: {ended.stderr.strip().splitlines()[-1]}"
    if ended.returncode == 0 or (UNREACHABLE in told and named is None):
        return WORKS
    if ended.returncode == REFUSED and named is not None:
        return f"names {named[1]}"
    return f"{BROKEN}: {told[:300]}"


def try_snippet(extra: str, folder: Path) -> str | None:
    """Try what an extra is for from Python; None where that is a command."""
    if extra not in SNIPPETS:
        return None
    ended = subprocess.run(
        [sys.executable, "-W", "error::ImportWarning", "-c", SNIPPETS[extra]],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    if ended.returncode == 0:
        return WORKS
    return f"{BROKEN}: {' '.join(ended.stderr.split())[-300:]}"


def try_serving(artifact: Path, folder: Path) -> str:
    """Start the service, ask whether it is healthy, and stop it as a user does."""
    import signal
    import socket
    import time
    from urllib.error import URLError
    from urllib.request import urlopen

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(ROOT / "main.py"), "serve", "--artifact", str(artifact)]
    with subprocess.Popen(
        [*command, "--port", str(port)], cwd=folder, stderr=subprocess.PIPE, text=True
    ) as server:
        answer = ""
        for _ in range(LONGEST_S):
            if server.poll() is not None:
                break
            try:
                answer = urlopen(f"http://127.0.0.1:{port}/healthz").read().decode()
                break
            except URLError:
                time.sleep(0.2)
        server.send_signal(signal.SIGTERM)
        told = " ".join(server.communicate()[1].split())
    named = MISSING.search(told)
    if answer:
        return WORKS
    return f"names {named[1]}" if named and "Traceback" not in told else f"{BROKEN}: {told[-300:]}"


def main() -> None:
    """Try everything with one extra, and leave with 1 where something is broken or missing."""
    extra = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="token2metrics-extras-") as name:
        folder = Path(name)
        if not ARTIFACT.exists():
            trained = ("train", "--all-models", "--output", ARTIFACT)
            sys.stdout.write(f"training: {outcome_of(trained, folder)}\n")
        outcomes = {
            what: outcome_of(arguments, folder)
            for what, arguments in commands(ARTIFACT, folder).items()
        }
        outcomes["serve"] = try_serving(ARTIFACT, folder)
        purpose = try_snippet(extra, folder)
    if purpose is not None:
        outcomes["its purpose, from Python"] = purpose
    expected = {*PLAIN, *FOR[extra], *(["its purpose, from Python"] if purpose else [])}
    wrong = [
        what
        for what, outcome in outcomes.items()
        if outcome.startswith(BROKEN) or (what in expected and outcome != WORKS)
    ]
    for what, outcome in outcomes.items():
        sys.stdout.write(f"{extra:8} {what:26} {outcome}\n")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
