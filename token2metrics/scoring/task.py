"""Price one partition: the same plan, whoever runs it, writing the same files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec
import polars as pl
import polars.selectors as cs

from token2metrics.data.damage import TABLE_ERRORS
from token2metrics.files import remove_stale, replacing
from token2metrics.prediction.count_rules import broken_counts, cell, is_sound, number
from token2metrics.prediction.staged import NOT_SEARCHED, with_programs
from token2metrics.scoring.inputs import Source, unreadable
from token2metrics.scoring.partitions import Partition
from token2metrics.scoring.plan import ANSWERING, COUNTS, FilePlan
from token2metrics.scoring.reading import DEFECT, read_partition
from token2metrics.scoring.tally import PRICED_AS, GroupTally, tally_rows

ENDING = ".parquet"
RECORD_ENDING = ".json"
REJECTED_FOLDER, RECORDS_FOLDER = "rejected", "partitions"
FILE_COLUMN, ROW_COLUMN, REASON_COLUMN = "file", "row", "reason"
FIRST_ROW = 1


class PartitionRecord(msgspec.Struct, frozen=True):
    """What became of a partition.

    Attributes:
        number: Its place.
        priced: Rows that were priced.
        rejected_counts: Rows set aside, by reason.
        file_bytes: Size of the priced rows on the disk.
        groups: What the priced rows add up to.
        sha256: Digest of the others; a record whose digest differs was altered or damaged.
    """

    number: int
    priced: int
    rejected_counts: dict[str, int]
    file_bytes: int
    groups: list[GroupTally]
    sha256: str = ""

    def sealed(self) -> PartitionRecord:
        """Return the record with its digest."""
        unsealed = msgspec.structs.replace(self, sha256="")
        digest = hashlib.sha256(msgspec.json.encode(unsealed)).hexdigest()
        return msgspec.structs.replace(self, sha256=digest)

    @property
    def is_whole(self) -> bool:
        """Whether it is as it was written."""
        return self == self.sealed()

    @property
    def read(self) -> int:
        """Rows that were read."""
        return self.priced + sum(self.rejected_counts.values())


class Damage(msgspec.Struct, frozen=True):
    """A partition that could not be read.

    Attributes:
        number: Its place.
        reason: What is wrong with its file.
    """

    number: int
    reason: str


@dataclass(frozen=True)
class ScorePartition:
    """Prices partitions into a directory.

    Attributes:
        directory: Where.
        plans: How the rows of files are priced.
    """

    directory: Path
    plans: Sequence[FilePlan]

    def __call__(self, partition: Partition) -> PartitionRecord | Damage:
        """Price a partition; its record is written last, and says that it is finished.

        Args:
            partition: What to price.
        """
        pricing = Pricing(partition, self.plans[partition.plan])
        target = self.directory / f"{partition.name}{ENDING}"
        try:
            rejected_counts = self._set_aside(pricing)
            with replacing(target) as partial:
                groups = pricing.write(partial)
        except TABLE_ERRORS as error:
            source = partition.source
            return Damage(partition.number, str(unreadable(source.path, source.kind, error)))
        priced = sum(group.tally.requests for group in groups)
        size_bytes = target.stat().st_size
        record = PartitionRecord(
            partition.number, priced, rejected_counts, size_bytes, groups
        ).sealed()
        with replacing(record_file(self.directory, partition.name)) as unfinished:
            unfinished.write_bytes(msgspec.json.encode(record))
        return record

    def _set_aside(self, pricing: Pricing) -> dict[str, int]:
        """Write the rows that cannot be priced, and count them by reason."""
        target = self.directory / REJECTED_FOLDER / f"{pricing.partition.name}{ENDING}"
        if not pricing.seen.rejected:
            remove_stale(target)
            return {}
        rejected = pricing.rejected.collect(engine="streaming")
        with replacing(target) as partial:
            rejected.write_parquet(partial)
        counts = rejected.group_by(REASON_COLUMN).len().sort("len", REASON_COLUMN, descending=True)
        return dict(counts.iter_rows())


def record_file(directory: Path, name: str) -> Path:
    """Return where the record of a partition is."""
    return directory / RECORDS_FOLDER / f"{name}{RECORD_ENDING}"


@dataclass(frozen=True)
class Seen:
    """What a first look at a partition tells.

    Attributes:
        longest: The largest of each length among rows that can be priced.
        priced: How many these are.
        rejected: How many others there are.
    """

    longest: Mapping[str, float]
    priced: int
    rejected: int


@dataclass(frozen=True)
class Pricing:
    """The queries over a partition.

    Attributes:
        partition: What to price.
        plan: How.
    """

    partition: Partition
    plan: FilePlan

    @cached_property
    def judged(self) -> pl.LazyFrame:
        """The rows with their lengths as numbers and the place of the model that answers."""
        table = read_partition(self.partition, self.plan.schema)
        lengths = zip(COUNTS.values(), self.plan.lengths, strict=True)
        numbers = [number(name, self.plan.schema[name]).alias(count) for count, name in lengths]
        if self.plan.answering.alone:
            return table.with_columns(*numbers)
        return table.with_columns(*numbers, self.plan.answering.number().alias(ANSWERING))

    @property
    def sound(self) -> pl.Expr:
        """Whether a row can be priced."""
        rules = [is_sound(pl.col(count)) for count in COUNTS.values()]
        if not self.plan.answering.alone:
            rules.append(self.plan.answering.matches() == 1)
        if self.plan.text:
            rules.append(pl.col(DEFECT).is_null())
        return pl.all_horizontal(*rules)

    @cached_property
    def seen(self) -> Seen:
        """A first look at the rows, of which only what decides who can be priced is read."""
        sound = self.sound
        longest = [pl.col(count).filter(sound).max() for count in COUNTS.values()]
        look = self.judged.select(*longest, sound.sum().alias(ROW_COLUMN), pl.len())
        *lengths, priced, rows = look.collect(engine="streaming").row(0)
        return Seen(dict(zip(COUNTS, lengths, strict=True)), priced, rows - priced)

    @property
    def priced(self) -> pl.LazyFrame:
        """The rows that can be priced, with their prices, in the order of the file."""
        plan = self.plan
        look_ups = plan.look_ups
        seen = self.seen
        table = self.judged.filter(self.sound) if seen.rejected else self.judged
        known = look_ups.known(seen.longest, seen.priced) if seen.priced else ()
        priced = with_programs(table, look_ups.programs, ANSWERING, COUNTS, known)
        whole = zip(plan.written_lengths, COUNTS.values(), strict=True)
        if plan.only_predictions or plan.text:
            priced = priced.with_columns(pl.col(c).cast(pl.Int64).alias(name) for name, c in whole)
        if plan.only_predictions:
            priced = priced.with_columns(pl.col(name).cast(pl.String) for name in plan.groups)
        if not plan.answering.alone:
            places = pl.Series(model.record.key for model in plan.answering.models)
            names = pl.lit(places).gather(pl.col(ANSWERING))
            priced = priced.with_columns(names.alias(PRICED_AS))
        return priced.select(plan.columns)

    @property
    def rejected(self) -> pl.LazyFrame:
        """The rows that cannot be priced: file, row, reason and the cells."""
        source: Source = self.partition.source
        table = self.judged.with_row_index(ROW_COLUMN_HIDDEN, FIRST_ROW)
        return table.filter(~self.sound).select(
            pl.lit(source.path).alias(FILE_COLUMN),
            (pl.col(ROW_COLUMN_HIDDEN).cast(pl.Int64) + self.partition.first_row).alias(ROW_COLUMN),
            pl.coalesce(*self._reasons()).alias(REASON_COLUMN),
            (cs.by_name(self.plan.schema) - cs.nested()).name.prefix(CELL_PREFIX),
        )

    def _reasons(self) -> list[pl.Expr]:
        """Return why a row cannot be priced, each null where it is no reason."""
        reasons = [pl.col(DEFECT)] if self.plan.text else []
        for (name, count), column in zip(COUNTS.items(), self.plan.lengths, strict=True):
            reasons += broken_counts(name, pl.col(count), cell(column))
        return reasons if self.plan.answering.alone else [*reasons, *self.plan.answering.reasons()]

    def write(self, file: Path) -> list[GroupTally]:
        """Write the rows that can be priced, and add them up.

        Args:
            file: The new partition.
        """
        plan = self.plan
        self.priced.sink_parquet(file, compression=plan.compression, optimizations=NOT_SEARCHED)
        written = pl.scan_parquet(file, glob=False)
        schema = written.collect_schema()
        first, *_ = plan.answering.models
        model = first.record.key if plan.answering.alone else None
        prompt, answer = (number(name, schema[name]) for name in plan.written_lengths)
        return tally_rows(written, plan.groups, model, (prompt, answer), plan.totalled)


ROW_COLUMN_HIDDEN = "__token2metrics_row_number"
CELL_PREFIX = "cell_"
"""Begins the names of the cells beside a reason: they may be named like anything."""
