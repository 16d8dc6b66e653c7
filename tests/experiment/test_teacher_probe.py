"""Probes on the teachers' features of a run's rows, against scores counted plainly."""

from dataclasses import replace

import pytest
import small_parts
import torch

from tutelage.cache.table import as_table, matrix
from tutelage.experiment.plan import Plan
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.teacher_features import extract_features, teacher_rows
from tutelage.experiment.teacher_probe import ProbedRows, probe_score, soft_labels, teacher_probe
from tutelage.probes import cross_fitted


@pytest.fixture
def opened(small):
    plan, runtime = Plan.of(small), Runtime.of(small)
    teachers = extract_features(plan, runtime)
    return plan, runtime, teachers, ProbedRows.of(plan, teachers, runtime)


def derived_files(runtime) -> set[str]:
    return {path.name for path in (runtime.cache.root / ".derived").glob("*.safetensors")}


@pytest.mark.parametrize("names", [("wide",), ("narrow",), ("narrow", "wide"), None])
def test_the_score_is_the_share_of_evaluated_rows_it_gets_right(opened, digits, names):
    plan, runtime, _, rows = opened
    probe = teacher_probe(plan, rows, runtime, names=names)
    images = small_parts.pixels(digits, "test", plan.evaluated.ids)
    chosen = names or ("wide", "narrow")
    columns = torch.cat(
        [small_parts.features(getattr(small_parts, name)(), images) for name in chosen], dim=1
    )
    fitted = probe.fitted
    outputs = (columns - fitted.mean) / fitted.scale @ fitted.weight.T + fitted.bias
    right = outputs.argmax(dim=1) == plan.evaluated.labels
    assert probe.score == pytest.approx(right.float().mean().item())
    assert probe.score > 0.5, "three classes are told apart better than by chance"


def test_columns_of_weight_0_are_not_read(opened):
    plan, runtime, _, rows = opened
    weights = torch.cat([torch.zeros(9), torch.ones(4)])
    weighted = teacher_probe(plan, rows, runtime, weights=weights).fitted
    used = weighted.weight / weighted.scale
    assert torch.equal(used[:, :9], torch.zeros(3, 9))
    assert used[:, 9:].abs().min() > 0


def test_the_score_is_cached(small, opened):
    plan, runtime, _, rows = opened
    first = probe_score(small)
    assert first == teacher_probe(plan, rows, runtime).score
    files = derived_files(runtime)
    assert len(files) == 1
    assert probe_score(small) == first
    assert derived_files(runtime) == files
    probe_score(small.replace({"data.split_seed": 7}))
    assert len(derived_files(runtime)) == 2, "another draw is another score"


def test_soft_labels_are_outputs_for_each_training_row_and_cached(opened):
    plan, runtime, teachers, _ = opened
    rows = teacher_rows(teachers, plan.training)
    logits = soft_labels(plan, teachers, rows, runtime)
    assert logits.shape == (60, 3)
    right = (logits.argmax(dim=1) == plan.training.labels).float().mean()
    assert right > 0.5
    files = derived_files(runtime)
    assert torch.equal(soft_labels(plan, teachers, rows, runtime), logits)
    assert derived_files(runtime) == files
    soft_labels(plan, teachers[:1], teacher_rows(teachers[:1], plan.training), runtime)
    assert len(derived_files(runtime)) == len(files) + 1


def test_soft_labels_of_views_are_those_of_the_rows_probe_and_keep_the_rows(small, opened):
    plan, runtime, teachers, _ = opened
    plain = soft_labels(plan, teachers, teacher_rows(teachers, plan.training), runtime)
    config = small.replace({"data.views": 2})
    viewed = Plan.of(config)
    teachers = extract_features(viewed, runtime)
    rows = teacher_rows(teachers, viewed.training, views=2)
    assert len(rows) == 180
    logits = soft_labels(viewed, teachers, rows, runtime)
    assert torch.equal(logits[:60], plain)
    features = [matrix(rows, numbers) for numbers in torch.arange(180).reshape(3, 60)]
    expected = cross_fitted(
        features[0],
        viewed.training.labels,
        task=viewed.task,
        views=[as_table(features[1]), as_table(features[2])],
    )
    assert torch.allclose(logits, expected, atol=1e-4)
    assert not torch.equal(logits[60:120], logits[120:])


def test_soft_labels_are_those_of_the_unlabelled_rows_that_are_left(opened):
    """Which of them are left out depends on the rows that are evaluated."""
    plan, runtime, teachers, probed = opened
    training = matrix(probed.training, torch.arange(60))
    found = []
    for kept in (range(12), range(12, 24)):
        left = replace(plan.evaluated.select(kept), labels=torch.full((12,), -100))
        features = torch.cat([training, matrix(probed.evaluated, torch.tensor(kept))])
        labels = soft_labels(
            replace(plan, unlabelled=(left,)), teachers, as_table(features), runtime
        )
        found.append(labels[60:])
    expected = soft_labels(plan, teachers, probed.training, runtime)
    assert torch.equal(labels[:60], expected), "probes are fitted on labelled rows alone"
    assert not torch.allclose(*found)
