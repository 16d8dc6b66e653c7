"""Tests and the processes that they start share one file of small teachers."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from small_teachers import TextTeacher, Watch, texts

from tutelage.cache import FeatureStore
from tutelage.extraction import extract_split


@pytest.fixture
def mixed_store(tmp_path: Path) -> FeatureStore:
    """One finished entry, one unfinished, one damaged, and things that are not ours."""
    store = FeatureStore(tmp_path / "cache")
    extract_split(TextTeacher(), texts(40), store=store)
    damaged = extract_split(TextTeacher(weights="2"), texts(40), store=store)
    os.truncate(damaged.folder / "ids.jsonl", 3)
    with pytest.raises(KeyboardInterrupt):
        extract_split(TextTeacher(weights="3"), texts(40), store=store, progress=Watch(interrupt))
    (store.root / "notes.txt").write_text("mine")
    (store.root / "photos").mkdir()
    return store


def interrupt(rows: int) -> None:
    raise KeyboardInterrupt


@pytest.fixture(params=["mapped", "read", "sharded", "sharded and read"])
def store(request, tmp_path) -> FeatureStore:
    options = {
        "mapped": {},
        "read": {"mapped": False},
        "sharded": {"shard_bytes": 3000},
        "sharded and read": {"shard_bytes": 3000, "mapped": False},
    }[request.param]
    return FeatureStore(tmp_path / "cache", **options)
