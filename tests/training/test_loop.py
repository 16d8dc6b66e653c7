"""The training loop against a plain PyTorch loop, its log, and what is done after which step."""

import pytest
import torch
from small_run import BETA, CLASSES, HIDDEN, LR, Distance, batches, config, plain_run, small_student
from torch import nn

from tutelage import AFTLoss, Objective
from tutelage.errors import TrainingError
from tutelage.progress import Silent
from tutelage.regularizers.none import NoTransfer
from tutelage.results.result import read_history
from tutelage.results.run_folder import RunFolder
from tutelage.tasks import UNLABELLED, SingleLabel
from tutelage.training.accelerator import accelerator_for
from tutelage.training.learner import Learner
from tutelage.training.loop import Holdout, TrainingRows, fit

TASK = SingleLabel.numbered(CLASSES)


def trained(
    settings, path, *, transfer=False, term=None, rows=None, student=None, resume=False, **given
):
    """Train a small student; return it with its objective."""
    student, widths = student or small_student(), {"features": 4}
    term = term or (Distance(HIDDEN, widths) if transfer else NoTransfer(HIDDEN, widths))
    objective = Objective(TASK.loss(torch.arange(3)), term, beta=BETA if transfer else 0.0)
    fit(
        student,
        objective,
        TrainingRows(rows or batches(teachers=True), TASK, "digest"),
        config=settings,
        folder=RunFolder(path, resume=resume),
        accelerator=accelerator_for(settings),
        progress=Silent(),
        **given,
    )
    return student, objective


@pytest.mark.parametrize("transfer", [False, True], ids=["task alone", "with a regularizer"])
@pytest.mark.parametrize(
    "options",
    [{}, {"accumulate": 3}, {"clip_norm": 0.05}, {"accumulate": 2, "clip_norm": 0.05}],
    ids=["plain", "accumulated", "clipped", "accumulated and clipped"],
)
def test_parameters_are_those_of_a_plain_loop(tmp_path, transfer, options):
    student, objective = trained(config(**options), tmp_path, transfer=transfer)
    expected = plain_run(7, 6, beta=BETA if transfer else 0.0, **options)
    reference = expected.model.state_dict()
    for name, value in student.model.state_dict().items():
        assert torch.allclose(value, reference[name], rtol=1e-4, atol=1e-6), name
    start = small_student().model.state_dict()
    assert not torch.allclose(start["1.weight"], reference["1.weight"], atol=1e-4)
    if transfer:
        assert torch.allclose(objective.regularizer.map, expected.map, rtol=1e-4, atol=1e-6)
        assert not torch.allclose(expected.map, torch.full_like(expected.map, 0.1), atol=1e-3)


def test_clipping_changes_the_reference():
    free, clipped = plain_run(3, 6), plain_run(3, 6, clip_norm=0.05)
    assert not torch.allclose(free.model[1].weight, clipped.model[1].weight, atol=1e-4)


def test_a_log_line_is_the_mean_of_the_passes_since_the_last(tmp_path):
    settings = config(steps=5, log_every=2, accumulate=2, schedule="constant")
    trained(settings, tmp_path, transfer=True)
    passes = plain_run(5, 6, beta=BETA, accumulate=2, constant=True).passes
    lines = read_history(tmp_path)
    assert [line["step"] for line in lines] == [2, 4, 5], "the last step is always logged"
    for line, covered in zip(lines, (passes[:4], passes[4:8], passes[8:]), strict=True):
        task, transfer, right = (sum(p[part] for p in covered) / len(covered) for part in range(3))
        assert line["task"] == pytest.approx(task, rel=1e-4)
        assert line["transfer"] == pytest.approx(transfer, rel=1e-4)
        assert line["total"] == pytest.approx(task + BETA * transfer, rel=1e-4)
        assert line["accuracy"] == pytest.approx(right)
        assert line["lr"] == LR


@pytest.mark.parametrize(
    ("settings", "evaluated"),
    [({"eval_every": 3}, [3, 6]), ({"eval_every": 7}, [7]), ({}, [])],
)
def test_evaluations_are_due_every_so_many_steps(tmp_path, settings, evaluated):
    reports = []
    holdout = Holdout(
        batches(name="holdout"), lambda step, metrics: reports.append((step, metrics))
    )
    trained(config(**settings), tmp_path, holdout=holdout)
    assert [step for step, _ in reports] == evaluated
    written = [line for line in read_history(tmp_path) if "holdout_accuracy" in line]
    assert [(line["step"], line["holdout_loss"]) for line in written] == [
        (step, metrics["loss"]) for step, metrics in reports
    ]


