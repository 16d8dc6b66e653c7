"""The training loop, from the first batch to the last, on accelerate."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from tutelage.config import TrainConfig
from tutelage.errors import DivergedError, TrainingError
from tutelage.inputs.workers import raising
from tutelage.objective import Objective, Terms
from tutelage.progress import Progress
from tutelage.results.result import read_history
from tutelage.students import Student
from tutelage.tasks.base import Task, right_rows
from tutelage.training.batches import Batch, Batches, Endless, Together
from tutelage.training.lengths import batch_sizes
from tutelage.training.metrics import evaluate
from tutelage.training.state import load_checkpoint, random_states, save_checkpoint

__all__ = ["Learner", "fit", "learning_rate"]


class Learner(nn.Module):
    """A student and its objective as one module, so that devices and processes see one thing."""

    def __init__(self, student: Student, objective: Objective) -> None:
        super().__init__()
        self.model = student.model
        self.objective = objective
        self.student = student

    def forward(self, batch: Batch) -> tuple[Terms, Tensor, Tensor]:
        """Return the terms of the loss, how many rows were right, and the student's features."""
        outputs = self.student.outputs(batch.inputs)
        features = self.student.tap.take()
        terms = self.objective(outputs, batch.labels, features, batch.teacher, soft=batch.soft)
        return terms, right_rows(outputs, batch.labels), features


@dataclass(frozen=True)
class Folder:
    """Where a run keeps what it can go on from."""

    path: Path

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint.safetensors"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"


def fit(
    student: Student,
    objective: Objective,
    batches: Batches,
    *,
    task: Task,
    settings: TrainConfig,
    transfer_lr: float,
    seed: int,
    folder: Path,
    identity: str,
    resume: bool = False,
    holdout: Batches | None = None,
    on_evaluation: Callable[[int, Mapping[str, float]], None] | None = None,
    accelerator: Accelerator,
    progress: Progress,
) -> None:
    """Train the student in place for exactly ``settings.steps`` optimizer steps.

    Args:
        student: The model, its tap, and how it is called.
        objective: Task and transfer; the regularizer's parameters have a learning rate of their own
            and no weight decay.
        batches: The training rows: those with a label first, then those without.
        task: What outputs and labels mean.
        settings: How to train.
        transfer_lr: Learning rate of the regularizer's parameters.
        seed: Decides the order of the rows.
        folder: Receives ``metrics.jsonl`` and checkpoints.
        identity: What must be equal for a checkpoint to be continued.
        resume: Go on from the last checkpoint, if there is one.
        holdout: Rows to evaluate on every ``settings.eval_every`` steps.
        on_evaluation: Is told the step and the metrics of each such evaluation.
        accelerator: Devices, processes and precision.
        progress: Is told the steps done.

    Raises:
        TrainingError: If the loss stops being a number, or the checkpoint is of another run.
    """
    place = Folder(folder)
    learner = Learner(student, objective)
    optimizer, inner = _optimizers(learner, settings, transfer_lr=transfer_lr)
    schedule = LambdaLR(optimizer, learning_rate(settings))
    without = len(batches) - batches.labelled
    labelled, unlabelled = batch_sizes(batches.labelled, without, settings=settings)

    optimizers = {"main": optimizer} | ({} if inner is None else {"inner": inner})
    learner.to(accelerator.device)
    start = 0
    if resume and place.checkpoint.is_file():
        numbers = _restore(place, learner, optimizers, identity=identity)
        if accelerator.is_main_process:
            _cut_log(place, step=numbers["step"])
        start = int(numbers["step"])
        schedule.last_epoch = start
        if accelerator.scaler is not None:
            accelerator.scaler.load_state_dict(numbers["scaler"])
    elif accelerator.is_main_process:
        place.metrics.write_text("")
    passes = settings.accumulate * accelerator.num_processes
    loader = batches.loader(
        _order(
            batches,
            labelled,
            unlabelled,
            passes=settings.steps * passes,
            start=start * passes,
            seed=seed,
        ),
        workers=settings.workers if settings.inputs == "none" or settings.augment != "none" else 0,
    )
    module, prepared, loader = accelerator.prepare(learner, optimizer, loader)
    _to_training(module)

    classes = task.kind == "single-label"
    log = _Log(place.metrics, accelerator, rows=labelled if classes else None)
    step = start
    with progress.track("train", settings.steps, unit="steps", done=start) as update:
        for batch in raising(loader):
            with accelerator.accumulate(module):
                terms, right, features = module(batch)
                if inner is not None and accelerator.sync_gradients:
                    _inner_updates(
                        objective.regularizer, inner, features, batch.teacher, accelerator
                    )
                    terms = objective.combined(
                        terms.task, objective.regularizer(features, batch.teacher)
                    )
                accelerator.backward(terms.total)
                log.add(terms, right)
                if accelerator.sync_gradients and settings.clip_norm is not None:
                    accelerator.clip_grad_norm_(student.model.parameters(), settings.clip_norm)
                prepared.step()
                prepared.zero_grad()
            if not accelerator.sync_gradients:
                continue
            schedule.step()
            step += 1
            last = step == settings.steps
            saves = settings.checkpoint_every and step % settings.checkpoint_every == 0 and not last
            if step % settings.log_every == 0 or last or saves:
                log.write(step, lr=float(schedule.get_last_lr()[0]))
                update(step)
            if holdout is not None and settings.eval_every and step % settings.eval_every == 0:
                metrics = evaluate(
                    student,
                    holdout,
                    task=task,
                    batch_size=settings.batch_size,
                    accelerator=accelerator,
                )
                log.line(step, {f"holdout_{name}": value for name, value in metrics.items()})
                if on_evaluation is not None:
                    on_evaluation(step, metrics)
                _to_training(module)
            if saves:
                states = random_states()  # of all processes, so each must ask
                numbers = {"step": step, "identity": identity, "scaler": _scaler_state(accelerator)}
                if accelerator.is_main_process:
                    save_checkpoint(
                        place.checkpoint,
                        learner,
                        optimizers=optimizers,
                        numbers=numbers,
                        random=states,
                    )


