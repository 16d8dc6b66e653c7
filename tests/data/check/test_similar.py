"""Pairs found by buckets are those that comparing all with all finds."""

import numpy as np

from tutelage.data.check.similar import Nearest, candidates


def test_every_pair_that_agrees_in_a_band_is_found():
    keys = np.random.default_rng(0).integers(0, 40, (120, 3)).astype(np.uint64)
    found = {(int(a), int(b)) for pairs in candidates(keys) for a, b in zip(*pairs, strict=True)}
    expected = {
        (i, j)
        for j in range(120)
        for i in range(j)
        if any(keys[i, b] == keys[j, b] for b in range(3))
    }
    assert found == expected


def test_few_rows_have_no_pairs():
    for rows in (0, 1):
        assert list(candidates(np.zeros((rows, 2), np.uint64))) == []


def test_in_a_crowd_rows_alike_in_the_other_bands_are_still_compared():
    """All agree in band 0; rows 2k and 2k + 1 agree in band 1 as well."""
    keys = np.stack([np.zeros(400), np.arange(400) // 2], axis=1).astype(np.uint64)
    steps = list(candidates(keys, most=3))
    found = {(int(a), int(b)) for pairs in steps for a, b in zip(*pairs, strict=True)}
    assert {(i, i + 1) for i in range(0, 400, 2)} <= found
    assert sum(len(first) for first, _ in steps) < 400 * 4


def test_the_nearest_earlier_row_is_kept():
    nearest = Nearest(4)
    pairs = np.array([0, 1, 0, 2]), np.array([3, 3, 2, 3])
    nearest.add(pairs, np.array([0.3, 0.1, 0.2, 0.1]), where=np.array([True, True, True, True]))
    nearest.add((np.array([0]), np.array([3])), np.array([0.0]), where=np.array([False]))
    assert list(nearest.each()) == [(2, 0, 0.2), (3, 1, 0.1)]
    nearest.add((np.array([2]), np.array([3])), np.array([0.05]), where=np.array([True]))
    assert list(nearest.each())[1] == (3, 2, 0.05)
