"""One measured phase as a tool or an engine tells it, in SI units, before any rule is applied."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

from token2metrics.vocabulary import Phase

INT64_MAX = (1 << 63) - 1
"""The largest whole number that a column of a table can hold."""

Count = Annotated[int, msgspec.Meta(ge=-INT64_MAX, le=INT64_MAX)]
"""A whole number that a table can hold; only reading a file checks it."""


class Clock(StrEnum):
    """Whose clock timed a phase: the engine's own, or that of the program that called it."""

    SERVER = "server"
    CLIENT = "client"


class PowerScope(StrEnum):
    """What a power meter's reading includes, from the narrowest to the widest."""

    RAIL = "rail"
    MODULE = "module"
    BOARD = "board"
    WALL = "wall"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One phase of one request, or the mean of several; what nobody told is None, never guessed.

    The names are those of the canonical table, which takes the columns it knows; the others are
    evidence for a reader and for the data doctor.

    Attributes:
        phase: ``prefill`` (to the first token), ``decode`` (from the first token to the last) or
            ``request`` (both).
        input_tokens: Tokens of the context before the first new one: the prompt, cached tokens
            included.
        output_tokens: Generated tokens, the first of which ends prefill; 1 in a prefill row. A
            decode row of ``n`` steps has ``n + 1``.
        latency_s: Seconds of the phase.
        device: Device slug.
        power_mode: Power mode of the device.
        runtime: Inference engine, such as ``llama.cpp``.
        runtime_version: Version or build of the engine.
        precision: Precision of the weights.
        model: Model as the source names it.
        parallel: Requests in flight together.
        energy_j: Joules over the energy window.
        energy_window_s: Seconds over which the energy was metered; None means the latency.
        energy_samples: How many readings the meter took over the window; None for a counter.
        power_w: Mean power over the phase, where a source tells power and no energy.
        power_rail: The metered rail or rails.
        power_scope: What the reading includes.
        repeats: How many measurements the row aggregates.
        repeat: Which repeat of its point a row is, counted from 0.
        source: File name or address of the engine.
        clock: Whose clock timed it.
        cached_tokens: Prompt tokens taken from a cache.
        asked_input_tokens: Prompt tokens the client meant to send.
        asked_output_tokens: Tokens the client asked for.
        finish_reason: Why generation ended, as the engine said.
        started_at_s: Start of the phase in seconds since 1970 (UTC).
        temperature_c: Hottest temperature of the device over the phase.
        quality_flags: Words of ``processors.rules.BAD_FLAGS`` and others, separated by spaces.
        note: Why a field is None, or what to distrust, in one sentence.
    """

    phase: Phase
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    latency_s: float | None = None
    device: str | None = None
    power_mode: str | None = None
    runtime: str | None = None
    runtime_version: str | None = None
    precision: str | None = None
    model: str | None = None
    parallel: Count | None = None
    energy_j: float | None = None
    energy_window_s: float | None = None
    energy_samples: float | None = None
    power_w: float | None = None
    power_rail: str | None = None
    power_scope: PowerScope | None = None
    repeats: Count = 1
    repeat: Count | None = None
    source: str = ""
    clock: Clock | None = None
    cached_tokens: Count | None = None
    asked_input_tokens: Count | None = None
    asked_output_tokens: Count | None = None
    finish_reason: str | None = None
    started_at_s: float | None = None
    temperature_c: float | None = None
    quality_flags: str | None = None
    note: str | None = None
