"""Predicted requests as tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console

from token2metrics.parallel import SINGLE
from token2metrics.prediction.assemble import NOTHING_MEASURED
from token2metrics.prediction.result import Cost, Interval, Prediction
from token2metrics.report.tables import (
    WARNING_STYLE,
    build_table,
    show_line,
    show_pairs,
    show_title,
)
from token2metrics.report.units import (
    UNKNOWN,
    counted,
    digits,
    joules,
    money,
    seconds,
    upper_end,
    watts,
)

OUTSIDE = "*"
DECODE_ONLY = "†"


def show_predictions(console: Console, predictions: Sequence[Prediction]) -> None:
    """Print one request in full, or several in a row each."""
    if len(predictions) == 1:
        show_request(console, predictions[0])
    else:
        show_requests(console, predictions)


def show_request(console: Console, prediction: Prediction) -> None:
    """Print what one request costs, phase by phase, and what that rests on."""
    show_title(console, heading(prediction))
    prompt = counted(prediction.input_tokens, "input token")
    answer = counted(prediction.output_tokens, "output token")
    several = f" in each of {prediction.parallel} answers" if prediction.parallel > SINGLE else ""
    show_line(console, f"{prompt}, {answer}{several}")
    console.print()
    interval = f"{prediction.confidence:.0%} interval"
    table = build_table(["phase"], ["latency", interval, "energy", interval, "power"])
    for name, part in (("prefill", prediction.prefill), ("decode", prediction.decode)):
        table.add_row(
            name,
            seconds(part.latency_s),
            between(seconds, part.latency_interval_s),
            joules(part.energy_j),
            between(joules, part.energy_interval_j),
            watts(part.power_w),
        )
    table.add_row(
        "request",
        seconds(prediction.latency_s),
        between(seconds, prediction.latency_interval_s),
        joules(prediction.energy_j),
        between(joules, prediction.energy_interval_j),
        watts(prediction.power_w),
        style="bold",
    )
    console.print(table)
    console.print()
    show_pairs(console, [*_rates(prediction), *_costs(prediction.cost)])
    console.print()
    show_pairs(console, _foundations(prediction))
    for note in prediction.notes:
        show_line(console, f"note: {note}", WARNING_STYLE)


def show_requests(console: Console, predictions: Sequence[Prediction]) -> None:
    """Print several requests in a row each."""
    several = len({(p.device, p.power_mode, p.runtime, p.precision) for p in predictions}) > 1
    if not several:
        several_answers = predictions[0].parallel > SINGLE
        suffix = f", {predictions[0].parallel} answers at once" if several_answers else ""
        show_title(console, _conditions(predictions[0]) + suffix)
    upper = upper_end(predictions[0].confidence)
    table = build_table(
        ["model", "device"] if several else ["model"],
        ["in", "out", "latency", upper, "TTFT", "TPOT", "energy", "power", ""],
    )
    for prediction in predictions:
        table.add_row(
            *((prediction.name, _conditions(prediction)) if several else (prediction.name,)),
            f"{prediction.input_tokens:,}",
            f"{prediction.output_tokens:,}",
            seconds(prediction.latency_s),
            seconds(prediction.latency_interval_s.upper if prediction.latency_interval_s else None),
            seconds(prediction.ttft_s),
            seconds(prediction.tpot_s),
            *_energy_and_power(prediction),
            OUTSIDE if prediction.extrapolated else "",
        )
    console.print(table)
    if any(prediction.extrapolated for prediction in predictions):
        show_line(console, f"{OUTSIDE} outside the measured token range", WARNING_STYLE)
    if any(_is_decode_only(prediction) for prediction in predictions):
        show_line(
            console, f"{DECODE_ONLY} decode only: no energy of prefill was measured", WARNING_STYLE
        )
    unfitted = {
        f"{prediction.name} {phase}: {NOTHING_MEASURED}"
        for prediction in predictions
        for phase, part in (("prefill", prediction.prefill), ("decode", prediction.decode))
        if part.latency_s is None
    }
    for note in sorted(unfitted):
        show_line(console, f"note: {note}", WARNING_STYLE)


def between(unit: Callable[[float | None], str], interval: Interval | None) -> str:
    """Write an interval; a dash where there is none."""
    if interval is None:
        return UNKNOWN
    return f"{unit(interval.lower)} .. {unit(interval.upper)}"


def _is_decode_only(prediction: Prediction) -> bool:
    """Return whether only the energy of decode is known."""
    decode = prediction.decode
    worked = decode.latency_s is not None and decode.latency_s > 0
    return prediction.energy_j is None and decode.energy_j is not None and worked


def _energy_and_power(prediction: Prediction) -> tuple[str, str]:
    """Write energy and power of a request; those of decode, marked, where prefill has none."""
    if _is_decode_only(prediction):
        decode = prediction.decode
        return f"{joules(decode.energy_j)} {DECODE_ONLY}", f"{watts(decode.power_w)} {DECODE_ONLY}"
    return joules(prediction.energy_j), watts(prediction.power_w)


def _rates(prediction: Prediction) -> list[tuple[str, str]]:
    """Return what the user of a request feels."""
    return [
        ("time to first token (TTFT)", seconds(prediction.ttft_s)),
        ("time per output token (TPOT)", seconds(prediction.tpot_s)),
        ("output tokens per second", digits(prediction.output_tokens_per_s)),
        ("output tokens per joule", digits(prediction.output_tokens_per_j)),
        ("power rail", prediction.power_rail or UNKNOWN),
    ]


def _costs(cost: Cost) -> list[tuple[str, str]]:
    """Return what a request costs, in the currency of the prices."""
    prices = cost.prices
    if prices is None:
        return []
    electricity, ownership = money(cost.electricity), money(cost.ownership)
    if cost.electricity is not None:
        electricity += f" ({prices.price_per_kwh:g} per kWh)"
    if cost.ownership is not None:
        ownership += f" ({prices.device_price:,g} over {prices.lifetime_years:g} years)"
    return [("electricity", electricity), ("owning the device", ownership)]


def heading(prediction: Prediction) -> str:
    """Name a model and where it runs."""
    return f"{prediction.name} ({prediction.model}) on {_conditions(prediction)}"


def _conditions(prediction: Prediction) -> str:
    """Name a device and its conditions."""
    parts = (
        prediction.device,
        prediction.power_mode,
        prediction.runtime,
        prediction.precision,
    )
    return ", ".join(part for part in parts if part)


def _foundations(prediction: Prediction) -> list[tuple[str, str]]:
    """Return what each phase rests on."""
    return [
        ("prefill latency rests on", prediction.prefill.rests_on),
        ("prefill power rests on", prediction.prefill.energy_rests_on),
        ("decode latency rests on", prediction.decode.rests_on),
        ("decode power rests on", prediction.decode.energy_rests_on),
        ("prefill interval rests on", prediction.prefill.interval_rests_on or UNKNOWN),
        ("decode interval rests on", prediction.decode.interval_rests_on or UNKNOWN),
    ]
