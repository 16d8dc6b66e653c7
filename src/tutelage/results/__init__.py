"""Finished runs in, numbers out: means over seeds, differences between methods."""

from tutelage.results.comparison import Comparison, Method, Run, compare, read_run
from tutelage.results.statistics import SampleMean, difference_of_means, sample_mean

__all__ = [
    "Comparison",
    "Method",
    "Run",
    "SampleMean",
    "compare",
    "difference_of_means",
    "read_run",
    "sample_mean",
]
