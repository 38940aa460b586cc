"""Fleets of curves: failures stay alone, few rows lean on what is shared, requests are priced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.conftest import Silent
from tests.fleets import design, imagine, measured
from token2metrics.errors import ConfigurationError, DataError
from token2metrics.fleet import parts
from token2metrics.fleet.columns import DEFAULT_BY
from token2metrics.fleet.families import FleetFamily, weight_names
from token2metrics.fleet.predict import predict
from token2metrics.fleet.price import price
from token2metrics.fleet.read import read
from token2metrics.fleet.result import FleetSummary
from token2metrics.fleet.run import FleetRequest, run_fleet
from token2metrics.fleet.sharing import Sharing
from token2metrics.fleet.status import Status
from token2metrics.fleet.table import Fitting, fit_table
from token2metrics.vocabulary import Phase
from token2metrics.workers.workers import Item, LocalWorkers, Outcome, Workers

REQUESTS = ((100, 50), (700, 200), (1_500, 20), (3_000, 800), (60, 400))
FITTING = Fitting(DEFAULT_BY)


class BackwardWorkers:
    """Does the last item first."""

    def run(self, task: Callable[[Item], Outcome], items: Sequence[Item]) -> Iterator[Outcome]:
        """Do a task on every item."""
        return map(task, reversed(items))


def run_on(
    rows: pl.DataFrame,
    folder: Path,
    sharing: Sharing = Sharing.FLEET,
    family: FleetFamily = FleetFamily.LINEAR,
    workers: Workers | None = None,
) -> tuple[pl.DataFrame, FleetSummary]:
    """Fit the curves of a table by way of files."""
    table, output = folder / "rows.parquet", folder / "curves.parquet"
    rows.write_parquet(table)
    fitting = Fitting(DEFAULT_BY, family)
    request = FleetRequest((table,), output, fitting, sharing, "local")
    summary = run_fleet(request, workers or LocalWorkers(), Silent())
    return pl.read_parquet(output).sort(DEFAULT_BY), summary


def broken_curves() -> pl.DataFrame:
    """Return curves that cannot be fitted, each for another reason."""
    return pl.concat(
        [
            measured("broken-no-row", Phase.DECODE, REQUESTS, [0.0] * len(REQUESTS)),
            measured("broken-few", Phase.DECODE, REQUESTS[:2], (1.0, 4.0)),
            measured("broken-same", Phase.DECODE, REQUESTS[:1] * 5, (1.0, 1.1, 1.2, 0.9, 1.0)),
            measured("broken-idle", Phase.DECODE, ((10, 1), (20, 1), (30, 1)), (1.0, 1.0, 1.0)),
            measured("broken-fast", Phase.DECODE, REQUESTS, [1e-200] * len(REQUESTS)),
        ]
    )


REASONS = {
    "broken-no-row": Status.NO_ROWS,
    "broken-few": Status.TOO_FEW_ROWS,
    "broken-same": Status.SINGULAR,
    "broken-idle": Status.NO_WORK,
    "broken-fast": Status.NON_FINITE,
}


def test_failures_stay_alone(tmp_path: Path) -> None:
    """Each broken curve says why, is counted, and changes no digit of any other."""
    sound = imagine(6).rows
    alone, _ = run_on(sound, tmp_path, Sharing.NONE)
    curves, summary = run_on(pl.concat([broken_curves(), sound]), tmp_path, Sharing.NONE)
    broken = curves.filter(pl.col("device").str.starts_with("broken"))
    assert dict(broken.select("device", "reason").iter_rows()) == REASONS
    assert set(broken.get_column("status")) == {"failed"}
    assert broken.get_column("decode_step").null_count() == len(REASONS)
    assert curves.filter(~pl.col("device").str.starts_with("broken")).equals(alone)
    assert summary.failed_counts == dict.fromkeys(sorted(REASONS.values()), 1)
    assert (summary.curves, summary.fitted) == (17, 12)
    assert summary.rejected_counts == {"latency_s is not above 0": len(REQUESTS)}
    assert curves.filter(device="broken-no-row").select("rows", "rejected_rows").row(0) == (0, 5)


def test_a_single_row_calibrates_the_shape_of_the_fleet(tmp_path: Path) -> None:
    """With a prior, one row of a new device gives its level, and the fleet gives the rest."""
    fleet = imagine(40, rows=(12,), noise=0.005, spread=0.03)
    one = measured("new", Phase.DECODE, REQUESTS[:1], (3.0,))
    curves, _ = run_on(pl.concat([fleet.rows, one]), tmp_path)
    new = curves.filter(device="new").row(0, named=True)
    assert (new["status"], new["prior"]) == ("fitted", "fleet")
    weights = np.array([new[name] for name in weight_names(FleetFamily.LINEAR, Phase.DECODE)])
    assert design(FleetFamily.LINEAR, Phase.DECODE, REQUESTS[:1]) @ weights == pytest.approx(3.0)
    assert new["held_out_mape_percent"] is None
    assert new["decode_attended"] / new["decode_step"] == pytest.approx(1e-4, rel=0.1)


def test_curves_that_few_rows_tell_gain_from_the_fleet(tmp_path: Path) -> None:
    """Noisy curves of few rows are nearer to the truth with what they share."""
    fleet = imagine(120, rows=(5,), noise=0.1, seed=2, spread=0.05)
    errors = {}
    for sharing in (Sharing.NONE, Sharing.FLEET):
        curves, _ = run_on(fleet.rows, tmp_path, sharing)
        found = []
        for phase in (Phase.PREFILL, Phase.DECODE):
            names = weight_names(FleetFamily.LINEAR, phase)
            matrix = design(FleetFamily.LINEAR, phase, REQUESTS)
            for row in curves.filter(phase=str(phase), status="fitted").iter_rows(named=True):
                truth = matrix @ np.array([*fleet.weights[row["device"], phase].values()])
                said = matrix @ np.array([row[name] for name in names])
                found.append(np.abs(said / truth - 1.0).mean())
        errors[sharing] = np.mean(found)
    assert errors[Sharing.FLEET] < 0.8 * errors[Sharing.NONE]


@pytest.mark.parametrize("sharing", [Sharing.DEVICE, Sharing.MODEL])
def test_groups_have_shapes_of_their_own(tmp_path: Path, sharing: Sharing) -> None:
    """A curve of few rows follows its own group, not the fleet."""
    rows = []
    for kind, attended in (("a", 2e-6), ("b", 2e-5)):
        for number in range(10):
            weights = np.array([0.02, attended, 0.0]) * (1.0 + number)
            requests = REQUESTS if number else REQUESTS[:1]
            seconds = design(FleetFamily.LINEAR, Phase.DECODE, requests) @ weights
            rows.append(
                measured(f"{number}", Phase.DECODE, requests, seconds).with_columns(
                    pl.lit(kind).alias(str(sharing)), pl.lit(f"{number}w").alias("power_mode")
                )
            )
    curves, _ = run_on(pl.concat(rows), tmp_path, sharing)
    few = curves.filter(pl.col("rows") == 1).sort(str(sharing))
    ratio = few.get_column("decode_attended") / few.get_column("decode_step")
    assert ratio.to_list() == pytest.approx([1e-4, 1e-3], rel=0.02)
    assert set(few.get_column("prior")) == {str(sharing)}


def test_a_request_of_priced_parquet_keeps_its_columns(tmp_path: Path) -> None:
    """Requests in Parquet are priced beside the curves, in their order, with all they say."""
    rows = imagine(12).rows
    _, summary = run_on(rows, tmp_path)
    asked = tmp_path / "asked.parquet"
    rows.drop("phase", "latency_s").with_row_index("id").write_parquet(asked)
    priced = price(summary, asked)
    found = pl.read_parquet(tmp_path / "curves.predicted.parquet")
    assert (priced.predicted_file, priced.predicted_rows) == (
        str(tmp_path / "curves.predicted.parquet"),
        rows.height,
    )
    assert found.get_column("id").to_list() == list(range(rows.height))


def test_too_few_curves_share_nothing(tmp_path: Path) -> None:
    """A handful of curves is no fleet: they are fitted alone."""
    curves, summary = run_on(imagine(3).rows, tmp_path)
    assert set(curves.get_column("prior")) == {"none"}
    assert [one.prior_strength for one in summary.errors] == [None, None]


@pytest.mark.parametrize("family", FleetFamily)
@pytest.mark.parametrize("sharing", [Sharing.NONE, Sharing.FLEET])
def test_parts_and_their_order_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: FleetFamily, sharing: Sharing
) -> None:
    """One part or several, first to last or last to first: the same table."""
    rows = imagine(25, rows=(20, 3, 30)).rows
    whole, _ = run_on(rows, tmp_path, sharing, family)
    monkeypatch.setattr(parts, "ROWS_PER_PART", 200)
    parted, summary = run_on(rows, tmp_path, sharing, family, BackwardWorkers())
    assert summary.parts > 1
    assert parted.equals(whole)


def test_large_tables_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts hold about so many rows, all rows of a curve in one."""
    monkeypatch.setattr(parts, "ROWS_PER_PART", 50)
    _, summary = run_on(imagine(20).rows, tmp_path)
    assert 2 <= summary.parts <= 7
    assert summary.curves == 40


