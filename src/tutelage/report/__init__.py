"""Reports of finished runs: a self-contained page, tables, and charts for papers."""

from tutelage.report.forms import write_latex, write_table
from tutelage.report.page import page_path, write_page, write_report
from tutelage.report.terminal import print_comparison, print_result, print_table, score_table

__all__ = [
    "page_path",
    "print_comparison",
    "print_result",
    "print_table",
    "score_table",
    "write_latex",
    "write_page",
    "write_report",
    "write_table",
]
