"""The model card: what was found, as Markdown to put beside the models."""

from __future__ import annotations

from token2metrics.findings.findings import Findings
from token2metrics.findings.verdict import Verdict
from token2metrics.page.model_tables import glance_table
from token2metrics.page.report import missing, report_tables, report_title, sources
from token2metrics.page.templates import markdown_template

CARD = "model_card.md.jinja"


def model_card(findings: Findings, verdict: Verdict) -> str:
    """Return a model card as Markdown, in which names of models are inert.

    Args:
        findings: Everything the card says.
        verdict: What it means.
    """
    return markdown_template(CARD).render(
        title=report_title(findings),
        findings=findings,
        verdict=verdict,
        glance=glance_table(findings),
        tables=report_tables(findings),
        missing=missing(findings),
        sources=sources(findings),
    )
