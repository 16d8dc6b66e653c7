"""Recomputed passes against one pass over all their rows, and against one graph over all passes."""

import pytest
import torch
from several_processes import (
    CASES,
    Seen,
    Small,
    batch,
    copied,
    cut,
    merged,
    same,
    train,
    whole_learner,
)
from small_run import BETA, CLASSES, HIDDEN, Distance, batches, config, small_student
from torch import nn

from tutelage import AFTLoss, Objective
from tutelage.config import ExperimentConfig, TrainConfig
from tutelage.errors import ConfigError, TrainingError
from tutelage.progress import Silent
from tutelage.results.result import read_history
from tutelage.results.run_folder import RunFolder
from tutelage.tasks import SingleLabel
from tutelage.training.accelerator import accelerator_for
from tutelage.training.learner import Learner
from tutelage.training.loop import Holdout, TrainingRows, fit
from tutelage.training.optimizers import Optimizers
from tutelage.training.recompute import RecomputedPasses, TwiceRun

ALL = slice(0, None)
TASK = SingleLabel.numbered(CLASSES)


@pytest.mark.parametrize("name", CASES)
def test_losses_gradients_and_weights_are_those_of_one_batch_with_all_rows(name):
    whole = whole_learner(name)
    own = copied(whole)
    found = train(
        own, ALL, passes=3, several=False, accelerator=accelerator_for(config()), way="recomputed"
    )
    same(
        found,
        train(
            whole, ALL, passes=3, several=False, accelerator=accelerator_for(config()), way="merged"
        ),
        name,
    )


def test_accumulated_passes_train_something_else():
    whole = whole_learner("aft")
    own = copied(whole)
    accumulated = train(own, ALL, passes=3, several=False, accelerator=accelerator_for(config()))
    one = train(
        whole, ALL, passes=3, several=False, accelerator=accelerator_for(config()), way="merged"
    )
    assert abs(sum(accumulated[1:6:2]) / 3 - one[1]) > 1e-3, "the first step's terms"


def recomputed(learner: Learner, passes: int, *, precision: str = "no") -> RecomputedPasses:
    optimizers = Optimizers.of(
        learner.model,
        learner.objective.regularizer,
        settings=TrainConfig(steps=1, optimizer="sgd"),
        transfer_lr=0.1,
    )
    twice = TwiceRun(learner)
    return RecomputedPasses(
        twice,
        twice,
        passes=passes,
        optimizers=optimizers,
        log=Seen().add,
        accelerator=accelerator_for(config(mixed_precision=precision)),
    )


def test_gradients_of_bilevel_methods_are_not_taken_in_half_precision():
    """The student itself runs in float32 here, so that nothing else is rounded."""
    found = []
    for precision in ("no", "bf16"):
        torch.manual_seed(0)
        term = AFTLoss(6, {"dino": 6, "clip": 3}, inner_steps=2)
        learner = Learner(Small(), Objective(nn.CrossEntropyLoss(), term, beta=3.0))
        (weights,) = term.parameters()
        start, given = weights.detach().clone(), cut(batch(0, 0), ALL, soft=False)
        given = given._replace(
            inputs={"x": given.inputs["x"].float()},
            teacher={name: value.float() for name, value in given.teacher.items()},
        )
        given.labels[given.labels < 0] = 0
        recomputed(learner, 1, precision=precision).take(given)
        found.append(weights.detach() - start)
    assert found[0].abs().max() > 1e-6, "they moved"
    assert torch.equal(*found)


