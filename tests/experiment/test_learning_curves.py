"""Learning curves of a real student's and of real teachers' features, on the folds of runs."""

import shutil

import pytest
import torch

from tutelage.experiment.learning_curves import learning_curves
from tutelage.experiment.plan import Plan
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.teacher_features import extract_features, teacher_rows
from tutelage.probes import learning_curve


def test_the_student_and_the_teachers_over_the_folds_of_runs(small):
    config = small.replace({"student.head": "probe"})
    own, teachers = learning_curves(config, folds=4)
    assert (own.of, teachers.of) == ("student", "teachers")
    for curve in (own, teachers):
        assert [round(point.rows) for point in curve.points] == [12, 24, 45]
        assert all(len(point.scores) == 4 for point in curve.points)
        assert curve.points[-1].score.mean > 0.6  # of three digits
    assert own != teachers.model_copy(update={"of": "student"})

    held_out = config.replace({"data.evaluate": "holdout", "data.folds": 4})
    plans = [Plan.of(held_out.replace({"data.fold": fold})) for fold in range(4)]
    rows = plans[0].splits.extracted
    features = teacher_rows(extract_features(plans[0], Runtime.of(held_out)), rows)
    folds = [
        torch.tensor([rows.ids.index(row_id) for row_id in plan.evaluated.ids]) for plan in plans
    ]
    expected = learning_curve(features, rows.labels, folds=folds, task=plans[0].task)
    assert [one.scores for one in teachers.points] == [one.scores for one in expected]


def test_a_student_of_unknown_weights_has_no_curve(small):
    assert [curve.of for curve in learning_curves(small, folds=2)] == ["teachers"]


def test_test_rows_are_not_read(small, digits, tmp_path):
    shutil.copytree(digits / "train", tmp_path / "digits" / "train")
    for image in (digits / "test").rglob("*.jpg"):
        damaged = tmp_path / "digits" / "test" / image.relative_to(digits / "test")
        damaged.parent.mkdir(parents=True, exist_ok=True)
        damaged.write_bytes(b"not an image")
    config = small.replace({"data.source": f"folder:{tmp_path / 'digits'}"})
    before = learning_curves(small, folds=2)
    assert [c.points for c in learning_curves(config, folds=2)] == [c.points for c in before]


@pytest.mark.parametrize("folds", [2, 3])
def test_curves_repeat(small, folds):
    assert learning_curves(small, folds=folds) == learning_curves(small, folds=folds)
