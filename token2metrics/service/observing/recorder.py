"""One process's part in the shared monitor: catch up with the others, take batches, commit."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from token2metrics.artifact.relevel import relevel_artifact
from token2metrics.errors import ConfigurationError, RequestError, Token2MetricsError
from token2metrics.monitoring.model_state import ModelState
from token2metrics.monitoring.monitor import Monitor, MonitorState
from token2metrics.monitoring.options import MonitorOptions
from token2metrics.monitoring.result import Event, MonitorReport
from token2metrics.monitoring.summary import report
from token2metrics.prediction.predictor import Predictor
from token2metrics.service.observing.ledger import Answered, Ledger, Totals
from token2metrics.service.observing.observed import (
    MOST_SHOWN,
    Batch,
    KeyReusedError,
    Observed,
    SetAside,
    StateError,
)
from token2metrics.service.serving import Serving

LOG = logging.getLogger(__name__)

NOTHING_KNOWN = -1
"""Number of the last commit where a process knows none; that of the first is 1."""

Outcome = Observed | Token2MetricsError


class Recorder:
    """Feeds the monitor that all workers share; one thread at a time.

    Args:
        serving: The artifact that predictions come from.
        ledger: The state on the disk.
        options: What the monitor looks for.

    Raises:
        ConfigurationError: If the state is of other options.
    """

    def __init__(self, serving: Serving, ledger: Ledger, options: MonitorOptions) -> None:
        self._serving = serving
        self._ledger = ledger
        self._options = options
        self._digest = ""
        self._sequence = NOTHING_KNOWN
        self._fresh: list[Event] = []
        self._monitor = Monitor(
            serving.current.predictor, options, MonitorState(ledger.totals().options)
        )

    @property
    def monitor(self) -> Monitor:
        """The monitor as of the last commit of this process."""
        return self._monitor

    def commit(self, batches: Sequence[Batch]) -> list[Outcome]:
        """Take batches, each as a whole, and put them on the disk together.

        Returns:
            What became of each.

        Raises:
            StateError: If the disk refuses; none of them was taken then.
        """
        with self._turn():
            before = self._counts()
            outcomes = [self._take(batch) for batch in batches]
            self._write(before)
        return outcomes

    def report(self) -> MonitorReport:
        """Return where everything stands, with what other processes committed.

        Raises:
            StateError: If the disk refuses.
        """
        with self._turn():
            return report(self._monitor)

    def level(self, directory: Path) -> bool:
        """Write the levels that the requests moved into the artifact, before another worker does.

        Returns:
            Whether any had moved.

        Raises:
            StateError: If the disk refuses the state.
            ArtifactError: If the artifact was trained again meanwhile, or cannot be trusted.
            ConfigurationError: If it cannot be written.
        """
        with self._turn():
            moves = self._monitor.moves()
            records = [one.model.record for one in self._serving.current.predictor.models]
            served = {
                record.key: {phase: fitted.level for phase, fitted in record.phases.items()}
                for record in records
            }
            if all(served[key] == move.levels for key, move in moves.items()):
                return False
            relevel_artifact(directory, moves)
            return True

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Hold the state within a block, caught up; what fails is forgotten.

        Raises:
            StateError: If the disk refuses.
        """
        is_whole = False
        try:
            with self._ledger.turn():
                self._catch_up()
                yield
            is_whole = True
        except (sqlite3.Error, OSError) as error:
            raise StateError(f"the state cannot be read or written: {error}; try again") from error
        finally:
            if not is_whole:
                self._sequence = NOTHING_KNOWN

    def _catch_up(self) -> None:
        """Take over what other processes committed, and an artifact that was replaced."""
        self._fresh = []
        self._serving.refresh()
        served = self._serving.current
        totals = self._ledger.totals()
        if (totals.sequence, served.digest) == (self._sequence, self._digest):
            return
        known = {} if self._sequence == NOTHING_KNOWN else self._monitor.state.models
        models = {**known, **self._ledger.models_since(self._sequence)}
        keys = self._ledger.model_keys()
        state = MonitorState(
            options=totals.options,
            requests=totals.requests,
            set_aside=totals.set_aside,
            models={key: models[key] for key in sorted(keys)},
            events=self._ledger.events(),
        )
        self._forget_foreign(served.predictor, state)
        self._monitor = Monitor(served.predictor, self._options, state)
        self._sequence, self._digest = totals.sequence, served.digest

    def _forget_foreign(self, predictor: Predictor, state: MonitorState) -> None:
        """Begin anew with models that were trained again since, and forget those that are gone."""
        foreign = [
            key
            for key, model in state.models.items()
            if not _fits(predictor, self._options, key, model)
        ]
        for key in foreign:
            del state.models[key]
            LOG.warning("trained again or gone: what was observed of it is left", extra=_of(key))
        self._ledger.forget(foreign)

    def _take(self, batch: Batch) -> Outcome:
        """Take a batch, unless it was taken before."""
        known = None if batch.key is None else self._ledger.answered(batch.key)
        if known is not None:
            if known.digest != batch.digest:
                return KeyReusedError()
            answer = msgspec.json.decode(known.answer, type=Observed)
            return msgspec.structs.replace(answer, repeated=True)
        observed = self._observe(batch)
        if batch.key is not None:
            self._ledger.remember(batch.key, Answered(batch.digest, msgspec.json.encode(observed)))
        return observed

    def _observe(self, batch: Batch) -> Observed:
        """Show the monitor every request of a batch."""
        events: list[Event] = []
        aside: list[SetAside] = []
        for index, request in enumerate(batch.observations):
            try:
                events.extend(self._monitor.observe(request.observation()))
            except RequestError as error:
                self._monitor.set_aside(str(error))
                aside.append(SetAside(index=index, reason=str(error)))
        self._fresh.extend(events)
        return Observed(
            accepted=len(batch.observations) - len(aside),
            set_aside=_by_reason(aside),
            first_set_aside=tuple(aside[:MOST_SHOWN]),
            events=tuple(events),
            requests=self._monitor.state.requests,
        )

    def _counts(self) -> dict[str, int]:
        """Return how many requests each model had."""
        return {key: model.requests for key, model in self._monitor.state.models.items()}

    def _write(self, before: dict[str, int]) -> None:
        """Write what changed."""
        state = self._monitor.state
        changed = {
            key: model for key, model in state.models.items() if model.requests != before.get(key)
        }
        totals = Totals(self._sequence + 1, state.requests, state.set_aside, state.options)
        self._ledger.write(totals, changed)
        self._ledger.add_events(self._fresh)
        self._sequence += 1


def _fits(predictor: Predictor, options: MonitorOptions, key: str, state: ModelState) -> bool:
    """Return whether a monitor can go on with the state of a model."""
    try:
        Monitor(predictor, options, MonitorState(options, models={key: state}))
    except ConfigurationError:
        return False
    return True


def _by_reason(aside: Sequence[SetAside]) -> dict[str, int]:
    """Count what was set aside."""
    reasons: dict[str, int] = {}
    for one in aside:
        reasons[one.reason] = reasons.get(one.reason, 0) + 1
    return reasons


def _of(model: str) -> dict[str, dict[str, str]]:
    """Say in the log which model is meant."""
    return {"fields": {"model": model}}
