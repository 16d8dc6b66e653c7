"""Tokens come back as they were given, at a tenth of the memory."""

import sys
from multiprocessing import get_context

import pytest

from tutelage.training.token_store import TokenStore


@pytest.mark.parametrize("on_disk", [False, True])
def test_texts_come_back_in_order_whatever_the_pieces(on_disk):
    texts = [
        {"input_ids": list(range(length, 3 * length)), "token_type_ids": [0] * 2 * length}
        for length in (3, 0, 1000, 1)
    ]
    store = TokenStore(on_disk=on_disk)
    assert len(store) == 0
    for piece in (texts[:1], [], texts[1:]):
        store.extend(piece)
    assert list(store) == texts
    assert len(store) == 4
    for row in (-1, 4):
        with pytest.raises(IndexError, match="numbered 0 to 3"):
            store[row]


def test_other_names_are_refused_and_nothing_is_kept_of_them():
    store = TokenStore()
    store.extend([{"input_ids": [1]}])
    with pytest.raises(ValueError, match=r"expected the names \['input_ids'\]"):
        store.extend([{"input_ids": [2]}, {"input_ids": [3], "attention_mask": [1]}])
    assert list(store) == [{"input_ids": [1]}]


def test_it_takes_four_bytes_a_token():
    store = TokenStore()
    store.extend([{"input_ids": list(range(30_000, 31_000))}] * 100)
    taken = sum(sys.getsizeof(numbers) for numbers in store._numbers.values())
    assert 4e5 <= taken < 4.6e5


def test_on_disk_forked_processes_read_at_the_same_time():
    store = TokenStore(on_disk=True)
    store.extend([{"input_ids": [row] * row} for row in range(500)])
    with get_context("fork").Pool(2, initializer=_take, initargs=(store,)) as pool:
        assert pool.map(_sum_of, range(500)) == [row * row for row in range(500)]


def _take(store: TokenStore) -> None:
    _sum_of.store = store


def _sum_of(row: int) -> int:
    return sum(_sum_of.store[row]["input_ids"])
