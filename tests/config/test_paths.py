"""Dotted paths into nested settings."""

import pytest

from tutelage.config.paths import assign
from tutelage.errors import ConfigError


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("train.lr", {"train": {"steps": 3, "lr": 7}, "teachers": [{"name": "a"}, {}]}),
        ("train", {"train": 7, "teachers": [{"name": "a"}, {}]}),
        ("teachers.1.name", {"train": {"steps": 3}, "teachers": [{"name": "a"}, {"name": 7}]}),
        (
            "teachers.0.params.x",
            {"train": {"steps": 3}, "teachers": [{"name": "a", "params": {"x": 7}}, {}]},
        ),
        (
            "new.x.y",
            {"train": {"steps": 3}, "teachers": [{"name": "a"}, {}], "new": {"x": {"y": 7}}},
        ),
    ],
)
@pytest.mark.parametrize("sequence", [list, tuple])
def test_a_value_is_set_where_the_path_leads(path, expected, sequence):
    settings = {"train": {"steps": 3}, "teachers": sequence([{"name": "a"}, {}])}
    assign(settings, path, 7, where="--set")
    assert settings | {"teachers": list(settings["teachers"])} == expected


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("teachers.2.name", "there is no entry '2' in a list of 2"),
        ("teachers.first.name", "there is no entry 'first'"),
        ("teachers.0", "name an entry and a key"),
        ("train.steps.x", "'steps' is not a section"),
        ("train.steps.x.y", "'x' is not a section"),
    ],
)
def test_a_path_that_leads_nowhere_is_named(path, says):
    settings = {"train": {"steps": 3}, "teachers": [{}, {}]}
    with pytest.raises(ConfigError, match=f"^--set: .*{says}"):
        assign(settings, path, 7, where="--set")
