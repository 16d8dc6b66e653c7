"""What lies in a cache, and what may go."""

import os
import time

import pytest
from small_teachers import TextTeacher, texts

from tutelage.cache import FeatureStore
from tutelage.errors import CacheError
from tutelage.extraction import extract


@pytest.fixture
def store(tmp_path) -> FeatureStore:
    """One finished entry, one unfinished, one damaged, and things that are not ours."""
    store = FeatureStore(tmp_path / "cache")
    extract(TextTeacher(), texts(40), store=store)
    damaged = extract(TextTeacher(weights="2"), texts(40), store=store)
    os.truncate(damaged.folder / "ids.jsonl", 3)
    with pytest.raises(KeyboardInterrupt):
        extract(TextTeacher(weights="3"), texts(40), store=store, on_progress=interrupt)
    (store.root / "notes.txt").write_text("mine")
    (store.root / "photos").mkdir()
    return store


def interrupt(rows: int) -> None:
    raise KeyboardInterrupt


def statuses(store: FeatureStore) -> list[str]:
    return sorted(entry.status for entry in store.entries())


def test_an_empty_cache(tmp_path):
    assert FeatureStore(tmp_path / "none").entries() == []
    assert FeatureStore(tmp_path / "none").prune(everything=True).bytes == 0


def test_entries_say_what_they_are(store):
    assert statuses(store) == ["complete", "damaged", "unfinished"]
    by_status = {entry.status: entry for entry in store.entries()}
    complete = by_status["complete"]
    assert (complete.source, complete.split, complete.rows) == ("test:text", "train", 40)
    assert complete.width == 24
    assert complete.bytes == sum(f.stat().st_size for f in complete.folder.iterdir())
    assert not complete.in_use
    assert abs(complete.last_used - time.time()) < 60
    assert "ids.jsonl" in by_status["damaged"].reason
    assert by_status["unfinished"].reason == "0 of 1 parts are written"


def test_opening_counts_as_use(store):
    entry = next(e for e in store.entries() if e.status == "complete")
    long_ago = time.time() - 10 * 86400
    os.utime(entry.folder / "manifest.json", (long_ago, long_ago))
    assert store.prune(older_than=9, dry_run=True).entries[0].folder == entry.folder
    store.open(entry.key)
    assert store.prune(older_than=9, dry_run=True).entries == ()


@pytest.mark.parametrize(
    ("conditions", "left"),
    [
        ({"unfinished": True}, ["complete", "damaged"]),
        ({"damaged": True}, ["complete", "unfinished"]),
        ({"damaged": True, "unfinished": True}, ["complete"]),
        ({"source": "test:text"}, []),
        ({"source": "other"}, ["complete", "damaged", "unfinished"]),
        ({"source": "test:text", "unfinished": True}, ["complete", "damaged"]),
        ({"older_than": 1}, ["complete", "damaged", "unfinished"]),
        ({"older_than": 0}, []),
        ({"everything": True}, []),
    ],
    ids=str,
)
def test_prune_takes_what_meets_every_condition(store, conditions, left):
    before = sum(entry.bytes for entry in store.entries())
    planned = store.prune(**conditions, dry_run=True)
    assert statuses(store) == ["complete", "damaged", "unfinished"]
    freed = store.prune(**conditions)
    assert statuses(store) == left
    assert freed.bytes == planned.bytes == before - sum(e.bytes for e in store.entries())
    assert (store.root / "notes.txt").read_text() == "mine"
    assert (store.root / "photos").is_dir()


def test_a_flipped_bit_is_damage_too(store):
    entry = next(e for e in store.entries() if e.status == "complete")
    (path,) = entry.folder.glob("features-*")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert len(store.prune(damaged=True).entries) == 2
    assert statuses(store) == ["unfinished"]


def test_prune_asks_for_a_condition(store):
    with pytest.raises(CacheError, match="say what to prune"):
        store.prune()


def test_other_peoples_files_inside_an_entry_stay(store):
    for entry in store.entries():
        (entry.folder / "keep.md").write_text("mine")
    store.prune(everything=True)
    for entry in store.entries():
        assert [path.name for path in entry.folder.iterdir()] == ["keep.md"]


def test_what_is_being_written_stays(store):
    entry = next(e for e in store.entries() if e.status == "unfinished")
    with store.writer(entry.key, ids=texts(40).ids, width=24, part_rows=2048):
        (again,) = [e for e in store.entries() if e.status == "unfinished"]
        assert again.in_use
        freed = store.prune(everything=True)
        assert [e.folder for e in freed.in_use] == [entry.folder]
        assert statuses(store) == ["unfinished"]
    store.prune(everything=True)
    assert store.entries() == []


def test_open_features_outlive_their_files(store):
    entry = next(e for e in store.entries() if e.status == "complete")
    features = store.open(entry.key)
    before = features.read(0, 40)
    store.prune(everything=True)
    assert (features.read(0, 40) == before).all()
    assert store.open(entry.key) is None
