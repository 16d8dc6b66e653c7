"""What a plan tells before a teacher is run."""

import pytest

from tutelage import run
from tutelage.config import ExperimentConfig
from tutelage.errors import ConfigError, TutelageError
from tutelage.experiment.plan import Plan

FACTORIES = """
from torch import nn

def fails():
    raise RuntimeError("the teacher was run")

def student(num_classes, hidden=8):
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, hidden), nn.Linear(hidden, num_classes))
"""
INPUT = {"image_size": 8}


@pytest.fixture
def config(digits, tmp_path, monkeypatch) -> ExperimentConfig:
    """A run whose teacher raises as soon as it is opened."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUTELAGE_CACHE", str(tmp_path / "cache"))
    name = f"factories_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(FACTORIES)
    monkeypatch.syspath_prepend(str(tmp_path))
    return ExperimentConfig.model_validate(
        {
            "data": {"source": f"folder:{digits}"},
            "teachers": [{"source": f"python:{name}:fails", "input": INPUT}],
            "student": {"source": f"python:{name}:student", "input": INPUT},
            "train": {"steps": 2, "batch_size": 8, "workers": 0, "device": "cpu"},
        }
    )


def test_the_teacher_raises_when_a_run_comes_to_it(config):
    with pytest.raises(TutelageError, match="the teacher was run"):
        run(config)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"student": None}, "setting student is missing"),
        ({"student.source": "timm:no_such_model_1", "student.input": None}, "no_such_model_1"),
        ({"student.params": {"hiden": 3}}, "unknown student.params.hiden; did you mean 'hidden'"),
        ({"student.params": {"hidden": "three"}}, "student"),
        ({"teachers.0.params": {"size": 3}}, "unknown teachers.params.size"),
        ({"transfer.params": {"kernal": "rbf"}}, "transfer.params.kernal; did you mean 'kernel'"),
        ({"transfer.params": {"kernel": "cubic"}}, "kernel"),
        ({"transfer.params": {"inner_steps": -1}}, "inner_steps"),
        ({"transfer.method": "atf"}, "did you mean 'aft'"),
        ({"train.class_weights": {"nine": 2.0}}, "train.class_weights names 'nine'"),
        ({"train.warmup": 9, "train.epochs": 1}, "warmup"),
        ({"data.metric": "f1"}, "f1"),
    ],
)
def test_a_mistake_is_told_before_any_teacher_is_opened(config, changes, says):
    with pytest.raises(TutelageError, match=r"^(?!.*the teacher was run)") as told:
        run(config.replace(changes))
    assert says in str(told.value)


def test_all_mistakes_are_told_at_once(config):
    changes = {
        "student.params": {"hiden": 3},
        "transfer.params": {"kernal": "rbf"},
        "teachers.0.params": {"size": 3},
        "train.class_weights": {"nine": 2.0},
    }
    with pytest.raises(ConfigError) as told:
        Plan.of(config.replace(changes))
    message = str(told.value)
    assert [word for word in ("hiden", "kernal", "size", "nine") if word not in message] == []


def test_augmented_texts_are_refused(reviews, config):
    changes = {"data.source": f"table:{reviews}", "data.id": "id", "train.augment": "invariant"}
    with pytest.raises(ConfigError, match="for texts choose 'none'"):
        Plan.of(config.replace(changes | {"transfer.method": "stl", "student.input": None}))


def test_a_plan_draws_no_random_numbers(config):
    import torch

    before = torch.get_rng_state()
    Plan.of(config)
    assert torch.equal(torch.get_rng_state(), before)


def test_steps_are_resolved(config):
    plan = Plan.of(config.replace({"train.epochs": 3}))
    assert plan.config.train.steps == 3 * (len(plan.training) // 8)
    assert plan.counts == {"train": 60, "test": 24}
