"""The schema of an experiment: settings that must fit each other, changes, and the digest."""

from math import inf, nan

import pytest

from tutelage.config import ExperimentConfig
from tutelage.errors import ConfigError


def config(**sections: object) -> ExperimentConfig:
    plain = {
        "data": {"source": "folder:x"},
        "teachers": [{"source": "timm:a"}, {"source": "hf:owner/b", "name": "second"}],
        "student": {"source": "timm:y"},
    }
    return ExperimentConfig.model_validate(plain | sections)


def test_teachers_are_called_as_named_or_by_their_source():
    assert config().teacher_names == ["a", "second"]


def test_replace_gives_a_checked_config_and_leaves_the_old_one():
    before = config()
    after = before.replace({"train.lr": 0.5, "teachers.0.name": "first", "seed": 3})
    assert (after.train.lr, after.teacher_names, after.seed) == (0.5, ["first", "second"], 3)
    assert before == config()


def test_replace_names_all_mistakes_at_once():
    with pytest.raises(ConfigError) as told:
        config().replace({"train.steps": 0, "train.lrr": 1, "transfer.beta": -1.0})
    lines = str(told.value).splitlines()
    assert len(lines) == 3
    assert any(line.startswith("unknown setting train.lrr; did you mean 'lr'") for line in lines)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "other"},
        {"output.dir": "elsewhere"},
        {"train.log_every": 3},
        {"train.workers": 0},
        {"train.checkpoint_every": 7},
        {"cache.dir": "/tmp/x"},
        {"teachers.0.batch_size": 8},
        {"tune.seeds": 3},
        {"compare.seeds": 3},
    ],
)
def test_the_digest_covers_no_setting_without_effect(changes):
    assert config().replace(changes).digest() == config().digest()


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"train.lr": 0.3},
        {"train.device": "cpu"},
        {"transfer.beta": 1.0},
        {"data.limit": 9},
        {"teachers.0.params": {"weights": "random"}},
        {"cache.dtype": "float32"},
        {"student.source": "timm:z"},
    ],
)
def test_the_digest_covers_every_setting_that_decides_numbers(changes):
    assert config().replace(changes).digest() != config().digest()


@pytest.mark.parametrize("value", [inf, nan])
@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("data.holdout", "data.holdout"),
        ("data.white", "data.white"),
        ("teachers.0.input", "teachers.0.input.mean.0"),
        ("teachers.0.input", "teachers.0.input.std.0"),
        ("student.lora", "student.lora.alpha"),
        ("student.lora", "student.lora.dropout"),
        ("transfer.beta", "transfer.beta"),
        ("transfer.lr", "transfer.lr"),
        ("transfer.mix", "transfer.mix"),
        ("transfer.temperature", "transfer.temperature"),
        ("train.clip_norm", "train.clip_norm"),
        ("train.class_weights", "train.class_weights.a"),
        ("train.lr", "train.lr"),
        ("train.patience", "train.patience"),
        ("train.weight_decay", "train.weight_decay"),
        ("tune.beta", "tune.beta.0"),
        ("tune.lr", "tune.lr.0"),
        ("tune.mix", "tune.mix.0"),
        ("tune.patience", "tune.patience.0"),
        ("tune.temperature", "tune.temperature.0"),
        ("compare.students", "compare.students.0.lr"),
        ("compare.fractions", "compare.fractions.0"),
    ],
)
def test_numbers_that_are_not_finite_are_refused_with_their_setting(path, place, value):
    inner: object = value
    for part in reversed(place.removeprefix(path).split(".")[1:]):
        inner = [inner, 1.0, 1.0] if part == "0" else {part: inner}
    if path == "teachers.0.input":
        inner = {"image_size": 8, **inner}
    elif path == "compare.students":
        inner = [{"source": "timm:z", "lr": value}]
    elif place.endswith(".0"):
        inner = [value]
    with pytest.raises(ConfigError, match=f"(?m)^{place} = {value}: input should be "):
        config().replace({path: inner})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"teachers": ()}, "method 'aft' needs at least one teacher"),
        ({"teachers.0.name": "second"}, "several teachers are called second"),
        ({"train.steps": 9, "train.warmup": 9}, r"warmup \(9\) must end before the 9 steps do"),
        ({"train.epochs": 2, "tune.patience": [2.0]}, "tune.patience multiplies"),
        ({"data.task": "regression", "train.label_smoothing": 0.1}, "label_smoothing"),
        ({"data.task": "regression", "train.class_weights": "balanced"}, "class_weights"),
        ({"data.task": "regression", "transfer.temperature": 2.0}, "temperature"),
        ({"data.task": "multi-label", "train.label_smoothing": 0.1}, "which multi-label has not"),
        ({"data.metric": "r2"}, "r2"),
        (
            {"teachers.0.input": {"image_size": 8, "std": [0.0, 1.0, 1.0]}},
            "teachers.0.input.std.0 = 0.0: input should be greater than 0",
        ),
        ({"train.lr": inf}, "train.lr = inf: input should be a finite number"),
    ],
)
def test_settings_that_do_not_fit_each_other_are_named(changes, says):
    with pytest.raises(ConfigError, match=says):
        config().replace(changes)
