"""Finished runs: results on disk, means over seeds, differences between methods."""

from tutelage.results.comparison import Comparison, Row
from tutelage.results.folders import read_comparison, read_run, stl_beside
from tutelage.results.grouping import compare_runs
from tutelage.results.runs import Run
from tutelage.results.statistics import SampleMean, difference_of_means, sample_mean

__all__ = [
    "Comparison",
    "Row",
    "Run",
    "SampleMean",
    "compare_runs",
    "difference_of_means",
    "read_comparison",
    "read_run",
    "sample_mean",
    "stl_beside",
]
