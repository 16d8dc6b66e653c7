"""Teachers' features on disk: keyed by what changes them, resumable, read without being held."""

from tutelage.cache.estimate import Estimate, estimate
from tutelage.cache.extract import extract
from tutelage.cache.features import Features
from tutelage.cache.join import ChainedRows, TeacherRows
from tutelage.cache.key import FeatureKey, rows_digest
from tutelage.cache.maintenance import Entry, Freed, Problem
from tutelage.cache.store import FeatureStore

__all__ = [
    "ChainedRows",
    "Entry",
    "Estimate",
    "FeatureKey",
    "FeatureStore",
    "Features",
    "Freed",
    "Problem",
    "TeacherRows",
    "estimate",
    "extract",
    "rows_digest",
]
