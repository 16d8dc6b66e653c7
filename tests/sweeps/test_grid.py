"""Points of a comparison's grid: which there are, the folder and the config of each."""

from pathlib import PurePath

import pytest

from tutelage.config import CompareConfig, ExperimentConfig
from tutelage.errors import ConfigError
from tutelage.sweeps.grid import grid_of


def config(names: tuple[str, ...] = ("a", "b"), **compare: object) -> ExperimentConfig:
    return ExperimentConfig.model_validate(
        {
            "data": {"source": "folder:x"},
            "teachers": [{"source": f"timm:{name}"} for name in names],
            "student": {"source": "timm:small"},
            "transfer": {"method": "aft" if names else "stl"},
            "compare": compare,
        }
    )


def test_by_default_the_method_is_compared_with_fine_tuning():
    points = grid_of(config(), rows=100)
    assert [(point.method, point.teachers, point.fraction) for point in points] == [
        ("stl", (), 1.0),
        ("aft", ("a", "b"), 1.0),
    ]
    assert [point.student for point in points] == ["small", "small"]


def test_every_combination_is_there_once_and_fine_tuning_once_for_all_teachers():
    asked = {
        "methods": ["stl", "aft", "kd", "aft"],
        "fractions": [1.0, 0.5],
        "students": [{"source": "timm:small"}, {"source": "hf:big/large"}],
        "teachers": [["a"], ["a", "b"], ["a"]],
    }
    points = grid_of(config(**asked), rows=100)
    expected = {
        (student, fraction, method, teachers)
        for student in ("small", "large")
        for fraction in (1.0, 0.5)
        for method, sets in {"stl": [()], "aft": [("a",), ("a", "b")]}.items()
        for teachers in sets
    }
    expected |= {(s, f, "kd", t) for s, f, m, t in expected if m == "aft"}
    assert {(c.student, c.fraction, c.method, c.teachers) for c in points} == expected
    assert len(points) == len(expected) == 2 * 2 * (1 + 2 + 2)
    assert len({point.place() for point in points}) == len(points), "no two share a folder"


def test_a_folder_leaves_out_what_is_the_same_in_all_cells():
    assert [point.place() for point in grid_of(config(), rows=9)] == [
        PurePath("stl"),
        PurePath("aft"),
    ]
    several = grid_of(config(fractions=[0.25, 1.0], teachers=[["a"], ["b"]]), rows=100)
    assert several[0].place() == PurePath("fraction-0.25/stl")
    assert several[1].place("-beta-3") == PurePath("fraction-0.25/aft-beta-3/a")


def test_names_that_are_no_file_names_become_some():
    point = grid_of(config(methods=["my.code:Energy"]), rows=9)[0]
    assert point.place() == PurePath("my.code.Energy")
    students = [{"source": "timm:..a b"}, {"source": "timm:c"}]
    points = grid_of(config(methods=["stl"], students=students), rows=9)
    assert points[0].place() == PurePath("a-b/stl")


@pytest.mark.parametrize(
    ("fraction", "rows", "limit"), [(0.5, 101, 50), (0.25, 100, 25), (0.001, 100, 1), (1.0, 100, 7)]
)
def test_a_fraction_limits_the_rows_and_all_of_them_keep_the_configs_limit(fraction, rows, limit):
    limited = config(fractions=[fraction]).replace({"data.limit": 7})
    assert {point.config.data.limit for point in grid_of(limited, rows=rows)} == {limit}


def test_a_cells_config_has_its_student_and_teachers_and_compares_nothing():
    asked = {"methods": ["kd"], "students": [{"source": "hf:other"}], "teachers": [["b"]]}
    point = grid_of(config(**asked), rows=100)[0]
    assert point.config.student.source == "hf:other"
    assert point.config.teacher_names == ["b"]
    assert point.config.compare == CompareConfig()


def test_students_of_one_name_are_numbered():
    students = [{"source": "hf:a/x"}, {"source": "hf:b/x"}, {"source": "hf:c/y"}]
    points = grid_of(config(methods=["stl"], students=students), rows=9)
    assert [point.student for point in points] == ["x 1", "x 2", "y"]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"teachers": [["a", "c"]]}, r"'c', which is no teacher .*there are: a, b"),
        ({"methods": ["atf"]}, "did you mean 'aft'"),
    ],
)
def test_what_is_not_there_is_named(asked, says):
    with pytest.raises(ConfigError, match=says):
        grid_of(config(**asked), rows=9)


def test_what_is_missing_is_named():
    with pytest.raises(ConfigError, match="student is missing"):
        grid_of(config().replace({"student": None}), rows=9)
    with pytest.raises(ConfigError, match=r"'kd' needs at least one teacher"):
        grid_of(config((), methods=["stl", "kd"]), rows=9)


def test_a_student_may_have_a_rate_of_its_own():
    students = [{"source": "timm:small"}, {"source": "timm:large", "lr": 0.5}]
    points = grid_of(config(students=students), rows=100)
    rates = {point.student: point.config.train.lr for point in points}
    assert rates == {"small": 1e-4, "large": 0.5}
    assert type(points[-1].config.student).__name__ == "StudentConfig"
    tuned = config(students=students, tune=True).replace({"tune.lr": (0.1, 0.2)})
    with pytest.raises(ConfigError, match=r"tune.lr is tried for every student"):
        grid_of(tuned, rows=100)


def test_shares_of_the_rows_do_not_go_with_a_limit_of_each_class():
    limited = config(fractions=[0.5, 1.0]).replace({"data.limit_per_class": 10})
    with pytest.raises(ConfigError, match=r"compare.fractions are shares .* data.limit_per_class"):
        grid_of(limited, rows=100)
    whole = config(fractions=[1.0]).replace({"data.limit_per_class": 10})
    assert {point.config.data.limit_per_class for point in grid_of(whole, rows=100)} == {10}
