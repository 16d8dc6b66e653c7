"""Faults in the rows of a data source: damage, duplicates, leaks between splits, odd inputs."""

from tutelage.data.check.findings import KINDS, Finding, Kind
from tutelage.data.check.rows import RowsToCheck, rows_to_check
from tutelage.data.check.rules import find_faults
from tutelage.data.check.scan import Scan, scan_rows

__all__ = [
    "KINDS",
    "Finding",
    "Kind",
    "RowsToCheck",
    "Scan",
    "find_faults",
    "rows_to_check",
    "scan_rows",
]