def learning_rate(settings: TrainConfig) -> Callable[[int], float]:
    """Return the share of the learning rate at each step: linear warm-up, then half a cosine to 0.

    Example:
        >>> share = learning_rate(TrainConfig(steps=100, warmup=10))
        >>> [round(share(step), 2) for step in (0, 9, 10, 55, 100)]
        [0.1, 1.0, 1.0, 0.5, 0.0]
    """

    def share(step: int) -> float:
        if step < settings.warmup:
            return (step + 1) / settings.warmup
        if settings.schedule == "constant":
            return 1.0
        done = (step - settings.warmup) / (settings.steps - settings.warmup)
        return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))

    return share


def _to_training(module: nn.Module) -> None:
    """Put a module in training mode, but for parts whose parameters are all held."""
    module.train()
    for part in module.modules():
        held = [not parameter.requires_grad for parameter in part.parameters()]
        if held and all(held):
            part.eval()


def _order(
    batches: Batches, labelled: int, unlabelled: int, *, passes: int, start: int, seed: int
) -> Endless | Together:
    """Which rows each pass sees; those without a label are shuffled on their own."""
    first = Endless(batches.labelled, labelled, batches=passes, start=start, seed=seed)
    if not unlabelled:
        return first
    without = len(batches) - batches.labelled
    return Together(first, Endless(without, unlabelled, batches=passes, start=start, seed=seed))


