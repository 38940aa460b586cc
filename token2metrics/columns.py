"""Names, units and types of the canonical measurement table."""

import dataframely as dy

from token2metrics.vocabulary import MAX_TOKENS, Phase

MAX_LATENCY_S = 86_400.0

UNSTATED = "unstated"
"""Power mode, runtime or precision of a file that names none."""


class Measurement(dy.Schema):
    """One row: the latency, and if metered the energy, of one phase of one token setting.

    Attributes:
        device: Device slug, such as ``jetson-agx-orin-64gb``.
        power_mode: Power mode in lower case, such as ``maxn``.
        runtime: Inference engine in lower case, such as ``vllm``.
        precision: Precision of the weights in lower case, such as ``bf16``.
        model: Model id, such as ``dsr1-qwen-1.5b``.
        phase: ``prefill``, ``decode`` or ``request``.
        input_tokens: Tokens of the prompt.
        output_tokens: Tokens of the answer.
        parallel: Requests in flight together.
        latency_s: Seconds of the phase.
        energy_j: Joules over the energy window; null when not metered.
        energy_window_s: Seconds over which the energy was metered; null means the latency.
        energy_samples: How many readings the meter took over the window; null for one that
            integrates, or when unknown.
        power_rail: The metered rail; null when unknown.
        repeats: How many measurements the row aggregates.
        source: Citation or file name.
    """

    device = dy.String(nullable=False, min_length=1)
    power_mode = dy.String(nullable=False, min_length=1)
    runtime = dy.String(nullable=False, min_length=1)
    precision = dy.String(nullable=False, min_length=1)
    model = dy.String(nullable=False, min_length=1)
    phase = dy.String(nullable=False, regex=f"^({'|'.join(Phase)})$")
    input_tokens = dy.Int64(nullable=False, min=0, max=MAX_TOKENS)
    output_tokens = dy.Int64(nullable=False, min=0, max=MAX_TOKENS)
    parallel = dy.Int64(nullable=False, min=1)
    latency_s = dy.Float64(nullable=False, min_exclusive=0, max=MAX_LATENCY_S)
    energy_j = dy.Float64(nullable=True, min_exclusive=0)
    energy_window_s = dy.Float64(nullable=True, min_exclusive=0)
    energy_samples = dy.Float64(nullable=True, min=1)
    power_rail = dy.String(nullable=True, min_length=1)
    repeats = dy.Int64(nullable=False, min=1)
    source = dy.String(nullable=False)


CANONICAL = tuple(Measurement.column_names())
"""Columns of a prepared table, in order."""

REQUIRED = (
    "device",
    "power_mode",
    "runtime",
    "precision",
    "model",
    "phase",
    "input_tokens",
    "output_tokens",
    "latency_s",
)
"""Columns that a canonical file must have."""

AS_READ = (
    *CANONICAL,
    "power_w",
    "quality_flags",
    "repeat",
    "started_at_s",
    "question",
    "phases_s",
    "stated_total_s",
)
"""Columns of a table as read, all text.

``power_w`` and ``quality_flags`` are optional columns of a file, as are ``repeat`` and
``started_at_s``, which tell equal repeats from copies of a row. ``question`` is the prompt of
the original formats; ``phases_s`` is the sum of a row's measured phases, ``stated_total_s`` the
total that its file states beside them.
"""

FILE = "file"
ROW = "row"
SHEET = "sheet"
SURPLUS = "surplus"
"""The first field of a CSV line beyond the header's last column."""

PROVENANCE = (FILE, ROW)
"""Where a row was read: the path as given, and its number there, counted from 1."""

CONDITIONS = ("power_mode", "runtime", "precision")
"""What must agree between rows of one device before a curve may pool them."""

TOKEN_SETTING = (
    "device",
    *CONDITIONS,
    "model",
    "phase",
    "input_tokens",
    "output_tokens",
    "parallel",
)
"""Rows that agree in these are repeats of one measurement."""
