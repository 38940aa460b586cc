"""The numbers behind a chart as tables, for those who cannot see it or want to read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from token2metrics.page.table import Column, Kind, Table, table

SIGNIFICANT_DIGITS = 4
WHOLE_FROM = 10**SIGNIFICANT_DIGITS
NOTHING = "-"
TITLED = ("title", "axis", "legend", "header")
"""Where a Vega-Lite channel may hold the title of its field."""

HOLDERS = ("values", "datasets")
"""Parts of a specification that hold rows rather than say how they are drawn."""

Row = Mapping[str, Any]


def chart_tables(specification: Mapping[str, Any]) -> tuple[Table, ...]:
    """Return the data of a chart, a table for each set of rows of which something is shown.

    Args:
        specification: Vega-Lite with its data inside.
    """
    titles = _titles(specification)
    tables = (_table(rows, titles) for rows in _row_sets(specification))
    return tuple(one for one in tables if one.columns and one.rows)


def cell(value: Any) -> str:
    """Write a value of a chart: numbers with four significant digits, nothing as a dash."""
    match value:
        case None:
            return NOTHING
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return _number(value)
        case _:
            return str(value)


def _number(value: float) -> str:
    """Write a number, whole and large ones without a fraction."""
    if value.is_integer() or abs(value) >= WHOLE_FROM:
        return f"{value:,.0f}"
    return f"{value:,.{SIGNIFICANT_DIGITS}g}"


def _table(rows: Sequence[Row], titles: Mapping[str, str]) -> Table:
    """Write out the fields of rows that a chart shows."""
    fields = [one for one in dict.fromkeys(key for row in rows for key in row) if one in titles]
    columns = [Column(titles[field], _kind(rows, field)) for field in fields]
    return table("", columns, (tuple(cell(row.get(field)) for field in fields) for row in rows))


def _kind(rows: Sequence[Row], field: str) -> Kind:
    """Return what a field holds: numbers where it holds nothing else."""
    found = [row[field] for row in rows if row.get(field) is not None]
    numeric = all(isinstance(one, int | float) and not isinstance(one, bool) for one in found)
    return Kind.NUMBER if found and numeric else Kind.TEXT


def _row_sets(specification: Mapping[str, Any]) -> Iterator[Sequence[Row]]:
    """Yield every set of rows that a chart holds."""
    yield from specification.get("datasets", {}).values()
    for node in _nodes(specification):
        data = node.get("data")
        if isinstance(data, dict) and isinstance(data.get("values"), list):
            yield data["values"]


def _titles(specification: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields that a chart shows with their headings: as stated, else their names."""
    channels = [one for node in _nodes(specification) for one in _channels(node)]
    named = {one["field"]: one["field"].replace("_", " ") for one in channels}
    stated = {one["field"]: title for one in channels if (title := _title(one))}
    return named | stated


def _channels(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the channels of a chart that show a field."""
    encoding = node.get("encoding")
    channels = [*encoding.values()] if isinstance(encoding, dict) else []
    for channel in (*channels, node.get("facet")):
        for one in channel if isinstance(channel, list) else [channel]:
            if isinstance(one, dict) and isinstance(one.get("field"), str):
                yield one


def _title(channel: Mapping[str, Any]) -> str | None:
    """Return the title of a channel, wherever it is stated."""
    for place in TITLED:
        found = channel.get(place)
        title = found.get("title") if isinstance(found, dict) else found
        if isinstance(title, str) and title:
            return title
    return None


def _nodes(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every object within a specification, but for its data."""
    if isinstance(value, list):
        for one in value:
            yield from _nodes(one)
    elif isinstance(value, dict):
        yield value
        for name, one in value.items():
            if name not in HOLDERS:
                yield from _nodes(one)