def test_evaluations_do_not_change_the_training(tmp_path):
    quiet, _ = trained(config(), tmp_path)
    watched, _ = trained(config(eval_every=1), tmp_path, holdout=Holdout(batches()))
    for left, right in zip(
        quiet.model.state_dict().values(), watched.model.state_dict().values(), strict=True
    ):
        assert torch.equal(left, right)


class EndedError(Exception):
    """Raised by a report to end a run."""


@pytest.mark.parametrize("memory", [False, True], ids=["", "with a memory"])
def test_a_run_that_ended_is_continued_to_the_same_parameters(tmp_path, memory):
    def term():
        return AFTLoss(HIDDEN, {"features": 4}, memory=15) if memory else None

    whole, _ = trained(config(), tmp_path, transfer=True, term=term())
    settings = config(checkpoint_every=2, eval_every=5)

    def end(step, metrics):
        raise EndedError

    with pytest.raises(EndedError):
        trained(settings, tmp_path, transfer=True, term=term(), holdout=Holdout(batches(), end))
    assert RunFolder(tmp_path).checkpoint.is_file()
    continued, _ = trained(settings, tmp_path, transfer=True, term=term(), resume=True)
    for left, right in zip(
        whole.model.state_dict().values(), continued.model.state_dict().values(), strict=True
    ):
        assert torch.equal(left, right)
    assert [line["step"] for line in read_history(tmp_path)] == [2, 4, 6, 7]


def test_a_checkpoint_of_other_settings_is_refused(tmp_path):
    settings = config(checkpoint_every=2)
    trained(settings, tmp_path)
    student = small_student()
    objective = Objective(nn.CrossEntropyLoss(), NoTransfer(HIDDEN, [4]), beta=0.0)
    with pytest.raises(TrainingError, match="written under other settings"):
        fit(
            student,
            objective,
            TrainingRows(batches(), TASK, "another digest"),
            config=settings,
            folder=RunFolder(tmp_path, resume=True),
            accelerator=accelerator_for(settings),
            progress=Silent(),
        )


def test_no_checkpoint_is_written_at_the_last_step(tmp_path):
    trained(config(steps=4, checkpoint_every=4), tmp_path)
    assert not RunFolder(tmp_path).checkpoint.exists()


def test_parts_that_are_frozen_stay_in_evaluation_mode(tmp_path):
    student = small_student()
    for part in student.model[:3]:
        part.requires_grad_(False)
    before = {name: value.clone() for name, value in student.model.state_dict().items()}
    trained(config(), tmp_path, student=student)
    after = student.model.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"4.weight", "4.bias"}, "neither frozen weights nor running means move"


def test_unlabelled_rows_count_in_the_transfer_term_alone():
    labels = torch.tensor([2, 0, UNLABELLED, UNLABELLED])
    source = batches(torch.cat([labels[:2], labels.new_full((18,), UNLABELLED)]), teachers=True)
    batch = next(iter(source.in_order(4)))
    student = small_student()
    objective = Objective(TASK.loss(labels[:2]), Distance(HIDDEN, {"features": 4}), beta=BETA)
    terms, right, features = Learner(student, objective)(batch)
    outputs = student.model[4](features)
    expected = nn.functional.cross_entropy(outputs[:2], labels[:2])
    assert terms.task.item() == pytest.approx(expected.item(), rel=1e-5)
    distance = (features @ objective.regularizer.map - batch.teacher["features"]).square().mean()
    assert terms.transfer.item() == pytest.approx(distance.item(), rel=1e-5)
    assert right == (outputs[:2].argmax(dim=1) == labels[:2]).sum()


def test_a_step_that_does_not_fit_is_told(tmp_path):
    student = small_student()
    student.model.register_forward_hook(lambda *given: torch.empty(10**15))
    with pytest.raises(
        TrainingError, match=r"a step of \d+ rows does not fit .*; lower train.batch"
    ):
        trained(config(), tmp_path, student=student)
