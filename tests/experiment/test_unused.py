"""No option of a method is without effect in silence: it changes the student, is refused or told."""

import re
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any

import pytest
import torch
from torch import Tensor

from tutelage.config import ExperimentConfig
from tutelage.config.section import NoEffect
from tutelage.config.training import TrainConfig
from tutelage.errors import ConfigError
from tutelage.experiment.parts import (
    Prepared,
    build_objective,
    build_student,
    prepare_batches,
    prepare_regularizer,
)
from tutelage.experiment.plan import Plan
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.teacher_features import Teacher, extract_features
from tutelage.experiment.unused import unused_settings
from tutelage.regularizers.catalogue import METHOD_NAMES, METHODS, parse_method
from tutelage.results.run_folder import RunFolder
from tutelage.training.accelerator import accelerator_for
from tutelage.training.loop import TrainingRows, fit

GIVEN = {"student_width", "teacher_widths", "classes", "student_widths", "modalities", "memory"}
TRANSFER = {
    "beta": 7.0,
    "mix": 0.2,
    "temperature": 3.0,
    "lr": 0.3,
    "standardize": True,
    "batch": "local",
    "memory": 6,
}
PARAMS: dict[str, tuple[Any, ...]] = {
    "weights": ("diagonal", "identity", "dense"),
    "kernel": ("linear", "rbf"),
    "inner_steps": (0, 2),
    "axes": ("given", "probe"),
    "epochs": (5,),
    "temperature": (0.5,),
}
"""Values of every option that a constructor takes; one that is not listed fails the test."""
DEFAULTS = {
    "weights": "diagonal",
    "kernel": "linear",
    "inner_steps": 0,
    "axes": "given",
    "epochs": 100,
    "temperature": 0.1,
}


SOFT_ONLY = {"transfer.method": "stl+probe", "transfer.mix": 1.0}
TRAIN: dict[str, Any] = {
    "steps": 5,
    "patience": 2.0,
    "epochs": 2,
    "whole_epochs": True,
    "batch_size": 10,
    "unlabelled_share": 0.2,
    "class_weights": {"five": 3.0},
    "label_smoothing": 0.2,
    "accumulate": 2,
    "lr": 2e-2,
    "optimizer": "adamw",
    "weight_decay": 0.1,
    "momentum": 0.5,
    "schedule": "constant",
    "warmup": 2,
    "clip_norm": 1e-3,
    "mixed_precision": "bf16",
    "augment": "invariant",
}
"""A value of every option of training that decides numbers, but the device."""
REBUILDS = {"epochs", "whole_epochs", "batch_size", "augment"}
"""Options that decide rows or steps, before the method is built."""


def options_of(name: str) -> list[dict[str, Any]]:
    """Changes of the settings, each of one option of a method or of its term."""
    changes = [{f"transfer.{key}": value} for key, value in TRANSFER.items()]
    regularizer = METHODS[parse_method(name).regularizer].regularizer
    for option in signature(regularizer).parameters.keys() - GIVEN:
        changes += [{"transfer.params": {option: value}} for value in PARAMS[option]]
    return changes


@dataclass(frozen=True)
class Parts:
    """A run up to its method: what all methods have in common."""

    plan: Plan
    teachers: list[Teacher]
    soft: Prepared
    hard: Prepared
    runtime: Runtime

    @classmethod
    def of(cls, config: ExperimentConfig) -> "Parts":
        plan, runtime = Plan.of(config), Runtime.of(config)
        hard = replace(plan, method=parse_method("aft"))
        student, teachers = build_student(plan), extract_features(plan, runtime)
        prepared = [prepare_batches(one, student, teachers, runtime) for one in (plan, hard)]
        return cls(plan, teachers, *prepared, runtime)

    def trained(
        self, config: ExperimentConfig, *, asked: ExperimentConfig | None = None
    ) -> tuple[Tensor | None, str]:
        """The student's weights after a few steps, and what is told; or None and the refusal."""
        method, accelerator = parse_method(config.transfer.method), accelerator_for(config)
        plan = replace(self.plan, config=config, method=method)
        torch.manual_seed(0)
        student = build_student(plan)
        try:
            objective = build_objective(plan, student, self.teachers)
        except ConfigError as refusal:
            return None, str(refusal)
        prepared = self.soft if method.uses_soft_labels else self.hard
        prepare_regularizer(
            objective.regularizer,
            student,
            prepared,
            plan=plan,
            teachers=self.teachers,
            accelerator=accelerator,
            runtime=self.runtime,
        )
        fit(
            student,
            objective,
            TrainingRows(prepared.training, plan.task, "digest"),
            config=config,
            folder=RunFolder(config.output.dir),
            accelerator=accelerator,
            progress=self.runtime.progress,
        )
        weights = torch.cat([p.detach().flatten() for p in student.model.parameters()])
        return weights, "\n".join(
            unused_settings(plan, objective.regularizer, asked=asked or config)
        )


