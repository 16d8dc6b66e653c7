"""The order in which settings are tried: the usual first, methods in turn, rates outward."""

from dataclasses import replace

import pytest
from small_search import AUTO_SPACE

from tutelage.sweeps.candidates import (
    METHODS,
    baselines,
    changed_inputs,
    further_baseline,
    neighbours,
    other_lengths,
    taught,
)


def rates(points) -> list[float]:
    return [point.settings["lr"] for point in points]


def test_learning_rates_begin_in_the_middle_and_go_outward():
    first = baselines(AUTO_SPACE)
    assert rates(first) == [3e-4, 1e-4, 1e-3]
    assert further_baseline(AUTO_SPACE, first, first[0]) is None
    assert rates([further_baseline(AUTO_SPACE, first, first[2])]) == [3e-3]
    assert further_baseline(AUTO_SPACE, first, first[1]) is None  # 1e-4 is the lowest there is
    assert rates(baselines(replace(AUTO_SPACE, rate=1e-4))) == [1e-4, 3e-4]


def test_each_head_is_tried_where_it_is_not_known_whether_the_student_is_pretrained():
    space = replace(AUTO_SPACE, heads=("random", "probe"))
    first = baselines(space)
    assert [point.settings["head"] for point in first] == ["random", "probe"] * 3
    assert rates(first) == [3e-4, 3e-4, 1e-4, 1e-4, 1e-3, 1e-3]
    further = further_baseline(space, first, first[5])
    assert further.settings == {"lr": 3e-3, "head": "probe", "patience": 1.0}
    assert further_baseline(space, [*first, further], first[4]).settings["head"] == "random"
    assert {point.settings["head"] for point in taught(space, further)} == {"probe"}


def test_lengths_go_outward_at_the_best_rate():
    best = baselines(AUTO_SPACE)[2]
    tried = [best, *other_lengths(AUTO_SPACE, best)]
    assert [point.name for point in tried] == [
        "stl-lr-0.001",
        "stl-lr-0.001-patience-2",
        "stl-lr-0.001-patience-0.5",
    ]
    further = [further_baseline(AUTO_SPACE, tried, one, setting="patience") for one in tried]
    assert [one and one.settings["patience"] for one in further] == [None, 4.0, 0.25]
    tried += further[1:]
    assert not any(further_baseline(AUTO_SPACE, tried, one, setting="patience") for one in tried)
    assert other_lengths(replace(AUTO_SPACE, lengthens=False), best) == []


def test_inputs_are_changed_for_longer():
    best = other_lengths(AUTO_SPACE, baselines(AUTO_SPACE)[2])[1]
    names = [point.name for point in changed_inputs(AUTO_SPACE, best)]
    assert names == ["stl-lr-0.001-augment-invariant"]  # patience 1: twice that of the best
    assert changed_inputs(replace(AUTO_SPACE, augments=False), best) == []
    given = replace(AUTO_SPACE, lengthens=False)
    assert "patience" not in changed_inputs(given, baselines(given)[0])[0].settings


def test_views_are_tried_in_place_of_augmentation():
    space = replace(AUTO_SPACE, views=4)
    best = baselines(space)[0]
    looks = [
        (one.settings.get("augment"), one.settings.get("views"))
        for one in changed_inputs(space, best)
    ]
    assert looks == [("invariant", None), (None, 4)]
    usual = taught(space, best)[0]
    near = [usual, *neighbours(space, usual, best, rates={})]
    assert not any("views" in one.settings for one in near), "they did not help fine-tuning"
    with_views = changed_inputs(space, best)[1]
    first = taught(space, with_views)[0]
    assert (first.settings["augment"], first.settings["views"]) == ("none", 4)
    assert first.name == "probe-lr-0.0003-mix-0.7-views-4"
    near = neighbours(space, first, with_views, rates={})
    tried = {(one.settings["augment"], one.settings["views"]) for one in near}
    assert tried == {("none", 4), ("none", 0)}


