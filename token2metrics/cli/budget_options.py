"""The options of ``budget``."""

from __future__ import annotations

from typing import Annotated

import typer

BATTERY = "Battery and power"
MONEY = "Cost"
CARBON = "Carbon"

BatteryWh = Annotated[
    float | None,
    typer.Option(metavar="WH", help="Energy of a full battery.", rich_help_panel=BATTERY),
]
UsableShare = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Share of the battery that may be used.  \\[default: 1]",
        rich_help_panel=BATTERY,
    ),
]
IdlePower = Annotated[
    float | None,
    typer.Option(
        "--idle-power-w",
        metavar="W",
        help="Power between requests, of the metered rail.  \\[default: the device's]",
        rich_help_panel=BATTERY,
    ),
]
RequestsPerHour = Annotated[
    float | None,
    typer.Option(
        metavar="R",
        help="A steady rate, with idling in between; else one request follows the other.",
        rich_help_panel=BATTERY,
    ),
]
MaxPower = Annotated[
    float | None,
    typer.Option(
        "--max-power-w",
        metavar="W",
        help="Most mean power: which rate can be sustained?",
        rich_help_panel=BATTERY,
    ),
]
PricePerKwh = Annotated[
    float | None,
    typer.Option(
        help="Price of electricity, in any currency.  \\[default: 0.3 where money is asked for]",
        rich_help_panel=MONEY,
    ),
]
ApiInputPrice = Annotated[
    float | None,
    typer.Option(
        "--api-price-per-million-input-tokens",
        metavar="PRICE",
        help="What an API takes for a million prompt tokens.",
        rich_help_panel=MONEY,
    ),
]
ApiOutputPrice = Annotated[
    float | None,
    typer.Option(
        "--api-price-per-million-output-tokens",
        metavar="PRICE",
        help="What an API takes for a million output tokens.",
        rich_help_panel=MONEY,
    ),
]
CarbonIntensity = Annotated[
    float | None,
    typer.Option(
        "--carbon-g-per-kwh",
        metavar="G",
        help="Carbon dioxide of a kilowatt-hour, in grams.",
        rich_help_panel=CARBON,
    ),
]
