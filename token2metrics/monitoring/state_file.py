"""The state of a monitor on disk: replaced in one step, and read back to the last digit."""

from __future__ import annotations

from pathlib import Path

import msgspec

from token2metrics.errors import ConfigurationError
from token2metrics.files import write_file
from token2metrics.monitoring.monitor import MonitorState

FORMAT = "token2metrics-monitor"
VERSION = 1


class StateFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file holds."""

    format: str
    version: int
    state: MonitorState


def load_state(path: Path) -> MonitorState | None:
    """Read what an earlier run saved; None where there is no file yet.

    Raises:
        ConfigurationError: If it cannot be read or is no state of this version.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error
    try:
        saved = msgspec.json.decode(content, type=StateFile)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(
            f"expected {path} to be a state of the monitor: {error}; remove it to begin anew"
        ) from error
    if (saved.format, saved.version) != (FORMAT, VERSION):
        raise ConfigurationError(
            f"expected {path} to be a state of version {VERSION}, got version {saved.version}; "
            "remove it to begin anew"
        )
    return saved.state


def save_state(path: Path, state: MonitorState) -> None:
    """Write a state.

    Raises:
        ConfigurationError: If it cannot be written.
    """
    write_file(path, msgspec.json.encode(StateFile(FORMAT, VERSION, state)))