def test_dropout_and_batch_norm_are_those_of_one_graph_over_all_passes():
    learners = []
    for _ in range(2):
        torch.manual_seed(0)
        student = Small(dropout=0.5)
        student.model[1] = nn.Sequential(nn.BatchNorm1d(6), nn.Tanh())
        term = AFTLoss(6, {"dino": 6, "clip": 3})
        learners.append(Learner(student, Objective(nn.CrossEntropyLoss(), term, beta=3.0)))
    parts = [cut(batch(0, part), ALL, soft=False) for part in range(3)]
    own, reference = (learner.double() for learner in learners)
    torch.manual_seed(5)
    passes = recomputed(own, 3)
    assert [passes.take(part) for part in parts] == [False, False, True]
    drawn = torch.rand(())
    torch.manual_seed(5)
    readings = [reference.read(part) for part in parts]
    rows = merged(parts)
    outputs, features = (torch.cat(some) for some in zip(*readings, strict=True))
    reference.objective(outputs, rows.labels, features, rows.teacher).total.backward()
    assert torch.rand(()) == drawn, "what is drawn afterwards is the same, too"
    for one, other in zip(own.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-6, atol=1e-9)
    for one, other in zip(own.buffers(), reference.buffers(), strict=True):
        torch.testing.assert_close(one, other)
    assert own.model[1][0].num_batches_tracked == 3


def test_a_student_that_cannot_be_repeated_is_refused():
    learner = whole_learner("aft")
    own = torch.Generator()
    learner.model[2].register_forward_hook(
        lambda layer, args, output: output * torch.rand(output.shape, generator=own)
    )
    with pytest.raises(TrainingError, match=r"differs from the first by .*'global'"):
        recomputed(learner, 1).take(cut(batch(0, 0), ALL, soft=False))


def settings(**train: object) -> ExperimentConfig:
    return config(**train).replace({"transfer.batch": "step"})


def fitted(given: ExperimentConfig, path, *, normed: bool = False, resume: bool = False, **more):
    """Train a small student by the loop; return all its weights, and those of the method."""
    student = small_student()
    if not normed:
        student.model[2] = nn.Identity()
    objective = Objective(
        TASK.loss(torch.arange(3)), Distance(HIDDEN, {"features": 4}), beta=BETA, batch="global"
    )
    path.mkdir(exist_ok=True)
    fit(
        student,
        objective,
        TrainingRows(batches(teachers=True), TASK, "digest"),
        config=given,
        folder=RunFolder(path, resume=resume),
        accelerator=accelerator_for(given),
        progress=Silent(),
        **more,
    )
    return [*student.model.state_dict().values(), objective.regularizer.map.detach()]


@pytest.mark.parametrize(
    "more", [{}, {"clip_norm": 0.05}, {"mixed_precision": "bf16"}], ids=["", "clipped", "bf16"]
)
def test_the_loop_trains_as_with_a_larger_batch(tmp_path, more):
    tolerance = 2e-2 if more.get("mixed_precision") else 1e-5
    found = fitted(settings(accumulate=3, log_every=1, **more), tmp_path / "own")
    expected = fitted(config(batch_size=18, log_every=1, **more), tmp_path / "whole")
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)
    lines = zip(read_history(tmp_path / "own"), read_history(tmp_path / "whole"), strict=True)
    for one, other in lines:
        assert one == pytest.approx(other, rel=tolerance)


class EndedError(Exception):
    """Raised by a report to end a run."""


def test_a_run_that_ended_is_continued_to_the_same_parameters(tmp_path):
    given = settings(accumulate=2, checkpoint_every=2, eval_every=5)
    whole = fitted(given, tmp_path / "whole", normed=True, holdout=Holdout(batches()))

    def end(step, metrics):
        raise EndedError

    with pytest.raises(EndedError):
        fitted(given, tmp_path / "own", normed=True, holdout=Holdout(batches(), end))
    own = fitted(given, tmp_path / "own", normed=True, resume=True, holdout=Holdout(batches()))
    assert all(torch.equal(one, other) for one, other in zip(own, whole, strict=True))


def test_inductor_which_draws_other_numbers_the_second_time_is_refused():
    with pytest.raises(ConfigError, match="'step' runs the student twice"):
        settings(accumulate=2).replace({"train.compile": "inductor"})
    assert settings(compile="inductor").train.accumulate == 1, "one pass is not recomputed"
