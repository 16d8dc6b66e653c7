"""What is chosen by the scores of folds: the rule of one standard error, and its edges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutelage.sweeps.choice import Choice, Spent, Tried, choose
from tutelage.tasks import SingleLabel


def tried(name: str, *scores: float, **more: object) -> Tried:
    method = name.partition(" ")[0]
    return Tried(name=name, method=method, scores=scores, **more)


def test_the_simplest_within_one_error_of_the_difference():
    stl = tried("stl", 0.60, 0.70, 0.80)
    # always 0.05 above, so the difference has no error though each mean has a large one
    aft = tried("aft", 0.65, 0.75, 0.85)
    assert choose([stl, aft]) == ("stl", "aft", "aft")
    # 0.05 above in the mean, with an error of the difference of 0.058
    unsure = tried("aft", 0.75, 0.65, 0.85)
    assert choose([stl, unsure]) == ("stl", "aft", "stl")
    both = tried("aft+probe", 0.66, 0.75, 0.85)
    assert choose([stl, aft, both]) == ("stl", "aft+probe", "aft")


def test_of_equally_simple_ones_the_highest():
    stl = tried("stl", 0.5, 0.5, 0.5)
    one, other = tried("aft", 0.7, 0.6, 0.7), tried("aft beta 3", 0.6, 0.69, 0.7)
    assert choose([stl, one, other]).chosen == "aft"
    assert choose([stl, other, one]).chosen == "aft"


def test_augmentation_is_a_part():
    stl = tried("stl", 0.60, 0.61)
    plain = tried("aft", 0.70, 0.72)
    augmented = tried("aft augmented", 0.71, 0.715, settings={"augment": "invariant"})
    assert choose([stl, plain, augmented]) == ("stl", "aft augmented", "aft")


def test_only_what_was_tried_as_far_is_compared():
    stl, low = tried("stl", 0.7, 0.7, 0.7), tried("stl low", 0.9)
    lucky, steady = tried("aft", 0.99), tried("probe", 0.8, 0.75, 0.8)
    assert choose([stl, low, lucky, steady]) == ("stl", "probe", "probe")
    # cut short: nothing with teachers was tried on a second fold
    assert choose([stl, lucky]) == ("stl", "aft", "aft")
    assert choose([stl, tried("aft", 0.7)]) == ("stl", "stl", "stl")


def test_an_unsure_one_below_standard_fine_tuning_is_not_chosen():
    stl, best = tried("stl", 0.70, 0.70, 0.70), tried("aft+probe", 0.80, 0.80, 0.80)
    unsure = tried("aft", 0.40, 0.60, 1.00)  # within its large error of the best
    assert choose([stl, best, unsure]) == ("stl", "aft+probe", "aft+probe")


def test_failed_ones_are_passed_over():
    stl, failed = tried("stl", 0.5), tried("aft", 0.9, reason="the loss is nan")
    assert choose([stl, failed]) == ("stl", "stl", "stl")
    with pytest.raises(ValueError, match="no standard fine-tuning"):
        choose([tried("aft", 0.9), tried("stl", 0.9, reason="killed")])


scores = st.lists(st.floats(0, 1), min_size=1, max_size=5).map(tuple)
methods = st.sampled_from(["stl", "probe", "aft", "kd", "aft+probe", "kd+probe"])


@given(scores, st.lists(st.tuples(methods, scores), max_size=6))
def test_never_below_standard_fine_tuning(first, others):
    several = [Tried(name="first", method="stl", scores=first)] + [
        Tried(name=str(number), method=method, scores=found)
        for number, (method, found) in enumerate(others)
    ]
    by_name = {one.name: one for one in several}
    baseline, best, chosen = (by_name[name] for name in choose(several))
    assert baseline.method == "stl"
    assert chosen.parts <= best.parts
    assert chosen.above(baseline).mean >= -1e-12


def test_the_gain_is_paired_over_folds():
    choice = Choice(
        metric=SingleLabel.metric(),
        folds=3,
        repeats=3,
        tried=(tried("stl", 0.5, 0.6, 0.7), tried("aft", 0.6, 0.7, 0.8), tried("kd", 0.6)),
        baseline="stl",
        best="aft",
        chosen="aft",
        spent=Spent(runs=7, seconds=70.0, budget="40", used_up=False),
    )
    assert choice.gain.mean == pytest.approx(0.1)
    assert choice.gain.error == pytest.approx(0.0)
    assert choice.model_copy(update={"chosen": "stl"}).gain is None
    assert Choice.model_validate_json(choice.model_dump_json()) == choice
