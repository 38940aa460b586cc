"""Carry an exported graph out in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from token2metrics.export.checking.tool import Answers, Request, Tool, known
from token2metrics.export.target import Bundle
from token2metrics.extras import needing
from token2metrics.prediction.program import INPUTS

ONNX_RUNTIME = "onnxruntime"


class OnnxRuntime(Tool):
    """ONNX Runtime on the CPU."""

    name: ClassVar[str] = "ONNX Runtime"

    def present(self) -> bool:
        """Return whether it is installed."""
        return find_spec(ONNX_RUNTIME) is not None

    def answers(self, path: Path, bundle: Bundle, requests: Sequence[Request]) -> Answers:
        """Return what the file predicts."""
        with needing("checking ONNX"):
            import numpy as np
            import onnxruntime  # type: ignore[import-untyped]

            from token2metrics.export.onnx_model import output_stem
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
        columns = np.array(requests, dtype=np.float64).reshape(-1, len(INPUTS)).T
        feed = dict(zip(INPUTS, columns, strict=True))
        stems = {one.identifier: output_stem(bundle, one.identifier) for one in bundle.models}
        wanted = [f"{stem}{name}" for stem in stems.values() for name in bundle.quantities]
        told = dict(zip(wanted, session.run(wanted, feed), strict=True))
        found = {}
        for identifier, stem in stems.items():
            values = np.array([told[f"{stem}{name}"] for name in bundle.quantities])
            found[identifier] = [list(map(known, row)) for row in values.T.tolist()]
        return found
