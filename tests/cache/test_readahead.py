"""Rows that are not in memory are asked for before they are read, and are the same rows."""

import os

import pytest
import torch
from small_rows import IDS, ROWS, fill, key_of, rows_of

from tutelage.cache import FeatureStore, readahead
from tutelage.cache.readahead import ReadAhead

BATCH = torch.randint(0, ROWS, (128,), generator=torch.Generator().manual_seed(1))


@pytest.fixture(params=[2**30, 10_000], ids=["one file", "several"])
def features(tmp_path, request):
    store = FeatureStore(tmp_path / "cache", shard_bytes=request.param)
    fill(store, key_of(), rows_of())
    return store.open(key_of(), IDS)


@pytest.fixture
def faults(monkeypatch):
    """What the kernel says, gather after gather: page faults before and after."""
    said = []
    monkeypatch.setattr(readahead, "_major_faults", lambda: said.pop(0) if said else 0)
    return said


def test_after_a_wait_a_thousand_gathers_ask(features, faults, monkeypatch):
    asked = []
    ask = ReadAhead.ask
    monkeypatch.setattr(
        ReadAhead, "ask", lambda self, *at, size: asked.append(size) or ask(self, *at, size=size)
    )
    expected = rows_of().half()[BATCH]
    faults += [7, 7, 7, 8]
    for times, before in ((2, 0), (readahead.ASKED, 0), (1, readahead.ASKED)):
        assert len(asked) == before
        for _ in range(times):
            assert torch.equal(features.gather(BATCH), expected)
    assert asked == [features.width * 2] * readahead.ASKED


def test_unknown_rows_are_refused_where_rows_are_asked_for(features, faults):
    faults += [0, 1]
    features.gather(BATCH)
    for wrong in ([-1, 0], [0, ROWS]):
        with pytest.raises(IndexError, match=f"0 to {ROWS - 1}"):
            features.gather(torch.tensor(wrong))


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="no advice on this system")
def test_a_file_that_is_not_in_memory_is_asked_for_and_one_that_is_is_not(tmp_path):
    store = FeatureStore(tmp_path / "cache")
    fill(store, key_of(), rows_of())
    features = store.open(key_of(), IDS)
    features.gather(BATCH)
    assert not features._ahead.wanted
    features.close()
    os.sync()
    for path in features.folder.iterdir():
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    assert torch.equal(features.gather(BATCH), rows_of().half()[BATCH])
    if not features._ahead.wanted:
        pytest.skip("this file system keeps its files in memory")


def test_a_file_system_that_takes_no_advice_is_read_as_ever(monkeypatch):
    def refuse(*_):
        raise OSError("advice is not taken here")

    monkeypatch.setattr(os, "posix_fadvise", refuse, raising=False)
    ReadAhead().ask([3, 3], [0, 4096], size=4096)