@pytest.fixture(scope="module")
def parts(small_config, tmp_path_factory) -> Parts:
    folder = tmp_path_factory.mktemp("options")
    settings = {"transfer.method": "aft+probe", "transfer.beta": 10.0, "train.steps": 4}
    paths = {"cache.dir": folder / "cache", "output.dir": folder}
    return Parts.of(small_config.replace(settings | paths | {"train.lr": 1e-2}))


@pytest.mark.parametrize("name", [*METHOD_NAMES, "aft+probe", "btuning+probe"])
def test_every_option_changes_the_student_or_is_refused_or_told(parts, name):
    changes = {"transfer.method": name, "transfer.standardize": False}
    if name == "ft":  # whose gradient is one of signs: its factors must differ clearly
        changes |= {
            "transfer.params": {"epochs": DEFAULTS["epochs"]},
            "train.steps": 40,
            "train.lr": 0.05,
        }
    plain = parts.plan.config.replace(changes)
    before, words = parts.trained(plain)
    assert before is not None
    assert words == ""
    own = {**DEFAULTS, **parse_method(name).params}
    for change in options_of(name):
        path, value = next(iter(change.items()))
        if path == "transfer.params":
            option, value = next(iter(value.items()))
            if value == own[option]:
                continue
            path = f"transfer.params.{option}"
        after, words = parts.trained(plain.replace(change))
        if after is None:
            assert path.rpartition(".")[2] in words
        else:
            told = f"{path} = {value!r} is not used" in words
            assert torch.equal(before, after) == told, (change, words)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"train.momentum": 0.5}, "train.momentum = 0.5 is not used: it is for sgd, not adam"),
        (
            {"data.holdout": 0.4},
            "data.holdout = 0.4 is not used: data.evaluate = 'test' holds out no",
        ),
        ({"data.folds": 4}, "data.folds = 4 is not used: data.evaluate = 'test' holds out no"),
        (
            {"data.holdout": 0.4, "data.folds": 4, "data.evaluate": "holdout"},
            "data.holdout = 0.4 is not used: data.folds decides",
        ),
        ({"data.test_share": 0.5}, "data.test_share = 0.5 is not used: the data has test rows"),
        (
            {"data.unlabelled_split": "x"},
            "data.unlabelled_split = 'x' is not used: data.unlabelled",
        ),
        ({"train.epochs": 1, "train.steps": 3}, "train.steps = 3 is not used: train.epochs"),
        ({"train.patience": 2.0}, "train.patience = 2.0 is not used: it multiplies"),
        ({"train.epochs": 1, "train.whole_epochs": True}, "train.whole_epochs = True is not used"),
        ({"transfer.batch": "step"}, "transfer.batch = 'step' is not used: train.accumulate = 1"),
        ({"train.unlabelled_share": 0.2}, "train.unlabelled_share = 0.2 is not used"),
        ({"student.frozen": True}, "transfer.beta = 2.0 is not used: .*student.frozen trains"),
        ({"student.tap": "1"}, "transfer.beta = 2.0 is not used: .* enters '1', and no parameter"),
        *(
            ({"transfer.method": "stl", f"cache.{name}": value}, f"cache.{name} = {value!r} is not")
            for name, value in (("remote", "memory://x"), ("on_device", True))
        ),
        (
            {"transfer.method": "stl+probe", "cache.on_device": True},
            "cache.on_device = True is not used: .* compares no features in training",
        ),
        ({"cache.remote": "memory://x"}, "cache.remote = 'memory://x' is not used: memory: is of"),
        ({"transfer.beta": 0.0}, "transfer.beta = 0 leaves its term without effect"),
        (
            {**SOFT_ONLY, "train.label_smoothing": 0.1},
            "train.label_smoothing = 0.1 is not used: transfer.mix = 1 leaves the given labels out",
        ),
        (
            {**SOFT_ONLY, "train.class_weights": "balanced"},
            "train.class_weights = 'balanced' is not used",
        ),
    ],
)
def test_settings_that_cancel_each_other_are_told(small, change, says):
    asked = small.replace(change)
    plan = Plan.of(asked)
    student = build_student(plan)
    objective = build_objective(plan, student, extract_features(plan, Runtime.of(asked)))
    found = unused_settings(plan, objective.regularizer, asked=asked, student=student)
    assert [word for word in found if re.search(says, word)], found


