"""The schema of an experiment: settings that must fit each other, changes, and the digest."""

from math import inf

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
        ({"train.lr": inf}, "train.lr = inf: input should be a finite number"),
        ({"train.weight_decay": inf}, "train.weight_decay = inf"),
        ({"transfer.lr": inf}, "transfer.lr = inf"),
        ({"tune.lr": (inf,)}, "tune.lr.0 = inf"),
        ({"compare.students": [{"source": "timm:z", "lr": inf}]}, "lr = inf"),
    ],
)
def test_settings_that_do_not_fit_each_other_are_named(changes, says):
    with pytest.raises(ConfigError, match=says):
        config().replace(changes)
