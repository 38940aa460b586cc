"""What was read and what of it was not used, as tables of a report."""

from __future__ import annotations

from token2metrics.findings.findings import Findings
from token2metrics.page.table import Table, numbers, prose, table, texts


def data_tables(findings: Findings) -> tuple[Table, ...]:
    """Return every table of what was read."""
    builders = (files_table, rejected_table, energies_table, defects_table)
    return tuple(build(findings) for build in builders)


def files_table(findings: Findings) -> Table:
    """Return the measurement files."""
    columns = (*texts("Read for", "File"), *numbers("Rows", "Not used"))
    rows = (
        (reading.device, file.file, f"{file.rows:,}", f"{file.not_used:,}")
        for reading in findings.readings
        for file in reading.files
    )
    return table("Measurements", columns, rows)


def rejected_table(findings: Findings) -> Table:
    """Return the rows that were not used, by reason."""
    columns = (*texts("File"), *prose("Not used because", "For example"), *numbers("Rows"))
    rows = ((one.file, one.category, one.reason, f"{one.rows:,}") for one in findings.rejected)
    return table("Rows not used", columns, rows)


def energies_table(findings: Findings) -> Table:
    """Return the rows whose energy was not used, though their latency was."""
    columns = (*prose("Energy not used because"), *numbers("Rows"))
    rows = (
        (reason, f"{count:,}")
        for reading in findings.readings
        for reason, count in reading.energy_set_aside.items()
    )
    return table("Energies set aside", columns, rows)


def defects_table(findings: Findings) -> Table:
    """Return what the data doctor found in rows that are right by themselves."""
    columns = (
        *texts("Found by the data doctor", "Severity", "What became of it"),
        *numbers("Rows"),
    )
    rows = (
        (defect.name, defect.severity, defect.action, f"{defect.rows:,}")
        for reading in findings.readings
        for defect in reading.defects
    )
    return table("Defects", columns, rows)
