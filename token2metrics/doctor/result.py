"""What an examination found, as ``doctor --json`` prints it."""

from __future__ import annotations

import msgspec

from token2metrics.doctor.severity import Action, Severity


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One bad row.

    Attributes:
        file: The path as given.
        row: Its data row, counted from 1; None for the header, or where a file has no rows.
        found: The number that is wrong.
        expected: What it was compared with.
        note: What numbers do not tell.
    """

    file: str
    row: int | None
    found: float | None
    expected: float | None
    note: str | None


class Defect(msgspec.Struct, frozen=True, kw_only=True):
    """One defect of the files.

    Attributes:
        name: What it is filed under.
        looks_for: The defect, in one sentence.
        severity: An error must be fixed.
        action: What training does about the rows.
        advice: What to do.
        rows: How many rows have it.
        found: What ``Evidence.found`` is.
        expected: What ``Evidence.expected`` is.
        evidence: Every bad row.
    """

    name: str
    looks_for: str
    severity: Severity
    action: Action
    advice: str
    rows: int
    found: str
    expected: str
    evidence: tuple[Evidence, ...]


class Examination(msgspec.Struct, frozen=True, kw_only=True):
    """An examination of files.

    Attributes:
        files: The files.
        rows: Measurements read from them: one per phase and request.
        defects: What is wrong with them.
        unreadable: Why a file could not be read, by file; its lines were examined all the same.
        must_be_fixed: Whether any defect is an error.
    """

    files: tuple[str, ...]
    rows: int
    defects: tuple[Defect, ...]
    unreadable: dict[str, str]
    must_be_fixed: bool
