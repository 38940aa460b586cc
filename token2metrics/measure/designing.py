"""From files and an artifact to what a design starts from."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from token2metrics.artifact.load import Artifact
from token2metrics.artifact.manifest import ModelRecord
from token2metrics.config import CalibrationConfig, ExperimentConfig, RegressionConfig
from token2metrics.errors import ConfigurationError, DataError
from token2metrics.measure.known_files import known_files
from token2metrics.measure.next_points import Known, Wish
from token2metrics.modeling.candidates import Candidate
from token2metrics.modeling.lengths import Limits
from token2metrics.modeling.next_points import Requests
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.predictor import Predictor
from token2metrics.prediction.workload_file import COUNT, LENGTHS, read_workload
from token2metrics.processors.pipeline import PreparedData
from token2metrics.settings import Settings
from token2metrics.training.choice import Choice, TrainingOptions, choose_experiments
from token2metrics.training.read import prepare_groups
from token2metrics.training.run import earlier_artifact
from token2metrics.vocabulary import Phase

logger = logging.getLogger(__name__)

CONDITIONS = ("power_mode", "runtime", "precision")
MOST_REQUESTS = 400
"""Of more different requests so many are drawn, as often as they come."""


def known_of(options: TrainingOptions, directory: Path, settings: Settings) -> Known:
    """Return what is known of one model on one device, its training included.

    Args:
        options: The one model, its conditions, and the files to read; without files those that
            the artifact's model was trained on, else the bundled ones.
        directory: The artifact; none need be there.
        settings: Where experiments are, and where fits run.

    Raises:
        Token2MetricsError: If the model is not known, or a file cannot be read.
    """
    artifact = earlier_artifact(directory)
    (name,) = options.models
    record = _record(artifact, name, options)
    options = replace(
        options, data=options.data or known_files(artifact, name, directory, options.where)
    )
    choice = _choice(options, settings, record)
    (experiment,) = choice.chosen
    chosen: Mapping[Phase, Candidate] = {}
    if record is not None and record.device == experiment.edge.name:
        experiment = experiment.model_copy(update=_sections(record))
        chosen = {
            phase: Candidate(one.family, one.source, one.calibration)
            for phase, one in record.phases.items()
        }
    return known_by(Choice(choice.catalog, (experiment,)), settings, chosen)


def known_by(
    choice: Choice, settings: Settings, chosen: Mapping[Phase, Candidate] | None = None
) -> Known:
    """Return what measurements tell of one model on one device.

    Args:
        choice: The one experiment, which names files and conditions, among the known ones.
        settings: Where fits run.
        chosen: Family, source and calibration of its phases; those left out start from the most
            trusted belief.

    Raises:
        Token2MetricsError: If a file cannot be read.
    """
    (experiment,) = choice.chosen
    try:
        (prepared,) = prepare_groups(choice)
        data = prepared.data
    except DataError as reason:
        data = _elsewhere(choice, experiment, reason)
    return Known(data, choice.catalog, experiment, chosen, settings.torch_device)


def _elsewhere(choice: Choice, experiment: ExperimentConfig, reason: DataError) -> PreparedData:
    """Return the measurements where the device has none under the wanted conditions.

    Rows under others then say what to believe, and none counts as the model's own.

    Raises:
        DataError: If there are none under any conditions.
    """
    wanted = {name: getattr(experiment.data, name) for name in CONDITIONS}
    if not any(wanted.values()):
        raise reason
    anywhere = experiment.data.model_copy(update=dict.fromkeys(CONDITIONS))
    anyhow = experiment.model_copy(update={"data": anywhere})
    (prepared,) = prepare_groups(Choice(choice.catalog, (anyhow,)))
    logger.warning("rows under other conditions say what to believe: %s", reason)
    own = (pl.col("device") == experiment.edge.name) & (pl.col("model") == experiment.model.id)
    rows = prepared.data.rows
    beside = pl.concat([prepared.data.beside, rows.filter(own)])
    return replace(prepared.data, rows=rows.filter(~own), beside=beside)


def _record(artifact: Artifact | None, name: str, options: TrainingOptions) -> ModelRecord | None:
    """Return the trained model that is asked about; None where there is none.

    Raises:
        RequestError: If several answer.
    """
    models = () if artifact is None else artifact.models
    named = [one for one in models if one.record.answers_to(name)]
    if not any(options.where.fit(one.record) for one in named):
        return None
    predictor = Predictor(tuple(map(ModelPredictor, models)))
    return predictor.select(name, options.where).model.record


def _choice(options: TrainingOptions, settings: Settings, record: ModelRecord | None) -> Choice:
    """Choose the experiment: a configured one, else the one that the artifact was trained by."""
    try:
        return choose_experiments(options, settings.configs)
    except ConfigurationError:
        if record is None:
            raise
    experiment = ExperimentConfig.model_validate(record.configuration)
    data = experiment.data.model_copy(update={"paths": options.data})
    experiment = experiment.model_copy(update={"data": data})
    return Choice((experiment,), (experiment,))


def _sections(record: ModelRecord) -> dict[str, object]:
    """Return the family and calibration that a model was trained with."""
    return {
        "regression": RegressionConfig.model_validate(record.configuration["regression"]),
        "calibration": CalibrationConfig.model_validate(record.configuration["calibration"]),
    }


@dataclass(frozen=True, slots=True)
class Sent:
    """The requests of workload files.

    Attributes:
        tokens: Prompt and answer tokens of each kind, ``(kinds, 2)``, at least one.
        counts: How often each comes, ``(kinds,)``.
    """

    tokens: NDArray[np.int64]
    counts: NDArray[np.float64]

    def drawn(self) -> Requests:
        """Return at most so many kinds, evenly spread and as often as they come."""
        if len(self.tokens) <= MOST_REQUESTS:
            return Requests(self.tokens, self.counts)
        every = self.counts.sum() / MOST_REQUESTS
        ranks = (np.arange(MOST_REQUESTS) + 0.5) * every
        drawn = np.searchsorted(np.cumsum(self.counts), ranks)
        places, times = np.unique(drawn, return_counts=True)
        return Requests(self.tokens[places], times * every)


def sent_in(files: Sequence[Path]) -> Sent | None:
    """Return the requests of workload files; None without files.

    Args:
        files: Traces with the lengths of requests.

    Raises:
        DataError: If a file holds no request with a prompt.
    """
    if not files:
        return None
    pairs = read_workload(files).pairs
    tokens = pairs.select(LENGTHS).to_numpy().astype(np.int64)
    counts = pairs.get_column(COUNT).to_numpy().astype(np.float64)
    sent = tokens.min(axis=1) >= 1
    if not sent.any():
        raise DataError("expected a request with a prompt and an answer in --workload, got none")
    return Sent(tokens[sent], counts[sent])


def wish_of(
    workload: Sequence[Path],
    longest_input: int | None,
    longest_output: int | None,
    otherwise: tuple[int, int],
    **more: Any,
) -> Wish:
    """Return a wish for the requests of workload files, or for all within limits.

    Args:
        workload: Files of requests; without any, all lengths up to the limits count.
        longest_input: Longest prompt of a point; None for that of the workload.
        longest_output: Longest answer of a point; None for that of the workload.
        otherwise: Both limits where nothing tells them.
        more: Further fields of the wish.

    Raises:
        DataError: If a file cannot be read.
    """
    sent = sent_in(workload)
    longest = otherwise if sent is None else sent.tokens.max(axis=0).tolist()
    limits = Limits(longest_input or longest[0], longest_output or longest[1])
    return Wish(limits=limits, requests=None if sent is None else sent.drawn(), **more)
