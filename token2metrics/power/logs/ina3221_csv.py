"""CSV of a logger that reads an INA3221 through sysfs: ``epoch_s`` and ``<rail>_mw``."""

from __future__ import annotations

from pathlib import Path

from token2metrics.power.logs.log import ClockKind, PowerLog, PowerLogFormat, ReadOptions
from token2metrics.power.logs.rows import Sample, Samples
from token2metrics.power.logs.table import clock_of, parse_number, parse_table
from token2metrics.power.units import MW_PER_W

TIME = "epoch_s"
SUFFIX = "_mw"
OWN_TOTAL = "total_mw"
"""The logger's own sum, which the rails are summed instead of."""

RAIL_OF_COLUMN = {
    "gpu_soc": "VDD_GPU_SOC",
    "cpu_cv": "VDD_CPU_CV",
    "sys_5v0": "VIN_SYS_5V0",
    "vddq": "VDDQ_VDD2_1V8AO",
}
"""NVIDIA's names for the short ones; other columns are rails in capitals."""


class Ina3221Csv(PowerLogFormat):
    """Seconds since 1970 and a column of milliwatts per rail."""

    name = "INA3221 CSV"
    looks_for = "columns 'epoch_s' and '<rail>_mw'"

    def recognises(self, head: str) -> bool:
        """Return whether the header has a time and a rail."""
        columns = parse_table(head).columns
        return TIME in columns and bool(_rails(columns))

    def read(self, path: Path, text: str, options: ReadOptions) -> PowerLog:
        """Read all lines."""
        table = parse_table(text)
        rails = _rails(table.columns)
        samples = Samples()
        for row in table.rows(samples.set_aside):
            time_s = parse_number(row[TIME])
            watts = {
                rail: milliwatts / MW_PER_W
                for column, rail in rails.items()
                if (milliwatts := parse_number(row[column])) is not None
            }
            if time_s is None or clock_of(time_s) is not ClockKind.EPOCH:
                samples.set_aside["no seconds since 1970"] += 1
            elif not watts:
                samples.set_aside["no power of a rail"] += 1
            else:
                samples.found.append(Sample(time_s, watts))
        return samples.log(path, self.name, ClockKind.EPOCH, options)


def _rails(columns: tuple[str, ...]) -> dict[str, str]:
    """Return the rail of each column that is one."""
    shorts = {
        name: name.removesuffix(SUFFIX)
        for name in columns
        if name.endswith(SUFFIX) and name != OWN_TOTAL
    }
    return {name: RAIL_OF_COLUMN.get(short, short.upper()) for name, short in shorts.items()}
