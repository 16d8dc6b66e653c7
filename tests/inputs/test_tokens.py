"""Cuts are counted and told in one line."""

from tutelage.inputs import Cuts, Tokens


def cut(length: int | None) -> Tokens:
    tokens = Tokens(input_ids=[1])
    tokens.cut_to = length
    return tokens


def test_cuts_are_counted():
    assert Cuts.of([cut(None), cut(8), cut(8)]) == Cuts(3, 2, 8)
    assert Cuts.of([]) == Cuts()
    assert Cuts.of([object()]) == Cuts(1)  # images are never cut


def test_cuts_are_added():
    assert Cuts(3, 2, 8) + Cuts(4, 0, 0) == Cuts(7, 2, 8)


def test_words():
    assert (
        Cuts(4, 1, 512).words("train")
        == "25.0 % of 4 train rows were cut to 512 tokens (max_length)"
    )
    assert Cuts(10_000, 1, 512).words("test").startswith("less than 0.1 % of 10,000 test rows")