def _optimizers(
    learner: Learner, settings: TrainConfig, *, transfer_lr: float
) -> tuple[Optimizer, Optimizer | None]:
    """The optimizer of a step, and where weights are updated on their own, the one for that."""
    own = list(learner.objective.regularizer.parameters())
    trained = [p for p in learner.model.parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": trained, "lr": settings.lr, "weight_decay": settings.weight_decay}
    ]
    bilevel = own and getattr(learner.objective.regularizer, "inner_steps", 0) > 0
    if own and not bilevel:
        groups.append({"params": own, "lr": transfer_lr, "weight_decay": 0.0})
    optimizer: Optimizer
    match settings.optimizer:
        case "adam":
            optimizer = Adam(groups, fused=True)
        case "adamw":
            optimizer = AdamW(groups, fused=True)
        case "sgd":
            optimizer = SGD(groups, lr=settings.lr, momentum=settings.momentum)
    return optimizer, Adam(own, lr=transfer_lr) if bilevel else None


def _inner_updates(
    regularizer: nn.Module,
    optimizer: Optimizer,
    features: Tensor,
    teacher: Mapping[str, Tensor],
    accelerator: Accelerator,
) -> None:
    """Update the regularizer's own parameters alone, the student's features held."""
    parameters = list(regularizer.parameters())
    for _ in range(int(regularizer.inner_steps)):  # type: ignore[arg-type]
        value = regularizer(features.detach(), teacher)
        for parameter, gradient in zip(
            parameters, torch.autograd.grad(value, parameters), strict=True
        ):
            parameter.grad = accelerator.reduce(gradient, "mean")
        optimizer.step()
    optimizer.zero_grad()


def _restore(
    place: Folder, learner: Learner, optimizers: Mapping[str, Optimizer], *, identity: str
) -> dict[str, Any]:
    """Restore the last checkpoint."""
    numbers = load_checkpoint(place.checkpoint, learner, optimizers=optimizers)
    if numbers["identity"] != identity:
        raise TrainingError(
            f"{place.checkpoint} was written under other settings than these; continue with the "
            f"settings in {place.path / 'config.toml'}, or choose another output.dir"
        )
    return numbers


def _cut_log(place: Folder, *, step: int) -> None:
    """Cut the log back to the checkpoint."""
    kept = [row for row in read_history(place.path) if row["step"] <= step]
    place.metrics.write_text("".join(json.dumps(row) + "\n" for row in kept))


def _scaler_state(accelerator: Accelerator) -> dict[str, Any]:
    return {} if accelerator.scaler is None else dict(accelerator.scaler.state_dict())


class _Log:
    """Means since the last line; read from the device once a line, not once a step.

    Args:
        path: The file.
        accelerator: Devices and processes.
        rows: Of a pass, of which some are right; None where a row is not right or wrong.
    """

    def __init__(self, path: Path, accelerator: Accelerator, *, rows: int | None) -> None:
        self.path = path
        self.accelerator = accelerator
        self.rows = rows
        self.passes = 0
        self.sums = torch.zeros(4, device=accelerator.device)

    def add(self, terms: Terms, right: Tensor) -> None:
        """Count one pass, without waiting for the device."""
        parts = [terms.task.detach(), terms.transfer.detach(), terms.total.detach(), right]
        self.sums += torch.stack([part.float() for part in parts])
        self.passes += 1

    def write(self, step: int, *, lr: float) -> None:
        """Write the means of all passes since the last line."""
        sums = self.accelerator.reduce(self.sums.clone(), "sum")
        passes = self.passes * self.accelerator.num_processes
        task, transfer, total, right = (sums / passes).tolist()
        self.sums.zero_()
        self.passes = 0
        if not math.isfinite(total):
            raise DivergedError(
                f"the loss is {total} at step {step} (task {task}, transfer {transfer}); "
                "lower train.lr or transfer.beta, or set train.clip_norm = 1.0"
            )
        values = {"task": task, "transfer": transfer, "total": total, "lr": lr}
        self.line(step, values | ({"accuracy": right / self.rows} if self.rows else {}))

    def line(self, step: int, values: Mapping[str, float]) -> None:
        """Write one line, here and to the tracker."""
        if self.accelerator.is_main_process:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": step, **values}) + "\n")
        self.accelerator.log(dict(values), step=step)
