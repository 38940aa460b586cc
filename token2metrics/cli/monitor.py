"""``monitor``: whether predictions still hold for finished requests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

import typer
from rich.text import Text

from token2metrics.artifact.manifest import MANIFEST_NAME
from token2metrics.artifact.relevel import relevel_artifact
from token2metrics.cli.interrupts import Interrupts
from token2metrics.cli.monitor_ending import STANDARD_INPUT, finish, unusable_words
from token2metrics.cli.monitor_options import (
    DEFAULT_MAX_MAPE,
    Check,
    FalseAlarmsPer,
    MaxMape,
    MaxP90,
    MinRequests,
    Rejected,
    Requests,
    SmallestChange,
    StateFile,
    Update,
    UpdatedArtifact,
)
from token2metrics.cli.options import (
    ArtifactDirectory,
    AsJson,
    DeviceName,
    ModelName,
    PowerMode,
    PrecisionName,
    RuntimeName,
)
from token2metrics.cli.own_files import refuse_overwriting
from token2metrics.cli.pictures import Picture
from token2metrics.cli.session import Session, session_of
from token2metrics.errors import ConfigurationError, DataError
from token2metrics.extras import needing
from token2metrics.monitoring.check import DEFAULT_MIN_REQUESTS, Limits
from token2metrics.monitoring.history import History, Series
from token2metrics.monitoring.monitor import Monitor
from token2metrics.monitoring.options import (
    DEFAULT_CHANGE_PERCENT,
    DEFAULT_REQUESTS_PER_FALSE_ALARM,
    MonitorOptions,
)
from token2metrics.monitoring.reading import LineReader
from token2metrics.monitoring.result import Event
from token2metrics.monitoring.state_file import load_state, save_state
from token2metrics.monitoring.summary import report
from token2metrics.monitoring.watch import nothing_more, set_aside_file, watch
from token2metrics.prediction.conditions import Conditions
from token2metrics.prediction.predictor import Predictor
from token2metrics.report.monitor import event_words
from token2metrics.report.tables import WARNING_STYLE

STANDARD_INPUT_FILE = Path("/dev/stdin")
WEIGHTS_FILES = "weights-*.safetensors"


def monitor(
    context: typer.Context,
    requests: Requests = STANDARD_INPUT,
    model: ModelName = None,
    artifact: ArtifactDirectory = None,
    device: DeviceName = None,
    power_mode: PowerMode = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    change: SmallestChange = DEFAULT_CHANGE_PERCENT,
    false_alarms_per: FalseAlarmsPer = DEFAULT_REQUESTS_PER_FALSE_ALARM,
    update: Update = False,
    output: UpdatedArtifact = None,
    state: StateFile = None,
    check: Check = False,
    max_mape: MaxMape = None,
    max_p90: MaxP90 = None,
    min_requests: MinRequests = None,
    rejected: Rejected = None,
    plot: Picture = None,
    as_json: AsJson = False,
) -> None:
    """Compare finished requests with their predictions, and tell drift from noise.

    Columns: input_tokens, output_tokens, and latency_s, prefill_latency_s (ttft_s) or
    decode_latency_s; optional model, energy_j, parallel, device, power_mode, runtime, precision,
    timestamp. Drift is told as it happens, where everything stands at the end.

    Example: [bold]python main.py monitor requests.csv --model 1.5B --check --max-mape 5[/]
    """
    session = session_of(context)
    limits = _limits(check, max_mape, max_p90, min_requests)
    if output is not None and not update:
        raise ConfigurationError("expected --update with --output, got --output alone")
    draw = _drawing(plot)
    directory = session.directory(artifact)
    options = MonitorOptions(
        smallest_change_percent=change, requests_per_false_alarm=false_alarms_per, updates=update
    )
    refuse_overwriting(
        _read_files(requests, directory),
        {"--rejected": rejected, "--state": state, "--plot": plot, "--output": output},
    )
    if state is not None:
        refuse_overwriting([state], {"--rejected": rejected, "--plot": plot})
    known = None if state is None else load_state(state)
    predictor = Predictor.load(directory)
    _refuse_unknown(predictor, model, Conditions(device, power_mode, runtime, precision))
    watched = Monitor(predictor, options, known)
    before = watched.state.requests
    history = None if draw is None else History(watched)
    reader = LineReader(_told(model, device, power_mode, runtime, precision))
    save = _saving(watched, state, directory, output)
    with (
        _opened(requests) as stream,
        set_aside_file(rejected) as write,
        Interrupts() as interrupts,
    ):
        lines = interrupts.until_interrupted(reader.lines(stream))
        seen = nothing_more if history is None else history.look
        watch(lines, watched, _telling(session), write, save, seen)
    if draw is not None and history is not None and history.series:
        draw(list(history.series.values()), watched.state.events)
    resumed = known is not None and requests == STANDARD_INPUT
    is_useless = watched.state.requests == before and not resumed
    complaint = unusable_words(requests, watched.state.set_aside) if is_useless else None
    finish(session, report(watched), limits, as_json, complaint)


def _read_files(requests: str, directory: Path) -> list[Path]:
    """Return the files that are read: the requests, also where a shell opened them, and models."""
    own = STANDARD_INPUT_FILE if requests == STANDARD_INPUT else Path(requests)
    return [own, directory / MANIFEST_NAME, *directory.glob(WEIGHTS_FILES)]


def _told(*values: str | None) -> dict[str, str]:
    """Return model and conditions of lines that name none."""
    names = ("model", "device", "power_mode", "runtime", "precision")
    return {name: value for name, value in zip(names, values, strict=True) if value is not None}


def _refuse_unknown(predictor: Predictor, model: str | None, conditions: Conditions) -> None:
    """Refuse a name or conditions that no trained model has; lines may tell several apart.

    Raises:
        RequestError: If none does.
    """
    records = [one.model.record for one in predictor.models]
    named = [one for one in records if model is None or one.answers_to(model)]
    if not any(conditions.fit(one) for one in named):
        predictor.choose(() if model is None else (model,), conditions)


def _drawing(path: Path | None) -> Callable[[Sequence[Series], Sequence[Event]], None] | None:
    """Return what draws the picture; None where none is wanted.

    Raises:
        MissingExtraError: If the package for it is missing.
    """
    if path is None:
        return None
    with needing("drawing"):
        from token2metrics.figures.drawing import write_picture
        from token2metrics.figures.stream import watched_stream
    return lambda series, events: write_picture(watched_stream(series, events), path)


def _limits(
    check: bool, max_mape: float | None, max_p90: float | None, min_requests: int | None
) -> Limits | None:
    """Return what is checked; None without a check.

    Raises:
        ConfigurationError: If limits are given without a check, or one is no percentage.
    """
    given = {"--max-mape": max_mape, "--max-p90": max_p90, "--min-requests": min_requests}
    named = [name for name, value in given.items() if value is not None]
    if not check:
        if named:
            raise ConfigurationError(f"expected --check with {named[0]}, got {named[0]} alone")
        return None
    for name in ("--max-mape", "--max-p90"):
        value = given[name]
        if value is not None and not value > 0.0:
            raise ConfigurationError(f"expected {name} above 0 %, got {value!r}")
    return Limits(
        DEFAULT_MAX_MAPE if max_mape is None else max_mape,
        max_p90,
        DEFAULT_MIN_REQUESTS if min_requests is None else min_requests,
    )


def _opened(requests: str) -> AbstractContextManager[BinaryIO]:
    """Open a file, or take standard input, which stays open.

    Raises:
        DataError: If the file cannot be read.
    """
    if requests == STANDARD_INPUT:
        return nullcontext(sys.stdin.buffer)
    try:
        return Path(requests).open("rb")
    except OSError as error:
        raise DataError(f"cannot read {requests}: {error.strerror}") from error


def _telling(session: Session) -> Callable[[Event], None]:
    """Return what prints events as they happen."""

    def tell(event: Event) -> None:
        session.errors.print(Text(event_words(event), style=WARNING_STYLE), soft_wrap=True)

    return tell


def _saving(
    monitor: Monitor, state: Path | None, directory: Path, output: Path | None
) -> Callable[[], None]:
    """Return what keeps the state, and the levels where they follow."""

    def save() -> None:
        if state is not None:
            save_state(state, monitor.state)
        if monitor.state.options.updates:
            relevel_artifact(directory, monitor.moves(), output)

    return save
