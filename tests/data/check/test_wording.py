"""Sketches of texts: the overlap that is read from them is the overlap of the texts."""

import numpy as np
import pytest

from tutelage.data.check.wording import SKETCH, bands, overlap, similarity, sketch


def reference(one: str, other: str) -> float:
    """Share of pieces of five characters in common, by sets."""
    sets = []
    for text in (one, other):
        plain = " ".join(text.casefold().split())
        sets.append({plain[i : i + 5] for i in range(max(1, len(plain) - 4))})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def words(seed: int, count: int = 40) -> list[str]:
    letters = np.random.default_rng(seed).integers(97, 123, (count, 6), dtype=np.uint8)
    return [bytes(word).decode() for word in letters]


@pytest.mark.parametrize("changed", [0, 1, 4, 20])
def test_the_overlap_is_that_of_the_sets_of_pieces(changed):
    one, other = words(1), words(1)
    other[:changed] = words(2)[:changed]
    expected = reference(" ".join(one), " ".join(other))
    assert overlap([" ".join(one)], [" ".join(other)]) == pytest.approx(expected)
    a, b = sketch([" ".join(one)]), sketch([" ".join(other)])
    assert abs(similarity(a[None], b[None])[0] - expected) < 4 * 0.5 / SKETCH**0.5


def test_texts_with_four_fifths_in_common_agree_in_a_band():
    missed = 0
    for seed in range(200):
        one, other = words(seed, 60), words(seed, 60)
        other[:5] = words(seed + 1000)[:5]
        assert overlap([" ".join(one)], [" ".join(other)]) > 0.8
        keys = bands(np.stack([sketch([" ".join(one)]), sketch([" ".join(other)])]))
        missed += not (keys[0] == keys[1]).any()
    assert missed == 0


def test_a_text_of_two_columns_is_as_near_as_its_farther_one():
    assert overlap(["the same premise", "one"], ["the same premise", "two"]) == 0
    assert (sketch(["a", "b"]) != sketch(["b", "a"])).any()


def test_short_empty_and_long_texts_have_a_sketch():
    assert (sketch(["hm"]) == sketch(["Hm "])).all()
    assert overlap(["", "hm"], ["", "hm"]) == 1
    assert (sketch([""]) == 2**32 - 1).all()
    long = " ".join(words(3, 6000))
    assert (
        sketch([long]) == np.minimum(sketch([long[:25_000]]), sketch([long[24_990:]]))
    ).mean() > 0.95
    assert overlap(["\ud800 broken"], ["\ud800 broken"]) == 1


def test_texts_without_spaces_are_compared_by_characters():
    chinese = "这家餐厅的菜很好吃服务也很周到我们下次还会再来这里吃饭因为价格也不贵"
    assert overlap([chinese], [chinese[:-1]]) > 0.9
