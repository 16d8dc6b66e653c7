"""Teachers' features on disk: keyed by what changes them, resumable, read without being held."""

from tutelage.cache.features import Features
from tutelage.cache.join import ChainedRows, TeacherRows
from tutelage.cache.key import FeatureKey, rows_digest
from tutelage.cache.maintenance import Entry, Freed, Problem
from tutelage.cache.store import FeatureStore

__all__ = [
    "ChainedRows",
    "Entry",
    "FeatureKey",
    "FeatureStore",
    "Features",
    "Freed",
    "Problem",
    "TeacherRows",
    "rows_digest",
]
