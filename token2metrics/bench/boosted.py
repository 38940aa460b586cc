"""LightGBM and XGBoost with monotone constraints."""

from __future__ import annotations

from typing import Any

import numpy as np

from token2metrics.bench.contender import Array
from token2metrics.bench.learners import Learner, Predict
from token2metrics.bench.libraries import library

ROUNDS = 300
LEARNING_RATE = 0.05
LEAVES = 15
DEPTH = 4
SEED = 0
RISING = 1

LIGHTGBM = {
    "objective": "regression",
    "learning_rate": LEARNING_RATE,
    "num_leaves": LEAVES,
    "min_data_in_leaf": 1,
    "min_data_in_bin": 1,
    "feature_pre_filter": False,
    "monotone_constraints_method": "advanced",
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "seed": SEED,
    "verbosity": -1,
}
"""As its documentation advises for small data: leaves and bins of a single row."""

XGBOOST = {
    "objective": "reg:squarederror",
    "eta": LEARNING_RATE,
    "max_depth": DEPTH,
    "min_child_weight": 1,
    "tree_method": "exact",
    "nthread": 1,
    "seed": SEED,
    "verbosity": 0,
}


class LightGbm(Learner):
    """Boosted trees of LightGBM on the logarithm of the target, rising in every count."""

    name = "lightgbm"
    source = "LightGBM, Ke et al. 2017, monotone_constraints; leaves of one row, logarithmic target"

    def learn(self, features: Array, target: Array) -> Predict:
        """Boost trees on the logarithm of the target."""
        lightgbm = library("lightgbm", self.name)
        rows = lightgbm.Dataset(features, np.log(target), params={"verbosity": -1})
        parameters = {**LIGHTGBM, "monotone_constraints": [RISING] * features.shape[1]}
        booster = lightgbm.train(parameters, rows, ROUNDS)

        def predict(asked: Array) -> Array:
            return np.exp(np.asarray(booster.predict(asked), dtype=np.float64))

        return predict


class XgBoost(Learner):
    """Boosted trees of XGBoost on the logarithm of the target, rising in every count."""

    name = "xgboost"
    source = "XGBoost, Chen and Guestrin 2016, monotone_constraints; logarithmic target"

    def learn(self, features: Array, target: Array) -> Predict:
        """Boost trees on the logarithm of the target."""
        xgboost = library("xgboost", self.name)
        rows = xgboost.DMatrix(features, np.log(target))
        parameters: dict[str, Any] = {
            **XGBOOST,
            "monotone_constraints": (RISING,) * features.shape[1],
        }
        booster = xgboost.train(parameters, rows, ROUNDS)

        def predict(asked: Array) -> Array:
            values = booster.predict(xgboost.DMatrix(asked))
            return np.exp(np.asarray(values, dtype=np.float64))

        return predict
