"""What a comparison found."""

from __future__ import annotations

from token2metrics.prediction.result import Result

LATENCY = "latency"
ENERGY = "energy"


class Entrant(Result, frozen=True):
    """A contender.

    Attributes:
        name: Its name.
        source: Where its form comes from.
    """

    name: str
    source: str


class Score(Result, frozen=True):
    """Absolute percentage errors of one contender on rows it did not see.

    Attributes:
        model: Model id.
        name: Short name of the model.
        device: Edge device.
        phase: ``prefill``, ``decode`` or ``request``.
        metric: ``latency`` or ``energy``.
        contender: Name of the contender.
        shots: Rows of each kind that every fit saw.
        fits: How many draws it could be fitted on.
        rows: Forecasts compared, over all draws.
        median_ape_percent: Median of the errors.
        p90_ape_percent: Their 90th percentile.
    """

    model: str
    name: str
    device: str
    phase: str
    metric: str
    contender: str
    shots: int
    fits: int
    rows: int
    median_ape_percent: float
    p90_ape_percent: float


class Remark(Result, frozen=True):
    """Where a contender does not apply, or what its numbers need to be read rightly.

    Attributes:
        name: Short name of the model.
        device: Edge device.
        contenders: Those it is about; none where it is about the data.
        shots: The numbers of shots it is about.
        words: What there is to say.
    """

    name: str
    device: str
    contenders: tuple[str, ...]
    shots: tuple[int, ...]
    words: str


class DataRead(Result, frozen=True):
    """What was read for a device.

    Attributes:
        device: The edge device.
        files: The files.
        read_rows: Measurements read.
        settings: Prepared rows, one per token setting.
        rejected_counts: Rows not used, by category.
        fingerprint: Of the prepared rows.
    """

    device: str
    files: tuple[str, ...]
    read_rows: int
    settings: int
    rejected_counts: dict[str, int]
    fingerprint: str


class Comparison(Result, frozen=True):
    """A comparison of forecasts on the user's own rows.

    Attributes:
        data: What was read.
        shots: Rows of each kind that a fit saw.
        draws: Random draws of each number of rows.
        seed: Of the draws.
        contenders: Who took part.
        scores: Their errors.
        remarks: Where they do not apply, and how to read their numbers.
        seconds: How long it took.
    """

    data: tuple[DataRead, ...]
    shots: tuple[int, ...]
    draws: int
    seed: int
    contenders: tuple[Entrant, ...]
    scores: tuple[Score, ...]
    remarks: tuple[Remark, ...]
    seconds: float
