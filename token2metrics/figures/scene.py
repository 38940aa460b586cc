"""What a comparison shows as points: quality or latency against energy."""

from __future__ import annotations

from msgspec import Struct

from token2metrics.comparing.comparison import Comparison, ConfigurationResult
from token2metrics.comparing.unranked import unranked_notes
from token2metrics.errors import DataError
from token2metrics.report.configuration_names import common_conditions, names_of
from token2metrics.report.units import counted


class Point(Struct, frozen=True):
    """A configuration on the picture.

    Attributes:
        x: Energy, or what stands for it.
        y: Quality or latency.
        label: Its name.
        model: Its model, which sets colour and shape.
        on_front: Whether it is on the front of the comparison.
    """

    x: float
    y: float
    label: str
    model: str
    on_front: bool


class Scene(Struct, frozen=True):
    """What is drawn.

    Attributes:
        points: The configurations whose values are known.
        x_label: Name and unit of the first axis.
        y_label: Name and unit of the second.
        rising: Whether more is better on the second axis: quality.
        title: What all share.
        notes: What the front of the comparison is about, and what is not on it or not drawn.
    """

    points: tuple[Point, ...]
    x_label: str
    y_label: str
    rising: bool
    title: str
    notes: tuple[str, ...]


def scene_of(found: Comparison) -> Scene:
    """Choose the axes: energy across, else latency; quality up, else latency.

    Raises:
        DataError: If fewer than two quantities are known of any configuration.
    """
    shown = found.configurations
    rated = any(one.quality is not None for one in shown)
    metered = any(_energy_j(one, found) is not None for one in shown)
    if not rated and not metered:
        raise DataError(
            "expected measured energies or --quality FILE to draw against latency, got neither"
        )
    where = f"p{found.percentile:g} latency" if found.workload.files else "latency"
    energy = "decode energy" if _decode_only(found) else "energy"
    points = _points(found, rated, metered)
    if not points:
        raise DataError("expected a configuration of which both axes are known, got none to draw")
    return Scene(
        points=points,
        x_label=f"{energy} per request / J" if metered else f"{where} / s",
        y_label="quality" if rated else f"{where} / s",
        rising=rated,
        title=common_conditions(shown),
        notes=_front_words(found, len(points)),
    )


def _points(found: Comparison, rated: bool, metered: bool) -> tuple[Point, ...]:
    """Return the configurations of which both axes are known."""
    shown = found.configurations
    return tuple(
        Point(x, y, name, one.name, bool(one.on_front))
        for name, one in zip(names_of(shown), shown, strict=True)
        if (x := _energy_j(one, found) if metered else one.latency.at_percentile_s) is not None
        and (y := one.quality if rated else one.latency.at_percentile_s) is not None
    )


def _front_words(found: Comparison, drawn: int) -> tuple[str, ...]:
    """Say what filled points mean, which configurations have none, and how many are not drawn."""
    compared = found.configurations
    hidden = len(compared) - drawn
    beyond = f"{hidden} of {counted(len(compared), 'configuration')} not drawn: a value is unknown"
    return (
        f"Filled points: the Pareto front ({', '.join(found.objectives)}).",
        *unranked_notes(compared, found.objectives),
        *([beyond] if hidden else []),
    )


def _decode_only(found: Comparison) -> bool:
    """Return whether no configuration has the energy of prefill."""
    return all(one.energy.mean_j is None for one in found.configurations)


def _energy_j(one: ConfigurationResult, found: Comparison) -> float | None:
    """Return the energy that is drawn."""
    return one.energy.decode_mean_j if _decode_only(found) else one.energy.mean_j
