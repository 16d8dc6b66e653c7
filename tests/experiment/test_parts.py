"""Which parts a config gets: student, objective, batches, and what its method learns first."""

import sys

import pytest
import small_parts
import torch
from torch import nn

from tutelage import AFTLoss
from tutelage.errors import ConfigError
from tutelage.experiment.guarded import Guarded
from tutelage.experiment.parts import (
    build_objective,
    build_student,
    prepare_batches,
    prepare_regularizer,
)
from tutelage.experiment.plan import Plan
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.teacher_features import extract_features
from tutelage.inputs import ImageInput
from tutelage.regularizers import Standardized
from tutelage.regularizers.factor import FactorTransfer
from tutelage.regularizers.none import NoTransfer
from tutelage.students.memory_format import ChannelsLastStudent
from tutelage.tasks.soft_labels import SoftLabels
from tutelage.training.accelerator import accelerator_for
from tutelage.training.samplers import RowView


def built(config):
    """The plan, its runtime, teachers and student, and their objective."""
    plan, runtime = Plan.of(config), Runtime.of(config)
    teachers = extract_features(plan, runtime)
    torch.manual_seed(0)
    student = build_student(plan)
    return plan, runtime, teachers, student, build_objective(plan, student, teachers)


def prepared(config):
    plan, runtime, teachers, student, objective = built(config)
    return plan, prepare_batches(plan, student, teachers, runtime), objective


def learned(config) -> dict[str, torch.Tensor]:
    """What the config's method learns before training."""
    plan, runtime, teachers, student, objective = built(config)
    batches = prepare_batches(plan, student, teachers, runtime)
    prepare_regularizer(
        objective.regularizer,
        student,
        batches,
        plan=plan,
        teachers=teachers,
        accelerator=accelerator_for(config),
        runtime=runtime,
    )
    return {name: value.clone() for name, value in objective.regularizer.learned_state().items()}


def test_a_student_has_an_output_for_each_class(small):
    student = build_student(Plan.of(small.replace({"student.params": {"hidden": 5}})))
    assert (student.width, student.model[-1].out_features) == (5, 3)
    assert all(parameter.requires_grad for parameter in student.model.parameters())


def test_of_a_frozen_student_the_head_is_trained(small):
    student = build_student(Plan.of(small.replace({"student.frozen": True})))
    trained = [name for name, p in student.model.named_parameters() if p.requires_grad]
    assert trained == ["3.weight", "3.bias"]


def test_a_missing_student_is_named(small):
    with pytest.raises(ConfigError, match="setting student is missing"):
        build_student(Plan.of(small.replace({"student": None}), trains=False))


@pytest.mark.parametrize(
    ("method", "term", "beta", "soft"),
    [
        ("stl", NoTransfer, 0.0, False),
        ("probe", NoTransfer, 0.0, True),
        ("aft", AFTLoss, 2.0, False),
        ("aft+probe", AFTLoss, 2.0, True),
    ],
)
def test_the_objective_is_that_of_the_method(small, method, term, beta, soft):
    *_, objective = built(small.replace({"transfer.method": method}))
    two = objective.regularizer
    inner = two.regularizer if term is AFTLoss else two
    assert isinstance(two, Standardized) is (term is AFTLoss), "two teachers are balanced"
    assert type(inner) is term
    assert objective.beta == beta
    assert isinstance(objective.task, SoftLabels) is soft


def test_params_and_class_weights_reach_the_objective(small):
    weights = {"three": 2.0, "five": 1.0, "eight": 0.5}
    config = small.replace({"transfer.params": {"inner_steps": 3}, "train.class_weights": weights})
    plan, _, _, _, objective = built(config)
    assert objective.regularizer.inner_steps == 3
    logits, labels = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2])
    ordered = torch.tensor([weights[name] for name in plan.data.classes])
    expected = nn.functional.cross_entropy(logits, labels, weight=ordered, reduction="none")
    found = objective.task(logits, labels)
    other = nn.functional.cross_entropy(logits, labels)
    assert not torch.isclose(found, other)
    assert any(
        torch.isclose(found, total)
        for total in (expected.mean(), expected.sum() / ordered[labels].sum())
    )


def test_standardized_features_have_the_teachers_statistics(small):
    plan, _, teachers, _, objective = built(small.replace({"transfer.standardize": True}))
    assert isinstance(objective.regularizer, Standardized)
    features = torch.cat([t.features.gather(torch.arange(60)) for t in teachers], dim=1)
    assert len(plan.splits.extracted) == 60
    mean = objective.regularizer.mean
    assert torch.allclose(mean.flatten(), features.mean(dim=0), atol=1e-5)


def test_a_custom_method_is_guarded_and_its_refusal_names_it(small):
    custom = small.replace(
        {"transfer.method": "small_parts:Energy", "transfer.params": {"scale": 3.0}}
    )
    custom = custom.replace({"transfer.standardize": False})
    *_, objective = built(custom)
    assert isinstance(objective.regularizer, Guarded)
    assert objective.regularizer.regularizer.scale == 3.0
    with pytest.raises(ConfigError, match="scale must be positive"):
        built(custom.replace({"transfer.params": {"scale": -1.0}}))


