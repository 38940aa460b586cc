"""Options of ``serve`` alone."""

from pathlib import Path
from typing import Annotated

import typer

LISTEN = "Listen"
LIMITS = "Limits"
OBSERVE = "Observe"
LOG = "Log"

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8000
MOST_WORKERS = 256
HIGHEST_PORT = 65_535
STATE_NAME = "observed.sqlite3"

Host = Annotated[
    str,
    typer.Option(
        metavar="ADDRESS",
        help="Where to listen; anything but this computer's own loopback needs a token.",
        rich_help_panel=LISTEN,
    ),
]
Port = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=0,
        max=HIGHEST_PORT,
        help="Port; 0 takes a free one.",
        rich_help_panel=LISTEN,
    ),
]
Workers = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=1,
        max=MOST_WORKERS,
        help="Processes that answer; one that dies is started again.",
        rich_help_panel=LISTEN,
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        help="File with the token that has to be shown.  \\[default: the setting token, or none]",
        rich_help_panel=LISTEN,
    ),
]
MaxBodyBytes = Annotated[
    int,
    typer.Option(metavar="N", min=1, help="Size of a body.", rich_help_panel=LIMITS),
]
MaxRequests = Annotated[
    int,
    typer.Option(metavar="N", min=1, help="Predictions in one body.", rich_help_panel=LIMITS),
]
MaxTimeS = Annotated[
    float,
    typer.Option(
        metavar="SECONDS",
        help="Time of a request to arrive, and again of its answer.",
        rich_help_panel=LIMITS,
    ),
]
MaxConnections = Annotated[
    int,
    typer.Option(
        metavar="N", min=1, help="Connections at a time, of each worker.", rich_help_panel=LIMITS
    ),
]
MaxRunning = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=1,
        help="Requests answered at a time, by each worker.",
        rich_help_panel=LIMITS,
    ),
]
State = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="FILE",
        help="What was observed is kept here, and gone on with.  "
        f"\\[default: {STATE_NAME} beside the models]",
        rich_help_panel=OBSERVE,
    ),
]
NoObserve = Annotated[
    bool,
    typer.Option(
        "--no-observe", help="Observe nothing, and write nothing.", rich_help_panel=OBSERVE
    ),
]
UpdateLevels = Annotated[
    bool,
    typer.Option(
        "--update",
        help="Let the level of each phase follow what is observed, and write it into the artifact.",
        rich_help_panel=OBSERVE,
    ),
]
LogRequests = Annotated[
    bool,
    typer.Option(
        "--log-requests/--no-log-requests",
        help="Log a line per request, without what it says.",
        rich_help_panel=LOG,
    ),
]
