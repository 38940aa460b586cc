"""The report: verdict, explorer, pictures and tables of what was found, as one page."""

from __future__ import annotations

from collections.abc import Sequence

from token2metrics.figures.figure import Figure
from token2metrics.findings.findings import Findings
from token2metrics.findings.verdict import Verdict
from token2metrics.page.data_tables import data_tables
from token2metrics.page.document import Document, Part
from token2metrics.page.model_tables import glance_table, model_tables
from token2metrics.page.table import Table
from token2metrics.page.templates import template
from token2metrics.report.units import counted

VERDICT = "verdict.html.jinja"
TABLES = "tables.html.jinja"
PICTURES = "pictures.html.jinja"


def report_document(
    findings: Findings, verdict: Verdict, figures: Sequence[Figure], explorer: Part
) -> Document:
    """Return the report as a page: what to think first, then what to try, to see and to look up.

    Args:
        findings: Everything the report says.
        verdict: What it means.
        figures: The pictures.
        explorer: Where a reader tries requests.
    """
    parts = (
        Part(
            "verdict",
            "Verdict",
            template(VERDICT).render(verdict=verdict, glance=glance_table(findings)),
        ),
        explorer,
        Part(
            "pictures",
            "Pictures",
            template(PICTURES).render(findings=findings),
            figures=tuple(figures),
        ),
        Part("tables", "Tables", _tables_html(findings)),
    )
    return Document(report_title(findings), _description(findings), parts)


def report_title(findings: Findings) -> str:
    """Return the heading of a report."""
    devices = dict.fromkeys(model.device for model in findings.models)
    return f"Latency, energy and power on {', '.join(devices)}"


def report_tables(findings: Findings) -> tuple[Table, ...]:
    """Return every table of a report that has a row."""
    tables = (*model_tables(findings), *data_tables(findings))
    return tuple(one for one in tables if one.rows)


def missing(findings: Findings) -> tuple[str, ...]:
    """Return what a report cannot show, and why, each sentence once."""
    of_models = (
        f"{model.label}: {words}"
        for model in findings.models
        for words in (*model.warnings, *model.remarks)
    )
    of_refits = findings.shots.remarks if findings.shots is not None else ()
    return tuple(dict.fromkeys((*findings.remarks, *of_models, *of_refits)))


def sources(findings: Findings) -> dict[str, list[str]]:
    """Return where the measurements come from, each with the models that rest on it."""
    found: dict[str, list[str]] = {}
    for model in findings.models:
        for source in model.sources:
            found.setdefault(source, []).append(model.label)
    return found


def _tables_html(findings: Findings) -> str:
    """Return the tables, what could not be shown, and where everything comes from."""
    return template(TABLES).render(
        tables=report_tables(findings),
        missing=missing(findings),
        sources=sources(findings),
        findings=findings,
    )


def _description(findings: Findings) -> str:
    """Return one sentence about what is reported."""
    labels = ", ".join(model.label for model in findings.models)
    models = counted(len(findings.models), "model")
    return f"What a request costs on {models}, and how far to trust that: {labels}."