def test_whole_requests_have_curves_of_both_phases(tmp_path: Path) -> None:
    """A latency of a whole request tells prefill and decode together."""
    fleet = imagine(5, rows=(30,), noise=0.0, phases=(Phase.REQUEST,))
    curves, _ = run_on(fleet.rows, tmp_path, Sharing.NONE)
    for row in curves.iter_rows(named=True):
        for name, weight in fleet.weights[row["device"], Phase.REQUEST].items():
            assert row[name] == pytest.approx(weight, rel=1e-6)


def test_requests_are_priced_by_their_curves() -> None:
    """Prefill and decode add up; one token takes no decode; what has no curve says so."""
    fleet = imagine(3, noise=0.0)
    curves = fit_table(fleet.rows, FITTING).lazy()
    asked = pl.LazyFrame(
        {
            "device": ["device-00000", "device-00001", "device-00001", "unheard", "device-00002"],
            "input_tokens": ["700", "64", "64", "64", "sixty"],
            "output_tokens": [200, 1, 100_000, 10, 10],
        }
    )
    priced = predict(curves, asked).collect()
    truth = {phase: [*fleet.weights["device-00000", phase].values()] for phase in list(Phase)[:2]}
    seconds = {
        phase: float((design(FleetFamily.LINEAR, phase, [(700, 200)]) @ weights)[0])
        for phase, weights in truth.items()
    }
    first, single, long, unheard, bad = priced.iter_rows(named=True)
    assert first["prefill_latency_s"] == pytest.approx(seconds[Phase.PREFILL])
    assert first["latency_s"] == pytest.approx(sum(seconds.values()))
    assert single["decode_latency_s"] == 0.0
    assert long["extrapolated"] is True
    assert (unheard["latency_s"], unheard["reason"]) == (None, "no fitted curve of this request")
    assert (bad["latency_s"], bad["reason"]) == (None, "input_tokens is not a number")
    assert priced.get_column("reason").null_count() == 3


