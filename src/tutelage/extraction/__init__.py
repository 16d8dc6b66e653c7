"""Extraction: run teachers over rows and cache their features."""

from tutelage.extraction.estimate import Estimate, estimate
from tutelage.extraction.extract import extract_split
from tutelage.extraction.settings import ExtractionSettings

__all__ = ["Estimate", "ExtractionSettings", "estimate", "extract_split"]
