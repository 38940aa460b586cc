"""Learned regressors that answer one request, each on the fastest path its manual names.

All are fitted on the same requests, two columns of token counts, and give one number: the latency
of the request. Every request comes as two Python integers, as in a service, and the answer is asked
for at once. One thread each: for one row more threads only cost.

- scikit-learn: ``LinearRegression.predict`` on a float64 row, ``assume_finite=True``.
- LightGBM: ``Booster.predict`` with ``num_threads=1`` and ``predict_disable_shape_check=True``.
- XGBoost: ``Booster.inplace_predict`` on a float32 row, ``nthread=1``, ``validate_features=False``.
- ONNX Runtime: the linear regression as a graph of one ``Gemm``, ``intra_op_num_threads=1``, by
  ``run`` on an array made per request, and by IO binding to a buffer that is written in place.
- ONNX Runtime, own export: the interval of our model as ``export`` writes it, by ``run``: the same
  numbers as ours, from the same formulas.

Both boosted models keep their library's own size, 100 trees.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnx
import xgboost
from numpy.typing import NDArray
from onnx import TensorProto, helper

from token2metrics.prediction.program import INPUTS

Floats32 = NDArray[np.float32]
Predict = Callable[[int, int], float]

TREES = 100
OPSET = 17
IR_VERSION = 9
INPUT, OUTPUT = "tokens", "latency_s"
EXPORTED = "ONNX Runtime, own export"
RUNTIME = "onnxruntime"
PROVIDERS = ["CPUExecutionProvider"]


@dataclass(frozen=True, slots=True)
class Peer:
    """A fitted regressor.

    Attributes:
        name: Library and call.
        one: Answers one request, given as two whole numbers.
        many: Answers a table of float32 token counts, ``(requests, 2)``.
    """

    name: str
    one: Predict
    many: Callable[[Floats32], object]


def fitted_peers(tokens: Floats32, latency_s: Floats32) -> list[Peer]:
    """Fit every peer.

    Args:
        tokens: Input and output tokens, ``(requests, 2)``.
        latency_s: Seconds of each request.
    """
    kind = import_module("sklearn.linear_model").LinearRegression
    linear = kind().fit(tokens.astype(np.float64), latency_s.astype(np.float64))
    return [
        linear_peer(linear),
        lightgbm_peer(tokens, latency_s),
        xgboost_peer(tokens, latency_s),
        *onnx_peers(linear),
    ]


def linear_peer(model: Any) -> Peer:
    """Take scikit-learn's checks of finiteness away, as its manual advises for speed."""
    import_module("sklearn").set_config(assume_finite=True)

    def one(input_tokens: int, output_tokens: int) -> float:
        return float(model.predict(np.array([[input_tokens, output_tokens]], np.float64))[0])

    return Peer("scikit-learn LinearRegression", one, model.predict)


def lightgbm_peer(tokens: Floats32, latency_s: Floats32) -> Peer:
    """Fit a monotone booster of LightGBM."""
    given = {"monotone_constraints": [1, 1], "verbosity": -1, "num_threads": 1}
    booster = lightgbm.train(given, lightgbm.Dataset(tokens, latency_s), num_boost_round=TREES)

    def one(input_tokens: int, output_tokens: int) -> float:
        row = np.array([[input_tokens, output_tokens]], np.float32)
        found = booster.predict(row, num_threads=1, predict_disable_shape_check=True)
        return float(np.asarray(found)[0])

    return Peer("LightGBM", one, booster.predict)


def xgboost_peer(tokens: Floats32, latency_s: Floats32) -> Peer:
    """Fit a monotone booster of XGBoost."""
    given = {"monotone_constraints": "(1,1)", "nthread": 1, "verbosity": 0}
    booster = xgboost.train(given, xgboost.DMatrix(tokens, latency_s), num_boost_round=TREES)

    def one(input_tokens: int, output_tokens: int) -> float:
        row = np.array([[input_tokens, output_tokens]], np.float32)
        return float(booster.inplace_predict(row, validate_features=False)[0])

    return Peer("XGBoost", one, booster.inplace_predict)


def onnx_peers(model: Any) -> list[Peer]:
    """Run the linear regression in ONNX Runtime, by ``run`` and by IO binding."""
    session = _session(model)

    def one(input_tokens: int, output_tokens: int) -> float:
        row = np.array([[input_tokens, output_tokens]], np.float32)
        return float(session.run(None, {INPUT: row})[0][0, 0])

    def many(rows: Floats32) -> object:
        return session.run(None, {INPUT: rows})

    return [Peer("ONNX Runtime", one, many), Peer("ONNX Runtime, bound", _bound(session), many)]


def exported_peer(file: Path, names: Sequence[str]) -> Peer:
    """Run a model of ours as it was exported.

    Args:
        file: What ``export`` wrote.
        names: Wanted quantities.
    """
    session = import_module(RUNTIME).InferenceSession(file, _one_thread(), providers=PROVIDERS)
    wanted = list(names)

    def many(rows: Floats32) -> object:
        prompts, answers = rows.T.astype(np.float64)
        return session.run(wanted, {INPUTS[0]: prompts, INPUTS[1]: answers})

    def one(input_tokens: int, output_tokens: int) -> float:
        given = {INPUTS[0]: np.array([input_tokens], np.float64)}
        given[INPUTS[1]] = np.array([output_tokens], np.float64)
        return float(session.run(wanted, given)[0][0])

    return Peer(EXPORTED, one, many)


def _bound(session: Any) -> Predict:
    """Return a prediction through buffers that are bound once and written in place."""
    row, found = np.zeros((1, 2), np.float32), np.zeros((1, 1), np.float32)
    binding = session.io_binding()
    binding.bind_input(INPUT, "cpu", 0, np.float32, row.shape, row.ctypes.data)
    binding.bind_output(OUTPUT, "cpu", 0, np.float32, found.shape, found.ctypes.data)

    def one(input_tokens: int, output_tokens: int) -> float:
        row[0] = input_tokens, output_tokens
        session.run_with_iobinding(binding)
        return float(found[0, 0])

    return one


def _session(model: Any) -> Any:
    """Write a linear regression as one matrix product and load it on one thread."""
    weights = np.asarray(model.coef_, np.float32).reshape(2, 1)
    constants = [
        onnx.numpy_helper.from_array(weights, "weights"),
        onnx.numpy_helper.from_array(np.array([model.intercept_], np.float32), "intercept"),
    ]
    graph = helper.make_graph(
        [helper.make_node("Gemm", [INPUT, "weights", "intercept"], [OUTPUT])],
        "linear",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["requests", 2])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["requests", 1])],
        constants,
    )
    opset = [helper.make_opsetid("", OPSET)]
    whole = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
    return import_module(RUNTIME).InferenceSession(
        whole.SerializeToString(), _one_thread(), providers=PROVIDERS
    )


def _one_thread() -> Any:
    """Return the options of a session that leaves threads alone."""
    options = import_module(RUNTIME).SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return options
