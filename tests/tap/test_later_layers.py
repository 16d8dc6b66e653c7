"""Heads that a model does not register last."""

import copy
import warnings

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tutelage import FeatureTap


class HeadFirst(nn.Module):
    """Registers its head before its body."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.body = nn.Linear(3, 2), nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 3))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.body(inputs))


def steps(model: nn.Module, tap: FeatureTap, run) -> None:
    for _ in range(3):
        outputs = run(model, torch.ones(2, 4))
        (tap.take().sum() + outputs.sum()).backward()


def plain(model: nn.Module, inputs: Tensor) -> Tensor:
    return model(inputs)


def test_a_head_that_runs_after_the_layer_that_is_read_is_told_once():
    model = HeadFirst()
    tap = FeatureTap(model)
    with pytest.warns(
        UserWarning, match=r"'body\.1', .* 'head' ran after it; .* 'head'\)"
    ) as given:
        steps(model, tap, plain)
    assert len(given) == 1
    steps(model, FeatureTap(model, "body.1"), plain)  # a path that is given is meant


@pytest.mark.parametrize(
    "run", [plain, lambda model, inputs: checkpoint(model, inputs, use_reentrant=False)]
)
def test_layers_of_a_next_forward_do_not_run_after_it(run):
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    tap = FeatureTap(model)
    with torch.no_grad():
        model.eval()(torch.ones(2, 4))
        model(torch.ones(2, 4))
    steps(model.train(), tap, run)
    assert sum(len(module._forward_pre_hooks) for module in model.modules()) == 1  # the tap's own
    copied = copy.deepcopy(model)
    steps(copied, FeatureTap(copied), run)


def test_a_copy_is_not_watched_for_the_model():
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    tap = FeatureTap(model)
    copied = copy.deepcopy(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        copied(torch.ones(2, 4))
        steps(model, tap, plain)
