"""The log of the service: a JSON object per line, without anything that requests contain."""

from __future__ import annotations

import asyncio
import logging
import os
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

FLUSH_S = 0.2
"""Lines of requests are written together, so often at least."""

MOST_LINES = 1_000
"""So many are written at once, however soon they came."""

FIELDS = "fields"
DEEPEST_FRAMES = 8
ENCODER = msgspec.json.Encoder()


class JsonLines(logging.Formatter):
    """Writes a record as a JSON object; of an exception its kind and place, never its words."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        line: dict[str, Any] = {
            "at": timestamp(record.created),
            "level": record.levelname.lower(),
            "event": record.getMessage().strip(),
            "logger": record.name,
            "worker": record.process,
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["where"] = places(record.exc_info[2])
        return ENCODER.encode(line).decode()


def timestamp(seconds: float) -> str:
    """Return a time as ISO 8601, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def places(trace: TracebackType | None) -> list[str]:
    """Return where an exception came from, the innermost last."""
    frames = traceback.extract_tb(trace)[-DEEPEST_FRAMES:]
    return [f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in frames]


def log_settings(level: str) -> dict[str, Any]:
    """Return settings for ``logging.config``, which every worker applies.

    Args:
        level: Least severe messages that are logged.
    """
    logger = {"handlers": ["lines"], "level": level.upper(), "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": f"{__name__}.{JsonLines.__name__}"}},
        "handlers": {"lines": {"class": "logging.StreamHandler", "formatter": "json"}},
        "loggers": {"token2metrics": logger, "uvicorn.error": logger, "asyncio": logger},
    }


class RequestLog:
    """Writes a line per answered request, many lines at a time.

    Args:
        write: Takes whole lines.
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._lines: list[bytes] = []
        self._worker = os.getpid()

    def answered(self, path: str, method: str, status: int, seconds: float, name: str) -> None:
        """Take a request into the log.

        Args:
            path: One of few.
            method: One of few.
            status: Of the answer.
            seconds: That it took.
            name: What the answer calls the request.
        """
        self._lines.append(
            b'{"at":"%s","level":"info","event":"request","path":"%s","method":"%s","status":%d,'
            b'"seconds":%.6f,"request":"%s","worker":%d}\n'
            % (
                timestamp(time.time()).encode(),
                path.encode(),
                method.encode(),
                status,
                seconds,
                name.encode(),
                self._worker,
            )
        )
        if len(self._lines) == 1:
            asyncio.get_running_loop().call_later(FLUSH_S, self.flush)
        elif len(self._lines) >= MOST_LINES:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        lines, self._lines = self._lines, []
        if lines:
            self._write(b"".join(lines))