ATTENTIVE = """
from torch import nn

class Attentive(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.block = nn.TransformerEncoderLayer(96, 2, 8, batch_first=True)
        self.head = nn.Linear(96, num_classes)

    def forward(self, pixels):
        return self.head(self.block(pixels.flatten(1).unflatten(1, (-1, 96))).mean(1))
"""


def test_layers_that_lora_leaves_out_are_told(small, tmp_path, monkeypatch):
    (tmp_path / "attentive.py").write_text(ATTENTIVE)
    monkeypatch.syspath_prepend(str(tmp_path))
    student = {
        "source": "python:attentive:Attentive",
        "input": {"image_size": 32},
        "lora": {"rank": 2},
    }
    asked = small.replace({"student": student})
    plan = Plan.of(asked)
    words = unused_settings(plan, None, asked=asked, student=build_student(plan))
    assert (
        "student.lora.targets = () leaves the layer 'block.self_attn.out_proj' as it is: Attentive uses "
        "its weight without calling it"
    ) in words
    named = asked.replace({"student.lora.targets": ["linear1"]})
    others = unused_settings(plan, None, asked=named, student=build_student(Plan.of(named)))
    assert not [word for word in others if "lora" in word]


def test_features_of_fixed_layers_are_told_before_training_alone(parts):
    """A warning in the loop would be an error here."""
    settings = {"student.tap": "1", "transfer.method": "aft"}
    _, words = parts.trained(parts.plan.config.replace(settings))
    assert words == ""


def test_one_teacher_has_no_shares(parts):
    change = {"transfer.method": "btuning", "transfer.params": {"temperature": 0.5}}
    asked = parts.plan.config.replace(change)
    plan = replace(parts.plan, config=asked, method=parse_method("btuning"))
    for teachers, told in ((parts.teachers, False), (parts.teachers[:1], True)):
        few = replace(plan, teachers=tuple(one.plan for one in teachers))
        objective = build_objective(few, build_student(few), teachers)
        words = unused_settings(few, objective.regularizer, asked=asked)
        start = "transfer.params.temperature = 0.5 is not used: it decides the shares of several"
        assert any(word.startswith(start) for word in words) == told


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"transfer.method": "stl"}, "stl learns from labelled rows alone"),
        ({"train.unlabelled_share": 0.0}, "train.unlabelled_share = 0 leaves these rows out"),
        ({}, None),
    ],
)
def test_unlabelled_rows_that_are_left_out_are_told(parts, digits, change, why):
    settings = {"data.unlabelled": f"folder:{digits}", "data.unlabelled_params": {}}
    asked = parts.plan.config.replace(settings | {"transfer.method": "aft"} | change)
    objective = build_objective(parts.plan, build_student(parts.plan), parts.teachers)
    words = [
        one
        for one in unused_settings(Plan.of(asked), objective.regularizer, asked=asked)
        if "data." in one
    ]
    assert words == ([f"data.unlabelled = 'folder:{digits}' is not used: {why}"] if why else [])