def test_a_pace_shortens_everything():
    space = replace(AUTO_SPACE, pace=0.5)
    first = baselines(space)
    assert {point.settings["patience"] for point in first} == {0.5}
    assert changed_inputs(space, first[0])[0].settings["patience"] == 1.0
    assert {point.settings["patience"] for point in taught(space, first[0])} == {0.5}
    timed = baselines(replace(space, pace=0.3))[0]  # not among the lengths of this space
    assert [one.settings["patience"] for one in other_lengths(space, timed)] == [0.5, 0.25]


def test_each_method_is_tried_as_usual_before_any_is_varied():
    best = baselines(AUTO_SPACE)[2]
    points = taught(AUTO_SPACE, best)
    assert tuple(point.method for point in points[:5]) == METHODS
    assert points[0].settings == {
        "lr": 1e-3,
        "patience": 1.0,
        "mix": 0.7,
        "unlabelled_share": 0.5,
        "augment": "none",
    }
    usual = {point.method: point.settings for point in points[:5]}
    assert (usual["aft"]["beta"], usual["aft+probe"]["beta"]) == (3.0, 1.0)
    assert len({point.name for point in points}) == len(points) == len(METHODS)


def test_methods_with_teachers_begin_at_the_usual_length_or_a_shorter_one():
    lengths = {
        one.settings["patience"]: {point.settings["patience"] for point in taught(AUTO_SPACE, one)}
        for one in [
            *baselines(AUTO_SPACE)[:1],
            *other_lengths(AUTO_SPACE, baselines(AUTO_SPACE)[0]),
        ]
    }
    assert lengths == {1.0: {1.0}, 2.0: {1.0}, 0.5: {0.5}}


def test_what_helps_standard_fine_tuning_is_kept_for_methods_with_teachers():
    augmented = changed_inputs(AUTO_SPACE, baselines(AUTO_SPACE)[0])[0]
    assert taught(AUTO_SPACE, augmented)[0].settings["augment"] == "invariant"


def test_neighbours_differ_in_one_setting_and_each_setting_has_its_turn():
    best = baselines(AUTO_SPACE)[0]
    point = taught(AUTO_SPACE, best)[1]
    near = neighbours(AUTO_SPACE, point, best, rates={})
    changed = [
        {name for name in point.settings if one.settings[name] != point.settings[name]}
        for one in near
    ]
    assert all(len(names) == 1 for names in changed)
    assert set.union(*changed[:5]) == {"lr", "patience", "beta", "unlabelled_share", "augment"}
    assert len({one.name for one in near}) == len(near)


@pytest.mark.parametrize("better", [1e-4, 1e-3])
def test_the_rate_that_suits_fine_tuning_is_tried_first(better):
    best = baselines(AUTO_SPACE)[0]
    near = neighbours(AUTO_SPACE, taught(AUTO_SPACE, best)[0], best, rates={3e-4: 0.8, better: 0.7})
    assert [one for one in rates(near) if one != 3e-4] == [better, *({1e-4, 1e-3} - {better})]


def test_neighbours_go_on_from_the_point_itself():
    best = baselines(AUTO_SPACE)[0]
    near = neighbours(AUTO_SPACE, taught(AUTO_SPACE, best)[0], best, rates={})
    longer = next(one for one in near if one.settings["patience"] == 2.0)
    further = neighbours(AUTO_SPACE, longer, best, rates={})
    assert {one.settings["patience"] for one in further} == {1.0, 2.0, 4.0}


@pytest.mark.parametrize("rate", [1e-4, 3e-3])
def test_rates_at_the_ends_have_one_neighbour(rate):
    best = baselines(replace(AUTO_SPACE, rate=rate))[0]
    near = neighbours(AUTO_SPACE, taught(AUTO_SPACE, best)[0], best, rates={})
    assert len(set(rates(near))) == 2
