"""``serve``: predictions, plans and comparisons over HTTP."""

from __future__ import annotations

import logging
from pathlib import Path

import typer

from token2metrics.artifact.load import load_artifact
from token2metrics.cli.log import PACKAGE_LOGGER
from token2metrics.cli.monitor_options import FalseAlarmsPer, SmallestChange
from token2metrics.cli.options import ArtifactDirectory, AsJson
from token2metrics.cli.serve_options import (
    DEFAULT_HOST,
    DEFAULT_PORT,
    STATE_NAME,
    Host,
    LogRequests,
    MaxBodyBytes,
    MaxConnections,
    MaxRequests,
    MaxRunning,
    MaxTimeS,
    NoObserve,
    Port,
    State,
    TokenFile,
    UpdateLevels,
    Workers,
)
from token2metrics.cli.session import Session, session_of
from token2metrics.errors import ConfigurationError
from token2metrics.extras import needing
from token2metrics.given_settings import settings_are_given
from token2metrics.monitoring.options import (
    DEFAULT_CHANGE_PERCENT,
    DEFAULT_REQUESTS_PER_FALSE_ALARM,
    MonitorOptions,
)
from token2metrics.prediction.result import Result
from token2metrics.report.units import counted
from token2metrics.service.layers.limits import Limits
from token2metrics.service.options import ServiceOptions
from token2metrics.service.setup import Setup

ALL, IMPORTANT = "debug", "info"
DEFAULT_LIMITS, DEFAULT_OPTIONS = Limits(), ServiceOptions()


class Started(Result, frozen=True):
    """What is said when the service starts.

    Attributes:
        url: Where it is reached.
        models: Models that are served.
        artifact: SHA-256 of what is served.
        workers: Processes that answer.
        state: Where what is observed is kept; None where nothing is.
        needs_token: Whether a token has to be shown.
    """

    url: str
    models: int
    artifact: str
    workers: int
    state: str | None
    needs_token: bool


def serve(
    context: typer.Context,
    artifact: ArtifactDirectory = None,
    host: Host = DEFAULT_HOST,
    port: Port = DEFAULT_PORT,
    workers: Workers = 1,
    token_file: TokenFile = None,
    max_body_bytes: MaxBodyBytes = DEFAULT_LIMITS.max_body_bytes,
    max_requests: MaxRequests = DEFAULT_OPTIONS.max_requests,
    max_time_s: MaxTimeS = DEFAULT_LIMITS.max_time_s,
    max_connections: MaxConnections = DEFAULT_LIMITS.max_connections,
    max_running: MaxRunning = DEFAULT_LIMITS.max_running,
    state: State = None,
    no_observe: NoObserve = False,
    change: SmallestChange = DEFAULT_CHANGE_PERCENT,
    false_alarms_per: FalseAlarmsPer = DEFAULT_REQUESTS_PER_FALSE_ALARM,
    update: UpdateLevels = False,
    log_requests: LogRequests = True,
    as_json: AsJson = False,
) -> None:
    """Answer predictions, plans and comparisons over HTTP, and watch whether they hold.

    The explorer is at /, the API is described at /openapi.json. Another
    artifact in the directory is served once it is whole. SIGTERM ends
    gracefully.

    Example: [bold]python main.py serve --artifact ./outputs --port 8000[/]
    """
    session = session_of(context)
    directory = session.directory(artifact)
    token = _token(session, token_file)
    options = ServiceOptions(max_requests=max_requests, needs_token=token is not None)
    limits = Limits(
        max_body_bytes=max_body_bytes,
        max_time_s=max_time_s,
        max_connections=max_connections,
        max_running=max_running,
    )
    setup = Setup(
        directory=directory,
        options=options,
        limits=limits,
        state=_state(directory, state, no_observe, update),
        monitoring=MonitorOptions(
            smallest_change_percent=change,
            requests_per_false_alarm=false_alarms_per,
            updates=update,
        ),
        token=token,
        logs_requests=log_requests,
    )
    _start(session, setup, host, port, workers, as_json)


def _start(
    session: Session, setup: Setup, host: str, port: int, workers: int, as_json: bool
) -> None:
    """Check everything, say where the service is, and serve."""
    manifest = load_artifact(setup.directory).manifest
    with needing("serving"):
        from token2metrics.service.listening import is_loopback, listen, url_of
        from token2metrics.service.observing.trying import try_state
        from token2metrics.service.running import run_service
    if setup.token is None and not is_loopback(host):
        raise ConfigurationError(
            f"expected a token (--token-file) to listen on {host}, which other computers reach, "
            "got none; make one with: openssl rand -hex 32"
        )
    try_state(setup)
    with listen(host, port) as bound:
        started = Started(
            url=url_of(bound),
            models=len(manifest.models),
            artifact=manifest.manifest_sha256,
            workers=workers,
            state=None if setup.state is None else str(setup.state),
            needs_token=setup.token is not None,
        )
        _say(session, started, as_json)
        run_service(setup, bound, workers, _log_level())


def _log_level() -> str:
    """Return the least severe messages of the log: all of them where the program is verbose."""
    return ALL if logging.getLogger(PACKAGE_LOGGER).isEnabledFor(logging.DEBUG) else IMPORTANT


def _say(session: Session, started: Started, as_json: bool) -> None:
    """Say where the service is."""
    if as_json:
        session.show_json(started)
        return
    shown = f"serving {counted(started.models, 'model')} at {started.url}/ (Ctrl-C ends)"
    session.console.print(shown, highlight=False, soft_wrap=True)


def _token(session: Session, file: Path | None) -> str | None:
    """Return the token from a file, or else of the settings; None where there is none."""
    from token2metrics.service.layers.tokens import checked_token, token_in

    if file is not None:
        return token_in(file)
    if not settings_are_given() or session.settings.token is None:
        return None
    return checked_token(session.settings.token.get_secret_value(), "the setting token")


def _state(directory: Path, state: Path | None, no_observe: bool, update: bool) -> Path | None:
    """Return where what is observed is kept; None where nothing is observed.

    Raises:
        ConfigurationError: If nothing is observed and something is to come of it.
    """
    given = {"--state": state is not None, "--update": update}
    named = [name for name, is_given in given.items() if is_given]
    if no_observe and named:
        raise ConfigurationError(f"expected {named[0]} or --no-observe, got both")
    if no_observe:
        return None
    return directory / STATE_NAME if state is None else state
