"""Rows are read as they were written: gathered, in blocks, by threads and other processes."""

import multiprocessing
import pickle
import threading
import weakref

import pytest
import torch
from small_rows import IDS, ROWS, WIDTH, fill, key_of, rows_of

from tutelage.cache import FeatureStore
from tutelage.cache import features as features_module


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
    store = FeatureStore(tmp_path, map_up_to=0)
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


def test_maps_of_all_features_share_one_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(
        features_module, "_MAPPED", weakref.WeakKeyDictionary()
    )  # of this test alone
    size = ROWS * WIDTH * 2
    store = FeatureStore(tmp_path, map_up_to=size + size // 2)
    fill(store, key_of(), rows_of())
    first, second = store.open(key_of()), store.open(key_of())
    for opened in (first, second):
        opened.gather(torch.tensor([4]))
    assert first._mapped is not None
    assert second._mapped is None
    second.close()
    first.close()
    second.gather(torch.tensor([4]))
    assert second._mapped is not None
