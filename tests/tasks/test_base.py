"""The contract of a task: leading metric, standard error, and what cannot be measured."""

import math

import numpy as np
import pytest
import torch

from tutelage.errors import ConfigError, DataError, DivergedError
from tutelage.tasks import TASKS, MultiLabel, Regression, SingleLabel


def test_the_first_metric_leads_by_default():
    names = [TASKS[kind].metric().name for kind in ("single-label", "multi-label", "regression")]
    assert names == ["accuracy", "average_precision", "r2"]
    with pytest.raises(ConfigError, match=r"no metric 'sperman' for regression .* 'spearman'"):
        Regression.metric("sperman")
    with pytest.raises(ConfigError, match=r"there is no metric 'r2' for single-label"):
        SingleLabel.metric("r2")


@pytest.mark.parametrize("kind", TASKS)
def test_errors_are_the_spread_of_drawn_rows(kind):
    """The standard error on 400 rows, held against the spread over many such draws."""
    draw = torch.Generator().manual_seed(1)

    def drawn():
        outputs = torch.randn(400, 2, generator=draw)
        noisy = outputs + torch.randn(400, 2, generator=draw)
        labels = {
            "single-label": noisy.argmax(dim=1),
            "multi-label": (noisy > 0.5).float(),
            "regression": noisy,
        }
        return outputs, labels[kind]

    task = TASKS[kind].numbered(drawn()[0].shape[1])
    values = [task.score(*drawn()) for _ in range(60)]
    errors = [task.standard_error(*drawn()) for _ in range(8)]
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.35)


def test_rows_that_are_measured_count_for_the_error_of_a_share():
    """Of 100 rows, 80 lack a label, so that they are neither right nor wrong as a whole."""
    labels = torch.ones(100, 2)
    labels[:80, 1] = torch.nan
    outputs = torch.where(torch.arange(100)[:, None] % 2 == 0, 1.0, -1.0).expand(100, 2)
    error = MultiLabel.numbered(2, metric="subset_accuracy").standard_error(outputs, labels)
    assert error == pytest.approx(math.sqrt(0.5 * 0.5 / (20 + 4)))


def test_labels_without_variety_cannot_be_measured():
    with pytest.raises(DataError, match=r"average precision is undefined on the test rows"):
        MultiLabel.numbered(2).refuse_unmeasurable(torch.zeros(5, 2), where="the test rows")


@pytest.mark.parametrize("task", TASKS.values())
def test_outputs_that_are_not_finite_cannot_be_measured(task):
    labels = torch.tensor([0, 1]) if task.labels_are_classes else torch.tensor([[0.0], [1.0]])
    outputs = torch.tensor([[math.nan], [0.0]])
    with pytest.raises(DivergedError, match="not finite numbers"):
        task.numbered(1).scores(outputs, labels)
