"""Deleting entries: which ones, and what stays."""

import os
import time

import pytest
from small_teachers import texts

from tutelage.cache import FeatureStore, PruneRule
from tutelage.cache.refusals import note_refusal
from tutelage.errors import CacheError


def statuses(store: FeatureStore) -> list[str]:
    return sorted(entry.status for entry in store.entries())


def test_opening_counts_as_use(mixed_store):
    entry = next(e for e in mixed_store.entries() if e.status == "complete")
    long_ago = time.time() - 10 * 86400
    os.utime(entry.folder / "manifest.json", (long_ago, long_ago))
    assert (
        mixed_store.prune(PruneRule(older_than=9), dry_run=True).entries[0].folder == entry.folder
    )
    mixed_store.open(entry.key)
    assert mixed_store.prune(PruneRule(older_than=9), dry_run=True).entries == ()


@pytest.mark.parametrize(
    ("conditions", "left"),
    [
        ({"unfinished": True}, ["complete", "damaged"]),
        ({"damaged": True}, ["complete", "unfinished"]),
        ({"damaged": True, "unfinished": True}, ["complete"]),
        ({"teacher": "test:text"}, []),
        ({"teacher": "other"}, ["complete", "damaged", "unfinished"]),
        ({"teacher": "test:text", "unfinished": True}, ["complete", "damaged"]),
        ({"older_than": 1}, ["complete", "damaged", "unfinished"]),
        ({"older_than": 0}, []),
        ({"everything": True}, []),
    ],
    ids=str,
)
def test_prune_takes_what_meets_every_condition(mixed_store, conditions, left):
    before = sum(entry.bytes for entry in mixed_store.entries())
    planned = mixed_store.prune(PruneRule(**conditions), dry_run=True)
    assert statuses(mixed_store) == ["complete", "damaged", "unfinished"]
    freed = mixed_store.prune(PruneRule(**conditions))
    assert statuses(mixed_store) == left
    assert freed.bytes == planned.bytes == before - sum(e.bytes for e in mixed_store.entries())
    assert (mixed_store.root / "notes.txt").read_text() == "mine"
    assert (mixed_store.root / "photos").is_dir()


def test_a_flipped_bit_is_damage_too(mixed_store):
    entry = next(e for e in mixed_store.entries() if e.status == "complete")
    (path,) = entry.folder.glob("features-*")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert len(mixed_store.prune(PruneRule(damaged=True)).entries) == 2
    assert statuses(mixed_store) == ["unfinished"]


@pytest.mark.parametrize(
    ("conditions", "says"),
    [
        ({}, "needs a condition"),
        ({"teacher": ""}, "needs a condition"),
        ({"older_than": -1}, "from 0 up, not -1"),
        ({"older_than": float("nan")}, "from 0 up, not nan"),
    ],
    ids=str,
)
def test_a_rule_that_makes_no_sense(conditions, says):
    with pytest.raises(CacheError, match=says):
        PruneRule(**conditions)


def test_an_empty_cache(tmp_path):
    assert FeatureStore(tmp_path / "none").prune(PruneRule(everything=True)).bytes == 0


def test_temporary_files_of_killed_processes_go_too(mixed_store):
    entry = next(e for e in mixed_store.entries() if e.status == "complete")
    for name in ("manifest.json.123-0a1b2c3d.tmp", "ids.jsonl.tmp", "keep.tmp"):
        (entry.folder / name).touch()
    mixed_store.prune(PruneRule(everything=True))
    assert [path.name for path in entry.folder.iterdir()] == ["keep.tmp"]


def test_other_peoples_files_inside_an_entry_stay(mixed_store):
    for entry in mixed_store.entries():
        (entry.folder / "keep.md").write_text("mine")
    mixed_store.prune(PruneRule(everything=True))
    for entry in mixed_store.entries():
        assert [path.name for path in entry.folder.iterdir()] == ["keep.md"]


def test_the_note_that_float16_was_refused_goes_with_its_entry(mixed_store):
    entry = next(e for e in mixed_store.entries() if e.status == "complete")
    note_refusal(entry.folder, "a value of 1e6")
    mixed_store.prune(PruneRule(everything=True))
    assert not entry.folder.exists()
    note_refusal(entry.folder, "a value of 1e6")  # as of a process that was killed just then
    assert statuses(mixed_store) == ["unfinished"]
    mixed_store.prune(PruneRule(unfinished=True))
    assert not entry.folder.exists()


def test_what_is_being_written_stays(mixed_store):
    entry = next(e for e in mixed_store.entries() if e.status == "unfinished")
    with mixed_store.writer(entry.key, ids=texts(40).ids, width=24, part_rows=2048):
        (again,) = [e for e in mixed_store.entries() if e.status == "unfinished"]
        assert again.in_use
        freed = mixed_store.prune(PruneRule(everything=True))
        assert [e.folder for e in freed.in_use] == [entry.folder]
        assert statuses(mixed_store) == ["unfinished"]
    mixed_store.prune(PruneRule(everything=True))
    assert mixed_store.entries() == []


def test_open_features_outlive_their_files(mixed_store):
    entry = next(e for e in mixed_store.entries() if e.status == "complete")
    features = mixed_store.open(entry.key)
    before = features.read(0, 40)
    mixed_store.prune(PruneRule(everything=True))
    assert (features.read(0, 40) == before).all()
    assert mixed_store.open(entry.key) is None
