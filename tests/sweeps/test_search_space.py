"""Points that a search tries: which there are, what they are called, and the config of each."""

from pathlib import Path

import pytest

from tutelage.config import ExperimentConfig
from tutelage.errors import ConfigError
from tutelage.sweeps.search_space import Dimension, SearchPoint, SearchSpace, space_of


def config(**tune: object) -> ExperimentConfig:
    return ExperimentConfig.model_validate(
        {
            "data": {"source": "folder:x"},
            "teachers": [{"source": "timm:a"}, {"source": "timm:b", "name": "second"}],
            "transfer": {"params": {"kernel": "rbf"}},
            "tune": tune,
        }
    )


def test_points_are_all_combinations_in_a_fixed_order():
    space = space_of(config(beta=[1.0, 10.0], lr=[1e-4, 1e-3]), ["aft", "stl"])
    assert [point.name for point in space.points] == [
        "aft-beta-1-lr-0.0001",
        "aft-beta-1-lr-0.001",
        "aft-beta-10-lr-0.0001",
        "aft-beta-10-lr-0.001",
        "stl-lr-0.0001",
        "stl-lr-0.001",
    ]


def test_sets_of_teachers_multiply_only_methods_that_have_teachers():
    space = space_of(config(beta=[3.0], teachers=[["a"], ["a", "second"]]), ["aft", "stl"])
    assert [(point.method, point.teachers) for point in space.points] == [
        ("aft", ("a",)),
        ("aft", ("a", "second")),
        ("stl", ()),
    ]


@pytest.mark.parametrize(
    ("method", "tune", "names"),
    [
        ("aft", {}, ["beta"]),
        ("stl", {}, []),
        ("probe", {}, ["mix"]),
        ("kd+probe", {"temperature": [1.0, 2.0]}, ["beta", "mix", "temperature"]),
        ("kd+probe", {"temperature": [1.0]}, ["beta", "mix"]),
    ],
)
def test_a_method_has_the_dimensions_that_it_reads(method, tune, names):
    dimensions = space_of(config(**tune), [method]).dimensions[method]
    assert [dimension.name for dimension in dimensions] == names


def test_strengths_are_the_methods_own_where_none_are_given():
    assert space_of(config(), ["rkd"]).dimensions["rkd"] == (
        Dimension("beta", (0.3, 1.0, 3.0, 10.0)),
    )


def test_patience_is_a_dimension_of_every_method():
    space = space_of(config(beta=[3.0], patience=[0.5, 2.0]), ["stl", "aft"])
    assert [point.name for point in space.points] == [
        "stl-patience-0.5",
        "stl-patience-2",
        "aft-beta-3-patience-0.5",
        "aft-beta-3-patience-2",
    ]


def test_a_search_is_of_the_configs_method_and_names_each_once():
    assert list(space_of(config()).dimensions) == ["aft"]
    assert list(space_of(config(), ["kd", "aft", "kd"]).dimensions) == ["kd", "aft"]


def test_a_point_without_settings_is_its_method():
    assert SearchSpace({"stl": ()}).points == [SearchPoint("stl")]


def test_a_point_changes_its_settings_alone():
    before = config()
    point = SearchPoint("aft", {"beta": 3.0, "lr": 0.01, "patience": 2.0}, ("second",))
    after = point.applied(before, folder=Path("runs/here"))
    assert (after.transfer.beta, after.train.lr, after.train.patience) == (3.0, 0.01, 2.0)
    assert after.teacher_names == ["second"]
    assert after.output.dir == Path("runs/here")
    assert after.transfer.params == {"kernel": "rbf"}, "the same method keeps its options"
    assert (after.data, after.seed, after.tune) == (before.data, before.seed, before.tune)
    assert before == config(), "the config itself stays"


def test_options_of_one_method_are_not_given_to_another():
    for method, params in (("kd", {}), ("aft+probe", {"kernel": "rbf"})):
        after = SearchPoint(method).applied(config(), folder=Path("x"))
        assert (after.transfer.method, after.transfer.params) == (method, params)


def test_names_serve_as_folders():
    assert SearchPoint("mine.code:Energy", {"beta": 0.001}).name == "Energy-beta-0.001"
    assert SearchPoint("aft", {}, ("a", "second")).name == "aft-with-a-second"


def test_a_teacher_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match=r"'secnd'.*did you mean 'second'"):
        space_of(config(teachers=[["a"], ["secnd"]]))
