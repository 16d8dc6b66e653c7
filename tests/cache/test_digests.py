"""A file of a finished entry that was changed is refused before its numbers are used."""

import os

import pytest
from small_rows import fill, key_of, rows_of

from tutelage.cache import FeatureStore, digests
from tutelage.cache.manifest import Manifest
from tutelage.errors import CacheError


def flip(path) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("pattern", ["features-*", "ids.jsonl", "statistics.safetensors"])
@pytest.mark.parametrize("opened", [False, True])
def test_opening_names_a_file_with_a_flipped_bit(store, pattern, opened):
    fill(store, key_of(), rows_of())
    if opened:  # what was read once is read again where it was changed since
        store.open(key_of())
    path = sorted(store.folder(key_of()).glob(pattern))[-1]
    flip(path)
    with pytest.raises(CacheError, match=rf"{path.name} was changed.*cache prune --damaged"):
        store.open(key_of())


def test_a_file_is_read_once_a_process(store, monkeypatch):
    fill(store, key_of(), rows_of())
    read = []
    real = digests.file_digest
    monkeypatch.setattr(
        digests, "file_digest", lambda path: (read.append(path.name), real(path))[1]
    )
    for _ in range(2):
        store.open(key_of())
    folder = store.folder(key_of())
    assert sorted(read) == sorted(record.name for record in Manifest.read(folder).files)


def test_features_above_the_bound_are_not_read(tmp_path, monkeypatch):
    store = FeatureStore(tmp_path)
    fill(store, key_of(), rows_of())
    monkeypatch.setattr(digests, "CHECK_UP_TO", 100)
    folder = store.folder(key_of())
    flip(next(folder.glob("features-*")))
    assert store.open(key_of()) is not None
    flip(folder / "statistics.safetensors")
    with pytest.raises(CacheError, match=r"statistics.safetensors was changed"):
        store.open(key_of())


def test_a_journal_that_a_killed_process_left_is_removed(store):
    fill(store, key_of(), rows_of())
    journal = store.folder(key_of()) / "progress.jsonl"
    journal.write_text("{}")
    store.open(key_of())
    assert not journal.exists()


def test_a_part_that_the_disk_does_not_give_back_is_not_sealed(tmp_path, monkeypatch):
    store = FeatureStore(tmp_path)
    real = os.pwrite

    def forgetful(descriptor, content, offset):
        changed = bytearray(content)
        if len(changed) > 300:
            changed[-1] ^= 1
        return real(descriptor, changed, offset)

    monkeypatch.setattr(os, "pwrite", forgetful)
    with pytest.raises(CacheError, match=r"does not give back what was written to part 0"):
        fill(store, key_of(), rows_of())
    monkeypatch.setattr(os, "pwrite", real)
    fill(store, key_of(), rows_of())
    assert store.verify(store.entries()[0]) == []
