"""Watch the models of an artifact: fed with finished requests, it says what changed."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from token2metrics.artifact.relevel import Move, fingerprint_of
from token2metrics.errors import ConfigurationError, RequestError
from token2metrics.monitoring.counted import Counted
from token2metrics.monitoring.model_monitor import ModelMonitor
from token2metrics.monitoring.model_state import ModelState
from token2metrics.monitoring.observation import Observation
from token2metrics.monitoring.options import MonitorOptions
from token2metrics.monitoring.result import Event
from token2metrics.prediction.conditions import Conditions
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.predictor import Predictor

MOST_EVENTS = 1_000
"""So many of the last events are kept."""

MOST_NAMES = 1_024
"""So many ways to name a model are remembered."""

NO_NAME = "model is missing; give --model NAME or a column model"
NO_MODEL = "no trained model of this name"
OTHER_CONDITIONS = "no trained model under these conditions"
SEVERAL_MODELS = (
    "several trained models answer to this name; give --power-mode, --runtime or the like, or such "
    "columns"
)


OPTION_OF = {
    "smallest_change_percent": "--change",
    "requests_per_false_alarm": "--false-alarms-per",
    "updates": "--update",
}
"""How the command line names what a monitor is asked to look for."""


class MonitorState(msgspec.Struct):
    """Everything a monitor knows, as it is saved.

    Attributes:
        options: What it looks for.
        requests: Requests compared.
        set_aside: What was not, by reason.
        models: State of each model that had requests, by its key.
        events: The last events.
    """

    options: MonitorOptions
    requests: Counted = 0
    set_aside: dict[str, int] = {}
    models: dict[str, ModelState] = {}
    events: list[Event] = []


class Monitor:
    """Tracks prediction errors, tells drift from noise, and follows levels where that is wanted.

    Its state is plain data: two monitors with equal states say the same of equal requests.

    Args:
        predictor: The models.
        options: What counts as a drift, and what becomes of it.
        state: What an earlier monitor knew; None begins anew.

    Attributes:
        state: What is known now.

    Raises:
        ConfigurationError: If the state is of other options or another training.
    """

    def __init__(
        self,
        predictor: Predictor,
        options: MonitorOptions | None = None,
        state: MonitorState | None = None,
    ) -> None:
        wanted = MonitorOptions() if options is None else options
        self.state = MonitorState(wanted) if state is None else state
        _check_options(self.state.options, wanted)
        self._rules = wanted.rules()
        self._predictors = {one.model.record.key: one for one in predictor.models}
        self._models = {key: self._resumed(key) for key in self.state.models}
        self._key_of = lru_cache(MOST_NAMES)(self._find)

    @property
    def models(self) -> tuple[ModelMonitor, ...]:
        """Every model that had requests."""
        return tuple(self._models.values())

    def observe(self, observation: Observation) -> tuple[Event, ...]:
        """Take a finished request into account.

        Args:
            observation: What was measured.

        Returns:
            What turned out with it: mostly nothing.

        Raises:
            RequestError: If it names no trained model, or nothing of it has a prediction. Nothing
                is learned from it then.
        """
        conditions = Conditions(
            observation.device, observation.power_mode, observation.runtime, observation.precision
        )
        key = self._key_of(observation.model, conditions)
        known = self._models.get(key)
        model = ModelMonitor(self._predictors[key], self._rules) if known is None else known
        events = model.observe(observation)
        if known is None:
            self._models[key] = model
            self.state.models[key] = model.state
        self.state.requests += 1
        self.state.events.extend(events)
        del self.state.events[:-MOST_EVENTS]
        return events

    def set_aside(self, reason: str) -> None:
        """Count a request that could not be taken into account."""
        self.state.set_aside[reason] = self.state.set_aside.get(reason, 0) + 1

    def moves(self) -> dict[str, Move]:
        """Return where the levels of every model that had requests are now, by its key."""
        return {
            key: Move(model.state.fingerprint, model.levels())
            for key, model in self._models.items()
        }

    def _find(self, name: str | None, conditions: Conditions) -> str:
        """Return the key of the one model that is meant.

        Raises:
            RequestError: If none is, or more than one.
        """
        records = [one.model.record for one in self._predictors.values()]
        named = [one for one in records if name is None or one.answers_to(name)]
        found = [one for one in named if conditions.fit(one)]
        if len(found) == 1:
            return found[0].key
        if found:
            raise RequestError(NO_NAME if name is None else SEVERAL_MODELS)
        raise RequestError(OTHER_CONDITIONS if named else NO_MODEL)

    def _resumed(self, key: str) -> ModelMonitor:
        """Return the monitor of a model that an earlier run knew.

        Raises:
            ConfigurationError: If the model was trained again since, or is gone.
        """
        predictor: ModelPredictor | None = self._predictors.get(key)
        state = self.state.models[key]
        if predictor is None or fingerprint_of(predictor.model.record) != state.fingerprint:
            raise ConfigurationError(
                f"expected the training of {key} that the state is of, got "
                f"{'none' if predictor is None else 'another'}; remove the state to begin anew"
            )
        phases = predictor.model.record.phases
        if state.births.keys() != phases.keys():
            raise ConfigurationError(
                f"expected a level at the start for each phase of {key}, got "
                f"{', '.join(state.births) or 'none'}; remove the state to begin anew"
            )
        moved = any(phases[phase].level != level for phase, level in state.births.items())
        if moved and not self.state.options.updates:
            raise ConfigurationError(
                f"expected the levels of {key} that the state is of, got others: they were "
                "updated since; remove the state to begin anew"
            )
        return ModelMonitor(predictor, self._rules, state)


def _check_options(known: MonitorOptions, wanted: MonitorOptions) -> None:
    """Refuse to go on with a state under other rules."""
    for name in MonitorOptions.__struct_fields__:
        before, now = getattr(known, name), getattr(wanted, name)
        if before != now:
            raise ConfigurationError(
                f"expected {OPTION_OF[name]} as the state has it, {_said(before)}, got "
                f"{_said(now)}; give the same, or remove the state to begin anew"
            )


def _said(value: float) -> str:
    """Write the value of an option."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}"
