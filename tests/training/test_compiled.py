"""Compilation for the time of training: same parameters, no recompiles, and nothing left behind."""

import json
import os
import subprocess
import sys
import warnings
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from tutelage.training.compiled import compiled

PROGRAM = """
import json, sys, tempfile
from pathlib import Path
import torch
from torch._dynamo.utils import counters
from small_run import BETA, HIDDEN, batches, config, small_student
from tutelage import AFTLoss, Objective
from tutelage.progress import Silent
from tutelage.results.run_folder import RunFolder
from tutelage.tasks import SingleLabel
from tutelage.training.accelerator import accelerator_for
from tutelage.training.loop import Holdout, TrainingRows, fit

def graphs():
    return counters["stats"]["unique_graphs"]

task, weights, counts = SingleLabel.numbered(3), [], []
for backend in ("none", "aot_eager"):
    torch.manual_seed(0)
    settings, student = config(compile=backend, eval_every=1), small_student()
    term = AFTLoss(HIDDEN, {"features": 4})
    with tempfile.TemporaryDirectory() as folder:
        fit(
            student,
            Objective(task.loss(torch.arange(3)), term, beta=BETA),
            TrainingRows(batches(teachers=True), task, "digest"),
            config=settings,
            folder=RunFolder(Path(folder)),
            holdout=Holdout(batches(), lambda step, metrics: counts.append(graphs())),
            accelerator=accelerator_for(settings),
            progress=Silent(),
        )
    weights.append([*student.model.state_dict().values(), term.weights.scores.detach()])
same = all(torch.allclose(a.float(), b.float()) for a, b in zip(*weights, strict=True))
before = graphs()
student.model(torch.ones(5, 3, 4, 4))
print(json.dumps({
    "same": same,
    "graphs": counts,
    "after": graphs() - before,
    "breaks": sum(counters["graph_break"].values()),
}))
"""


@pytest.mark.slow  # in a process of its own: checks of annotations cannot be traced
def test_a_compiled_run_gives_the_same_parameters_and_is_compiled_once():
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    said = json.loads(ended.stdout)
    plain, counted = said["graphs"][:7], said["graphs"][7:]
    assert said["same"]
    assert plain == [0] * 7, "the first run compiles nothing"
    assert counted[1] > 0
    assert counted[-1] == counted[1], "no step after the second compiles"
    assert said["breaks"] == 0
    assert said["after"] == 0, "after training the model runs as it is"


def test_modules_are_compiled_until_the_context_ends_also_by_an_error():
    model = nn.Linear(2, 2)
    with compiled(model, backend="eager"):
        assert model._compiled_call_impl is not None
    assert model._compiled_call_impl is None
    with pytest.raises(KeyError), compiled(model, backend="eager"):
        raise KeyError
    assert model._compiled_call_impl is None
    assert model(torch.ones(1, 2)).shape == (1, 2)
    with compiled(model, backend="none"):
        assert model._compiled_call_impl is None


def test_the_compiler_does_not_warn_of_its_own_code():
    """Warnings are errors here."""
    warn = partial(warnings.warn_explicit, "old", FutureWarning, "lowering.py", 1)
    with compiled(nn.Linear(2, 2), backend="eager"):
        warn(module="torch._inductor.lowering")
        with pytest.raises(FutureWarning):
            warn(module="somebody.student")
    with pytest.raises(FutureWarning):
        warn(module="torch._inductor.lowering")
