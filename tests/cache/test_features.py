"""Rows are read as they were written: gathered, in blocks, by threads and other processes."""

import errno
import mmap
import multiprocessing
import pickle
import threading

import pytest
import torch
from small_rows import IDS, ROWS, WIDTH, fill, key_of, rows_of

from tutelage.cache import FeatureStore
from tutelage.errors import CacheError


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_rows_come_back(store, dtype):
    key, rows = key_of(dtype=dtype), rows_of()
    assert store.open(key, IDS) is None
    fill(store, key, rows)
    features = store.open(key, IDS)
    expected = rows.to(getattr(torch, dtype))
    assert (len(features), features.width, features.dtype) == (ROWS, WIDTH, expected.dtype)
    assert torch.equal(torch.cat(list(features.blocks(77))), expected)
    for wanted in (
        torch.randint(0, ROWS, (128,), generator=torch.Generator().manual_seed(1)),
        torch.arange(100, 400),
        torch.tensor([999]),
        torch.tensor([5, 5, 5]),
        torch.arange(20, 0, -1),
        torch.tensor([], dtype=torch.int64),
    ):
        assert torch.equal(features.gather(wanted), expected[wanted])
    assert store.open(key).ids == IDS
    torch.testing.assert_close(features.mean, expected.double().mean(0))
    torch.testing.assert_close(features.std, expected.double().std(0, correction=0))


@pytest.mark.parametrize("wrong", [[0, ROWS], [-1], [-1, 0], [ROWS - 1, ROWS]])
def test_numbers_of_no_row_are_refused(store, wrong):
    fill(store, key_of(), rows_of())
    with pytest.raises(IndexError):
        store.open(key_of()).gather(torch.tensor(wrong))


def _first_rows(features, queue) -> None:
    queue.put(features.gather(torch.tensor([3, 1])).tolist())


def test_features_are_pickled_without_what_belongs_to_a_process(store):
    fill(store, key_of(), rows_of())
    features = store.open(key_of())
    features.gather(torch.tensor([3, 1]))
    copy = pickle.loads(pickle.dumps(features))
    assert torch.equal(copy.gather(torch.tensor([3, 1])), rows_of().half()[[3, 1]])


def test_features_go_to_a_spawned_process(tmp_path):
    store = FeatureStore(tmp_path, mapped=False)
    fill(store, key_of(), rows_of())
    features = store.open(key_of())
    features.gather(torch.tensor([0]))
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_first_rows, args=(features, queue))
    process.start()
    assert queue.get(timeout=60) == rows_of().half()[[3, 1]].tolist()
    process.join()


def test_threads_may_read_at_once(store):
    fill(store, key_of(), rows_of())
    features, expected, wrong = store.open(key_of()), rows_of().half(), []

    def read(seed: int) -> None:
        draw = torch.Generator().manual_seed(seed)
        for _ in range(200):
            wanted = torch.randint(0, ROWS, (32,), generator=draw)
            if not torch.equal(features.gather(wanted), expected[wanted]):
                wrong.append(wanted)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_files_that_cannot_be_mapped_are_read(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.ENODEV, "no maps here")

    store = FeatureStore(tmp_path)
    fill(store, key_of(), rows_of())
    monkeypatch.setattr(mmap, "mmap", refuse)
    assert torch.equal(store.open(key_of()).gather(torch.tensor([4, 0])), rows_of().half()[[4, 0]])


def test_a_file_that_became_shorter_is_refused(store):
    fill(store, key_of(), rows_of())
    features = store.open(key_of())
    last = max(features.folder.glob("features-*"))
    last.write_bytes(last.read_bytes()[:-WIDTH])
    with pytest.raises(CacheError, match="became shorter while it was read"):
        features.gather(torch.tensor([0, ROWS - 1]))
