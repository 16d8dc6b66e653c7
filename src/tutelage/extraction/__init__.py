"""Run teachers over rows and write their features to the cache."""

from tutelage.extraction.estimate import Estimate, estimate
from tutelage.extraction.extract import extract
from tutelage.extraction.settings import ExtractionSettings

__all__ = ["Estimate", "ExtractionSettings", "estimate", "extract"]
