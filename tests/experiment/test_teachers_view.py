"""What a probe on the teachers' features says of a run's rows, and when it is not asked."""

import torch

from tutelage.experiment import teachers_view as module
from tutelage.experiment.plan import Plan
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.teacher_features import evaluated_rows, extract_features, teacher_rows
from tutelage.experiment.teachers_view import teachers_view
from tutelage.probes import cross_fitted, fit_probe, probe_holdout


def test_test_rows_are_told_where_their_features_are_cached(small):
    plan, runtime = Plan.of(small), Runtime.of(small)
    teachers = extract_features(plan, runtime, look_up_evaluated=True)
    before = teachers_view(plan, teachers, runtime)
    assert before.evaluated is None
    assert "wide + narrow on the test rows is not shown" in before.notes[0]

    evaluated = evaluated_rows(plan, teachers, runtime)  # as 'tutelage probe' leaves them
    view = teachers_view(plan, extract_features(plan, runtime, look_up_evaluated=True), runtime)
    training, labels = teacher_rows(teachers, plan.training), plan.training.labels
    c = probe_holdout(training, labels, task=plan.task).c
    probe = fit_probe(training, labels, task=plan.task, c=c)
    assert torch.allclose(view.evaluated, probe.outputs(evaluated), atol=1e-5)
    assert torch.allclose(view.training, cross_fitted(training, labels, task=plan.task), atol=1e-5)
    assert view.notes == ()


def test_a_hold_out_is_cached_with_the_training_rows(small):
    config = small.replace({"data.evaluate": "holdout", "data.holdout": 0.3})
    plan, runtime = Plan.of(config), Runtime.of(config)
    view = teachers_view(plan, extract_features(plan, runtime, look_up_evaluated=True), runtime)
    assert len(view.evaluated) == len(plan.evaluated)
    assert len(view.training) == len(plan.training)


def test_outputs_that_a_method_learned_from_are_taken(small):
    plan, runtime = Plan.of(small), Runtime.of(small)
    soft = torch.randn(len(plan.training) + 3, plan.task.outputs)
    view = teachers_view(plan, extract_features(plan, runtime), runtime, soft=soft)
    assert torch.equal(view.training, soft[: len(plan.training)])


def test_large_probes_are_not_fitted(small, monkeypatch):
    monkeypatch.setattr(module, "MOST_WORK", 100)
    plan, runtime = Plan.of(small), Runtime.of(small)
    view = teachers_view(plan, extract_features(plan, runtime), runtime)
    assert (view.training, view.evaluated) == (None, None)
    assert "60 rows of 13 columns and 3 classes" in view.notes[0]


def test_nothing_is_said_without_teachers(small):
    plan = Plan.of(small)
    assert teachers_view(plan, [], Runtime.of(small)) == module.TeachersView()
