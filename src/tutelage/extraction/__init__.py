"""Run teachers over rows and write their features to the cache."""

from tutelage.extraction.estimate import Estimate, estimate
from tutelage.extraction.extract import extract

__all__ = ["Estimate", "estimate", "extract"]
