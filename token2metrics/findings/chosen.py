"""Which models a report is about."""

from __future__ import annotations

from token2metrics.artifact.fitted import FittedModel
from token2metrics.artifact.load import Artifact
from token2metrics.findings.asked import Asked
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.predictor import Predictor


def chosen_models(artifact: Artifact, asked: Asked) -> list[FittedModel]:
    """Return the models to report on, each once: as they were named, else from the smallest on.

    Args:
        artifact: What holds them.
        asked: Names and conditions.

    Raises:
        RequestError: If a name is unknown or ambiguous, or no model is left.
    """
    predictor = Predictor(tuple(ModelPredictor(model) for model in artifact.models))
    chosen = predictor.choose(asked.models, asked.where)
    models = list({one.model.record.key: one.model for one in chosen}.values())
    if asked.models:
        return models
    return sorted(models, key=lambda model: model.record.traffic.weight_bytes)
