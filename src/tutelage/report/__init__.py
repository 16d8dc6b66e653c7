"""What a run found, for people: one self-contained page, and a table for the terminal."""

from tutelage.report.page import write_report
from tutelage.report.runs import stl_beside
from tutelage.report.terminal import print_result, result_table

__all__ = ["print_result", "result_table", "stl_beside", "write_report"]