def test_settings_of_pictures_are_told_where_the_rows_are_texts(parts):
    objective = build_objective(parts.plan, build_student(parts.plan), parts.teachers)
    asked = parts.plan.config.replace({"data.white": 4095.0, "data.background": "red"})
    texts = replace(parts.plan, data=replace(parts.plan.data, modality="text"))
    for plan, count in ((parts.plan, 0), (texts, 2)):
        words = unused_settings(plan, objective.regularizer, asked=asked)
        assert sum(word.endswith("is not used: the rows are texts") for word in words) == count


def test_rows_of_a_validation_split_are_held_out_in_place_of_a_share(parts):
    objective = build_objective(parts.plan, build_student(parts.plan), parts.teachers)
    for change, told in (({"data.holdout": 0.4}, True), ({}, False)):
        asked = parts.plan.config.replace({"data.evaluate": "holdout", **change})
        splits = parts.plan.data.splits
        data = replace(parts.plan.data, splits={**splits, "validation": splits["train"]})
        words = unused_settings(replace(parts.plan, data=data), objective.regularizer, asked=asked)
        assert any("the validation split is the hold-out" in word for word in words) == told


def test_shares_of_the_data_are_told_only_where_nobody_takes_them(parts, tmp_path):
    """Searches hold rows out by these settings, and data without test rows is divided."""
    objective = build_objective(parts.plan, build_student(parts.plan), parts.teachers)
    shares = {"data.holdout": 0.4, "data.test_share": 0.5}
    (tmp_path / "search" / "trials").mkdir(parents=True)
    known = parts.plan.data
    undivided = replace(known, splits={"train": known.splits["train"]}, has_test=False)
    for data, change in (
        (undivided, {"tune.beta": (1.0,)}),
        (undivided, {"compare.tune": True}),
        (undivided, {"output.dir": tmp_path / "search" / "chosen"}),
        (undivided, {"data.evaluate": "holdout"}),
        (known, {"data.holdout": 0.1, "data.test_share": 0.2}),
    ):
        asked = parts.plan.config.replace(shares | change)
        words = unused_settings(replace(parts.plan, data=data), objective.regularizer, asked=asked)
        assert not [word for word in words if word.startswith("data.")], change


def test_activations_of_a_frozen_student_are_not_kept_anyway(parts):
    objective = build_objective(parts.plan, build_student(parts.plan), parts.teachers)
    for frozen in (True, False):
        asked = parts.plan.config.replace(
            {"student.frozen": frozen, "train.gradient_checkpointing": True}
        )
        words = unused_settings(
            replace(parts.plan, config=asked), objective.regularizer, asked=asked
        )
        told = "train.gradient_checkpointing = True is not used: student.frozen trains the head"
        assert any(word.startswith(told) for word in words) == frozen


@pytest.mark.parametrize("method", ["aft", "aft+probe"])
def test_every_option_of_training_changes_the_student_or_is_told(parts, method):
    deciding = {
        name for name, field in TrainConfig.model_fields.items() if NoEffect not in field.metadata
    }
    assert deciding - {"device"} == TRAIN.keys()
    start = {"transfer.method": method, "transfer.standardize": False, "train.weight_decay": 0.01}
    for mix in (0.7, 1.0) if method == "aft+probe" else (0.7,):
        plain = parts.plan.config.replace({**start, "transfer.mix": mix})
        before, _ = parts.trained(plain)
        for option, value in TRAIN.items():
            asked = plain.replace({f"train.{option}": value})
            own = Parts.of(asked) if option in REBUILDS else parts
            resolved = own.plan.config if option in REBUILDS else asked
            after, words = own.trained(resolved, asked=asked)
            assert after is not None, words
            told = f"train.{option} = {value!r} is not used" in words
            assert torch.equal(before, after) == told, (option, mix, words)
