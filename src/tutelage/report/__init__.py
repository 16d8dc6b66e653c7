"""What a run found, for people: one self-contained page, tables, charts for papers."""

from tutelage.report.page import write_report
from tutelage.report.runs import stl_beside
from tutelage.report.tables import write_table
from tutelage.report.terminal import print_result, print_table, result_table

__all__ = [
    "print_result",
    "print_table",
    "result_table",
    "stl_beside",
    "write_report",
    "write_table",
]
