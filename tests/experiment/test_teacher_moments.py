"""Moments of the training rows alone, against NumPy."""

import numpy as np
import torch

from tutelage.experiment.parts import build_objective, build_student
from tutelage.experiment.plan import Plan
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.teacher_features import extract_features
from tutelage.experiment.teacher_moments import TeacherMoments


def test_rows_held_out_do_not_count(small):
    plan = Plan.of(small.replace({"data.evaluate": "holdout", "data.folds": 3}))
    teachers = extract_features(plan, Runtime.of(plan.config))
    moments, training = TeacherMoments.of(plan, teachers), set(plan.training.ids)
    assert len(training) == 40
    for teacher in teachers:
        numbers = [n for n, name in enumerate(teacher.features.ids) if name in training]
        rows = teacher.features.gather(torch.tensor(numbers)).double().numpy()
        np.testing.assert_allclose(moments.mean[teacher.name], rows.mean(axis=0), rtol=1e-9)
        np.testing.assert_allclose(moments.std[teacher.name], rows.std(axis=0), rtol=1e-9)
    standardized = build_objective(plan, build_student(plan), teachers).regularizer
    means = torch.cat([moments.mean[teacher.name] for teacher in teachers])
    assert torch.equal(standardized.mean, means.float())


def test_moments_of_all_cached_rows_are_the_cache_s(small):
    plan = Plan.of(small)
    teachers = extract_features(plan, Runtime.of(plan.config))
    moments = TeacherMoments.of(plan, teachers)
    assert all(moments.mean[one.name] is one.features.mean for one in teachers)
    assert all(moments.std[one.name] is one.features.std for one in teachers)
