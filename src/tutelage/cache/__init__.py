"""Teachers' features on disk: keyed by what changes them, resumable, read without being held."""

from tutelage.cache.features import Features
from tutelage.cache.key import FeatureKey, rows_digest
from tutelage.cache.maintenance import Entry, Freed, Problem
from tutelage.cache.store import FeatureStore
from tutelage.cache.table import FeatureTable, JoinedTable, columns, concat, select

__all__ = [
    "Entry",
    "FeatureKey",
    "FeatureStore",
    "FeatureTable",
    "Features",
    "Freed",
    "JoinedTable",
    "Problem",
    "columns",
    "concat",
    "rows_digest",
    "select",
]