@pytest.mark.parametrize("method", ["stl", "probe", "aft", "aft+probe"])
def test_batches_have_what_the_method_reads(small, digits, method):
    plan, batches, _ = prepared(small.replace({"transfer.method": method}))
    assert (batches.training.teachers is not None) is method.startswith("aft")
    assert (batches.training.soft is not None) is method.endswith("probe")
    assert batches.plain.teachers is batches.evaluated.teachers is None
    batch = next(iter(batches.training.in_order(60)))
    assert torch.equal(batch.labels, plan.training.labels)
    images = small_parts.pixels(digits, "train", plan.training.ids)
    assert torch.equal(batch.inputs["image"].float() / 255, images)
    if batch.teacher:
        expected = small_parts.features(small_parts.wide(), images)
        assert torch.allclose(batch.teacher["wide"], expected, atol=1e-5)
    assert len(batches.evaluated) == len(plan.evaluated) == 24


def test_only_training_views_are_augmented(small):
    _, batches, _ = prepared(small.replace({"train.augment": "invariant"}))
    training, plain = (
        next(iter(source.in_order(60))).inputs["image"]
        for source in (batches.training, batches.plain)
    )
    assert training.shape == plain.shape
    assert not torch.equal(training, plain)


def test_each_look_at_a_row_comes_with_its_own_features_and_soft_label(small):
    plan, batches, _ = prepared(small.replace({"transfer.method": "aft+probe", "data.views": 2}))
    rows = len(plan.seen)
    assert len(batches.training) == len(batches.plain) == rows
    assert batches.training.soft.shape == (3 * rows, 3)
    epoch = [[RowView(row, row + rows * 7) for row in range(rows)]]
    (batch,) = batches.training.loader(epoch)
    looks = [(row + 7) % 3 for row in range(rows)]
    images = torch.stack(
        [pixels_of(plan.looks.rows[row + look * rows]) for row, look in enumerate(looks)]
    )
    assert torch.equal(batch.inputs["image"].float() / 255, images)
    expected = small_parts.features(small_parts.wide(), images)
    assert torch.allclose(batch.teacher["wide"], expected, atol=1e-5)
    assert torch.equal(batch.labels, plan.training.labels)
    numbers = torch.arange(rows) + torch.tensor(looks) * rows
    assert torch.equal(batch.soft, batches.training.soft[numbers])
    for source in (batches.plain, batches.labelled):
        (batch,) = source.in_order(rows)
        plain = torch.stack([pixels_of(plan.seen.rows[row]) for row in range(rows)])
        assert torch.equal(batch.inputs["image"].float() / 255, plain)


def pixels_of(image):
    return ImageInput.from_options(32).prepare(image).float() / 255


@pytest.mark.parametrize("method", ["ft", "aft-turned"])
def test_a_method_prepares_on_the_rows_as_they_are(small, method):
    config = small.replace({"transfer.method": method})
    plain, views = learned(config), learned(config.replace({"data.views": 2}))
    assert plain.keys() == views.keys() != set()
    assert all(torch.equal(plain[name], views[name]) for name in plain)


def test_what_follows_from_teachers_alone_is_computed_once(small, monkeypatch):
    config = small.replace({"transfer.method": "ft"})
    first = learned(config)

    def computed(self, evidence):
        raise AssertionError("computed again")

    monkeypatch.setattr(FactorTransfer, "learn", computed)
    again = learned(config.replace({"student.params": {"hidden": 11}, "train.lr": 0.5}))
    assert first.keys() == again.keys()
    assert first
    assert all(torch.equal(first[name], again[name]) for name in first if "student" not in name)
    with pytest.raises(AssertionError, match="computed again"):
        learned(config.replace({"seed": 5}))


def test_an_edited_custom_method_learns_anew(small, tmp_path, monkeypatch):
    code = """
import torch
from tutelage.regularizers import PreparedRegularizer

class Mine(PreparedRegularizer):
    learns_from = "teachers"

    def __init__(self, student_width, teacher_widths):
        super().__init__(student_width, teacher_widths)
        self.register_buffer("level", torch.zeros(()))

    def learn(self, evidence):
        self.level.fill_({level})

    def compare(self, student, teacher):
        return self.level * student.square().mean()
"""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for level in (1.0, 5.0):
        (tmp_path / "edited.py").write_text(code.format(level=level))
        found = learned(small.replace({"transfer.method": "edited:Mine"}))
        assert [value.item() for value in found.values()] == [level]
        del sys.modules["edited"]


def test_what_follows_from_the_student_is_learned_anew(small):
    config = small.replace({"transfer.method": "btuning"})
    first, other = learned(config), learned(config.replace({"student.params": {"hidden": 11}}))
    widths = [state["student_means"].shape[1] for state in (first, other)]
    assert widths == [8, 11]
    assert torch.equal(first["teacher_means"], other["teacher_means"])


def test_a_student_in_channels_last(small):
    student = build_student(Plan.of(small.replace({"train.memory_format": "channels_last"})))
    assert isinstance(student, ChannelsLastStudent)