def test_whole_requests_price_where_phases_are_missing() -> None:
    """Without a curve of each phase, the one of whole requests answers."""
    fleet = imagine(2, rows=(40,), noise=0.0, phases=(Phase.REQUEST,))
    asked = fleet.rows.lazy().drop("phase").rename({"latency_s": "measured_s"})
    priced = predict(fit_table(fleet.rows, FITTING).lazy(), asked).collect()
    measured_s, said_s = priced.get_column("measured_s"), priced.get_column("latency_s")
    assert said_s.to_numpy() == pytest.approx(measured_s.to_numpy(), rel=1e-6)
    assert priced.get_column("prefill_latency_s").null_count() == priced.height


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"input_tokens": [1], "output_tokens": [1]}, "expected the column device"),
        ({"device": ["a"], "input_tokens": [1]}, "expected the column output_tokens"),
        (
            {"device": ["a"], "input_tokens": [1], "output_tokens": [1], "latency_s": [1.0]},
            "already have the column latency_s",
        ),
    ],
)
def test_requests_that_fit_no_curves_are_refused(
    asked: dict[str, list[object]], words: str
) -> None:
    """A missing or clashing column is named."""
    curves = fit_table(imagine(2).rows, FITTING).lazy()
    with pytest.raises(DataError, match=words):
        predict(curves, pl.LazyFrame(asked))


def test_only_curves_price() -> None:
    """A table that is no fleet is refused; so is one of two families."""
    rows = imagine(2, rows=(30,)).rows
    with pytest.raises(DataError, match="expected curves that fit-fleet wrote"):
        predict(rows.lazy(), rows.lazy())
    both = [
        fit_table(rows, Fitting(DEFAULT_BY, family)).select(pl.all())
        for family in (FleetFamily.LINEAR, FleetFamily.TREE)
    ]
    mixed = pl.concat(both, how="diagonal").lazy()
    with pytest.raises(DataError, match="expected curves of one family"):
        predict(mixed, rows.lazy().drop("latency_s"))


def test_rules_are_those_of_training(tmp_path: Path) -> None:
    """Text and typed columns, blanks, case, flags and several samples end as in ``train``."""
    header = "device,power_mode,runtime,precision,model,phase,input_tokens,output_tokens,"
    lines = [
        " d ,MAXN,vllm,bf16,m,Prefill,10,5,0.1,1,",
        "d,maxn,vllm,bf16,m,prefill,20,5,0.2,1,warmup",
        "d,maxn,vllm,bf16,m,prefill,30,5,0.3,4,",
        "d,maxn,vllm,bf16,m,prefill,ten,5,0.3,1,",
        ",maxn,vllm,bf16,m,prefill,30,5,0.3,1,",
        "d,,vllm,bf16,m,prefill,30,5,0.3,1,",
    ]
    table = tmp_path / "rows.csv"
    table.write_text("\n".join([f"{header}latency_s,parallel,quality_flags", *lines]) + "\n")
    reading = read([table], DEFAULT_BY)
    rows = reading.rows.collect()
    assert rows.select("device", "power_mode").rows() == [("d", "maxn")] * 4 + [("d", "unstated")]
    assert rows.get_column("latency_s").to_list() == [0.1, None, None, None, 0.3]
    assert sorted(reading.rejected.collect().get_column("category")) == [
        "bad quality flag",
        "device is not named",
        "input_tokens is not a number",
        "several samples at once: name parallel in --by",
    ]
    by = (*DEFAULT_BY, "parallel")
    assert read([table], by).rows.collect().get_column("parallel").to_list().count("4") == 1


@pytest.mark.parametrize(
    ("by", "words"),
    [
        (("device",), "expected phase among"),
        (("device", "device", "phase"), "each column once"),
        (("device", "weather", "phase"), "got 'weather'"),
    ],
)
def test_keys_that_tell_no_curves_apart_are_refused(by: tuple[str, ...], words: str) -> None:
    """The columns of ``--by`` are known, distinct, and name the phase."""
    with pytest.raises(ConfigurationError, match=words):
        fit_table(imagine(1).rows, Fitting(by))
