"""Which points the commands that measure ask of an engine, once it is connected."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from token2metrics.cli.session import Session
from token2metrics.errors import MissingExtraError
from token2metrics.extras import needing
from token2metrics.measure.plan import AUTO, Point, auto_plan, build_plan, fitting_prompt
from token2metrics.prediction.conditions import Conditions

if TYPE_CHECKING:
    from token2metrics.config import ExperimentConfig
    from token2metrics.measure.engines.engine import Engine
    from token2metrics.measure.next_points import Known

logger = logging.getLogger(__name__)

EnginePlanner = Callable[["Engine"], tuple[Point, ...]]
"""Returns what to measure on a connected engine."""

PURPOSE = "a designed plan"


@dataclass(frozen=True, slots=True)
class MeasuringPlanner:
    """Plans for ``measure``: those of a file, or designed ones.

    Attributes:
        session: Settings and consoles.
        source: ``auto``, or a CSV file.
        longest_input: Longest prompt of an automatic plan.
        longest_output: Longest answer of an automatic plan.
        experiment: The model; None for one that no experiment describes.
        config: The file it comes from; None for a known one.
        where: Device and conditions; the runtime is that of the engine.
    """

    session: Session
    source: str
    longest_input: int
    longest_output: int
    experiment: ExperimentConfig | None
    config: Path | None
    where: Conditions

    def longest(self) -> int:
        """Return how many tokens the longest request of any plan may have.

        Raises:
            ConfigurationError: If a limit is below 1.
            DataError: If the file does not hold a plan.
        """
        plain = build_plan(self.source, self.longest_input, self.longest_output)
        return max(point.tokens for point in plain)

    def __call__(self, engine: Engine) -> tuple[Point, ...]:
        """Return the plan for an engine; a plain spread where nothing can be designed."""
        if self.source != AUTO:
            return build_plan(self.source, self.longest_input, self.longest_output)
        if self.experiment is None:
            return self._plain(engine, "no experiment file describes what is measured")
        try:
            with needing(PURPOSE):
                from token2metrics.training.run import configure_torch

                configure_torch(self.session.settings)
                from token2metrics.measure.designed_plan import characterising_plan, limits_within
        except MissingExtraError as missing:
            return self._plain(engine, str(missing))
        known = self._known(engine, self.experiment)
        context = engine.context_tokens
        limits = limits_within(self.longest_input, self.longest_output, context)
        return characterising_plan(known, limits)

    def _plain(self, engine: Engine, reason: str) -> tuple[Point, ...]:
        """Return tile edges, doublings and three depths, and say why."""
        logger.warning("the plan is a plain spread of lengths: %s", reason)
        context = engine.context_tokens
        fitting = fitting_prompt(self.longest_input, self.longest_output, context)
        return auto_plan(fitting, self.longest_output)

    def _known(self, engine: Engine, experiment: ExperimentConfig) -> Known:
        """Return what the bundled measurements tell of the model on the device."""
        from token2metrics.measure.designing import known_by
        from token2metrics.training.choice import TrainingOptions, choose_experiments

        where = self.where
        options = TrainingOptions(
            models=(experiment.model.id,),
            config_files=() if self.config is None else (self.config,),
            where=Conditions(where.device, where.power_mode, engine.name, where.precision),
        )
        settings = self.session.settings
        return known_by(choose_experiments(options, settings.configs), settings)
