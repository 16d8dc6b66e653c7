"""Cache of teachers' features on disk: keyed by content, resumable, memory-mapped."""

from tutelage.cache.entries import CacheEntry, DamagedFile
from tutelage.cache.features import Features
from tutelage.cache.key import FeatureKey, rows_digest
from tutelage.cache.prune import PruneResult, PruneRule
from tutelage.cache.store import FeatureStore
from tutelage.cache.table import FeatureTable, JoinedTable, columns, concat, select

__all__ = [
    "CacheEntry",
    "DamagedFile",
    "FeatureKey",
    "FeatureStore",
    "FeatureTable",
    "Features",
    "JoinedTable",
    "PruneResult",
    "PruneRule",
    "columns",
    "concat",
    "rows_digest",
    "select",
]
