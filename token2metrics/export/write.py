"""Write an export, once what will read it was found to agree with the predictor."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from pathlib import Path

from token2metrics.errors import ConfigurationError, RequestError
from token2metrics.export import build_target
from token2metrics.export.agreement import Agreement, check_agreement, grid
from token2metrics.export.checking import tools_of
from token2metrics.export.metadata import Metadata, metadata_of
from token2metrics.export.target import Bundle, Format
from token2metrics.files import replacing
from token2metrics.prediction.model_predictor import ModelPredictor
from token2metrics.prediction.result import Result

MARK = b"Written by Token2Metrics "
HEAD_BYTES = 512
"""Every exported file says so within its first bytes."""

BOTH_PHASES = (512, 128)
"""A request with prefill and decode: what it lacks, no longer one has."""

NOT_WANTED = "it was not wanted"


class ExportSummary(Result, frozen=True):
    """What was written.

    Attributes:
        output_file: The file.
        format: Its format.
        bytes: Its size.
        metadata: What it says about itself.
        usage: Lines that predict with it, in its own language.
        agreement: How it compares with the predictor; None when it was not checked.
        not_checked: Why it was not; None when it was.
        unknown: Quantities that no measurement tells, by identifier of the model.
    """

    output_file: str
    format: str
    bytes: int
    metadata: Metadata
    usage: tuple[str, ...]
    agreement: Agreement | None
    not_checked: str | None
    unknown: dict[str, tuple[str, ...]]


def refuse_foreign(path: Path) -> None:
    """Refuse to replace anything but an earlier export.

    Raises:
        RequestError: If there is something else.
        ConfigurationError: If it cannot be read.
    """
    try:
        earlier = not path.exists() or (path.is_file() and MARK in _head_of(path))
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror or error}") from error
    if not earlier:
        raise RequestError(
            f"expected --output to name a new file or an earlier export, got {path}, which is "
            "something else; choose another name or remove it"
        )


def _head_of(path: Path) -> bytes:
    """Return the first bytes of a file."""
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def write_export(
    bundle: Bundle,
    predictors: Sequence[ModelPredictor],
    chosen: Format,
    path: Path,
    check: bool | None,
) -> ExportSummary:
    """Write a file, and check it before it takes its place.

    Args:
        bundle: What it holds.
        predictors: The same models, in order.
        chosen: The format.
        path: The file.
        check: Whether to check it; None where there is something to check it with.

    Raises:
        RequestError: If the file is something else, or there is nothing to check it with.
        ExportError: If the file does not say what the predictor says.
        ConfigurationError: If it cannot be written.
    """
    refuse_foreign(path)
    target = build_target(chosen)
    tool = next((one for one in tools_of(chosen) if one.present()), None)
    if check and tool is None:
        raise RequestError(f"expected {_wanted(chosen)} for --check, got none; leave --check out")
    content = target.encode(bundle)
    agreement = None
    with replacing(path) as partial:
        partial.write_bytes(content)
        if tool is not None and check is not False:
            agreement = check_agreement(partial, bundle, predictors, tool, grid(bundle))
    reason = NOT_WANTED if tool is not None else f"{_wanted(chosen)} is not on this machine"
    return ExportSummary(
        output_file=str(path),
        format=str(chosen),
        bytes=len(content),
        metadata=metadata_of(bundle),
        usage=target.usage(bundle, path),
        agreement=agreement,
        not_checked=None if agreement is not None else reason,
        unknown=_unknown(bundle, predictors),
    )


def _unknown(bundle: Bundle, predictors: Sequence[ModelPredictor]) -> dict[str, tuple[str, ...]]:
    """Return the quantities that are not numbers, of the models that have such."""
    names = bundle.quantities
    unknown = {}
    for one, predictor in zip(bundle.models, predictors, strict=True):
        told = predictor.compiled(names, bundle.confidence, bundle.parallel)(*BOTH_PHASES)
        absent = tuple(name for name, value in zip(names, told, strict=True) if isnan(value))
        unknown[one.identifier] = absent
    return {identifier: absent for identifier, absent in unknown.items() if absent}


def _wanted(chosen: Format) -> str:
    """Name what can check a format."""
    return " or ".join(tool.name for tool in tools_of(chosen))
