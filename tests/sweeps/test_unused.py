"""Settings that a search does not use are named."""

import pytest

from tutelage.config import ExperimentConfig, load_config
from tutelage.experiment.parts import build_student
from tutelage.experiment.plan import Plan
from tutelage.progress import Silent
from tutelage.sweeps.auto import auto
from tutelage.sweeps.compare import compare
from tutelage.sweeps.tune import tune
from tutelage.sweeps.unused import runs_kept, unused_by_all, unused_by_auto


def config(*assignments: str) -> ExperimentConfig:
    data = {"data": {"source": "folder:x"}, "teachers": [{"source": "timm:x", "name": "a"}]}
    return load_config([data], assignments=assignments)


def test_auto_names_what_it_chooses_itself():
    assert unused_by_auto(config("tune.folds=3", "transfer.temperature=2.0")) == []
    assert unused_by_auto(config("train.unlabelled_share=0")) == []
    told = unused_by_auto(
        config("transfer.beta=2", "train.unlabelled_share=0.3", "tune.lr=[0.1]", "tune.prune=true")
    )
    assert [line.partition(" is not used: --auto chooses ")[::2] for line in told] == [
        ("transfer.beta = 2.0", "the method and its settings"),
        ("train.unlabelled_share = 0.3", "it"),
        ("tune.lr = (0.1,)", "what it tries"),
        ("tune.prune = True", "what it tries"),
    ]


def test_finished_runs_are_not_replaced():
    assert runs_kept(config()) == []
    (told,) = runs_kept(config("output.overwrite=true", "output.dir=runs/x"))
    assert told.startswith("output.overwrite = True is not used: ")
    assert told.endswith("remove runs/x")


@pytest.fixture
def digits_config(digits, tmp_path) -> ExperimentConfig:
    """A run of digits; its teacher computes nothing."""
    small = {"weights": "random", "image_size": 32}
    return ExperimentConfig.model_validate(
        {
            "data": {"source": f"folder:{digits}"},
            "teachers": [{"source": "noise:8"}],
            "student": {"source": "timm:test_vit2", "params": small},
            "train": {"steps": 8, "batch_size": 16, "workers": 0, "device": "cpu"},
            "cache": {"dir": tmp_path / "cache"},
            "output": {"dir": tmp_path / "run"},
        }
    )


def test_a_setting_is_unused_if_no_method_uses_it(digits_config):
    plan = Plan.of(digits_config)
    student = build_student(plan)
    changes = {
        "train.momentum": 0.5,  # of sgd
        "transfer.beta": 2.0,  # of aft
        "transfer.temperature": 3.0,  # of soft labels
        "transfer.lr": 0.1,  # of what aft and kd learn, and cka does not
    }
    asked = digits_config.replace(changes)

    def unused(*methods: str) -> list[str]:
        told = unused_by_all(plan, student, methods, asked=asked)
        return [line.partition(" = ")[0] for line in told]

    assert unused("stl") == [
        "transfer.beta",
        "transfer.lr",
        "transfer.temperature",
        "train.momentum",
    ]
    assert unused("stl", "cka") == ["transfer.lr", "transfer.temperature", "train.momentum"]
    assert unused("stl", "aft") == ["transfer.temperature", "train.momentum"]
    assert unused("stl", "aft+probe") == ["train.momentum"]


class ToldError(Exception):
    """A note was told before anything was computed."""


class Told(Silent):
    """Ends the work at the first note on a setting."""

    def note(self, message: str) -> None:
        if "is not used" in message:
            raise ToldError(message)


@pytest.mark.parametrize("verb", [auto, compare, tune])
def test_a_search_names_what_its_runs_do_not_use(verb, digits_config):
    config = digits_config.replace({"train.momentum": 0.5})
    said = r"^train\.momentum = 0\.5 is not used: it is for sgd, not adam$"
    with pytest.raises(ToldError, match=said):
        verb(config, progress=Told())


def test_a_setting_of_one_student_alone_is_used(digits_config):
    own = digits_config.student.model_dump()
    frozen = {**own, "frozen": True}
    changes = {"train.gradient_checkpointing": True, "output.overwrite": True}
    for students, setting in (
        ([frozen], "train.gradient_checkpointing"),
        ([frozen, own], "output.overwrite"),  # which is told of next
    ):
        config = digits_config.replace(changes | {"compare.students": students})
        with pytest.raises(ToldError, match=f"^{setting} = True is not used"):
            compare(config, methods=["stl"], progress=Told())
