"""Which model answers a request, and with which prices: found once, then looked up."""

from __future__ import annotations

from typing import Any

from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.money import prices_on
from token2metrics.prediction.predictor import Predictor
from token2metrics.prediction.result import Prices
from token2metrics.service.operations.asked import OfModel
from token2metrics.service.serving import Served, Serving

MOST_CHOICES = 4_096
"""So many ways to name a model and its prices are kept ready."""

Choice = tuple[ModelPredictor, Prices]


class Choices:
    """Finds models of one artifact.

    Args:
        served: The artifact.

    Attributes:
        served: The artifact.
    """

    def __init__(self, served: Served) -> None:
        self.served = served
        self._found: dict[tuple[object, ...], Choice] = {}

    def __call__(self, asked: OfModel) -> Choice:
        """Return the model that is meant, and the prices on its device.

        Raises:
            RequestError: If no model, or more than one, is meant.
        """
        key = (
            asked.model,
            asked.device,
            asked.power_mode,
            asked.runtime,
            asked.precision,
            asked.price_per_kwh,
            asked.device_price,
            asked.lifetime_years,
        )
        choice = self._found.get(key)
        if choice is None:
            if len(self._found) >= MOST_CHOICES:
                self._found.clear()
            self._found[key] = choice = _choose(self.served.predictor, asked)
        return choice


class CurrentChoices:
    """Finds models of the artifact that is served at the moment.

    Args:
        serving: The artifact, which is replaced as a whole.
    """

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._choices = Choices(serving.current)

    def __call__(self) -> Choices:
        """Return the choices, all of the same artifact however long they are used."""
        choices = self._choices
        if choices.served is not self._serving.current:
            self._choices = choices = Choices(self._serving.current)
        return choices


def names_of_first(served: Served) -> dict[str, Any]:
    """Return the fields of a request by which the first model of an artifact is meant.

    Args:
        served: The artifact.
    """
    record = served.predictor.models[0].model.record
    fields = ("device", "power_mode", "runtime", "precision")
    stated = {name: getattr(record, name) for name in fields}
    alike = [one for one in served.predictor.models if one.model.record.answers_to(record.id)]
    conditions = {name: value for name, value in stated.items() if value} if alike[1:] else {}
    return {"model": record.id, **conditions}


def _choose(predictor: Predictor, asked: OfModel) -> Choice:
    """Find a model, and the prices on its device."""
    conditions = asked.conditions
    if asked.model is None:
        chosen = predictor.only(conditions)
    else:
        chosen = predictor.select(asked.model, conditions)
    hardware = chosen.model.record.hardware
    prices = prices_on(hardware, asked.price_per_kwh, asked.device_price, asked.lifetime_years)
    return chosen, prices
