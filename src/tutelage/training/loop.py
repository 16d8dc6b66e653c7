"""The training loop, from the first batch to the last, on accelerate."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from accelerate import Accelerator
from torch import nn

from tutelage.config import ExperimentConfig, TrainConfig
from tutelage.errors import TrainingError, first_line, out_of_memory
from tutelage.inputs.workers import raising
from tutelage.objective import Objective
from tutelage.progress import Progress
from tutelage.results.run_folder import RunFolder
from tutelage.students import Student
from tutelage.tasks import Task
from tutelage.training.accelerator import unwrapped
from tutelage.training.batches import BatchSource
from tutelage.training.clock import Clock
from tutelage.training.compiled import compiled
from tutelage.training.inference import evaluate
from tutelage.training.learner import Learner
from tutelage.training.lengths import batch_sizes
from tutelage.training.log import TrainLog
from tutelage.training.optimizers import Optimizers
from tutelage.training.passes import AccumulatedPasses, Passes
from tutelage.training.recompute import RecomputedPasses, TwiceRun
from tutelage.training.samplers import PairedBatches, ShuffledBatches
from tutelage.training.state import TrainState

__all__ = ["Holdout", "OnEvaluation", "TrainingRows", "fit", "told_where_memory_lacks"]

OnEvaluation = Callable[[int, Mapping[str, float]], None]
"""Receives the step and the metrics of an evaluation; may raise to end the run."""


@dataclass(frozen=True)
class TrainingRows:
    """The training rows, their task, and the digest that checkpoints are checked against.

    Attributes:
        batches: The training rows: those with a label first, then those without.
        task: The meaning of outputs and labels.
        digest: Of settings, rows and features; a checkpoint with another one is not continued.
        content: Digests of the rows' content by split; a checkpoint with other ones is not continued,
            but for ``test``, whose rows are read after training.
    """

    batches: BatchSource
    task: Task
    digest: str
    content: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Holdout:
    """Rows to evaluate on every ``train.eval_every`` steps.

    Attributes:
        batches: The rows.
        report: Receives the metrics; unused where None.
    """

    batches: BatchSource
    report: OnEvaluation | None = None


def fit(
    student: Student,
    objective: Objective,
    rows: TrainingRows,
    *,
    config: ExperimentConfig,
    folder: RunFolder,
    holdout: Holdout | None = None,
    accelerator: Accelerator,
    progress: Progress,
    clock: Clock | None = None,
) -> None:
    """Train the student in place for exactly ``train.steps`` optimizer steps.

    Args:
        student: The model and its tap.
        objective: Task and transfer; the regularizer's parameters have a learning rate of their own
            (``transfer.lr``, else the method's) and no weight decay.
        rows: The training rows.
        config: ``train``, ``transfer.lr``, and ``seed``, which decides the order of the rows.
        folder: Receives ``metrics.jsonl`` and checkpoints; where it is resumed and has a
            checkpoint, training continues from there.
        holdout: Rows to evaluate on during training.
        accelerator: Devices, processes and precision.
        progress: Receives the steps done.
        clock: Of the run; checkpoints hold its seconds, and those of one that is continued are added.

    Raises:
        TrainingError: If the loss stops being a number, a step does not fit in memory, or the
            checkpoint is of another run.
    """
    settings, batches = config.train, rows.batches
    learner = Learner(student, objective).to(accelerator.device)
    optimizers = Optimizers.of(
        student.model, objective.regularizer, settings=settings, transfer_lr=config.transfer.lr
    )
    state = TrainState(
        learner,
        optimizers,
        settings,
        digest=rows.digest,
        rows={name: digest for name, digest in rows.content.items() if name != "test"},
        clock=clock or Clock(),
        accelerator=accelerator,
    )
    if folder.resume and folder.checkpoint.is_file():
        state.load(folder.checkpoint)
    elif folder.resume:
        progress.note(f"{folder.path} has no checkpoint; training starts at the first step")
    labelled, unlabelled = batch_sizes(
        batches.labelled, len(batches) - batches.labelled, settings=settings
    )
    counted = labelled * (settings.accumulate if config.recomputes else 1)
    log = TrainLog(folder, accelerator, counted=counted if rows.task.labels_are_classes else None)
    log.start(state.step, text=state.log if state.step else None)
    loader = batches.loader(
        _order(
            batches, labelled, unlabelled, start=state.step, config=config, accelerator=accelerator
        ),
        device=accelerator.device,
    )
    twice = TwiceRun(learner) if config.recomputes else None
    module, wrapped, loader = accelerator.prepare(twice or learner, optimizers.main, loader)
    optimizer = unwrapped(wrapped, accelerator)
    _to_training(module)
    common: dict[str, Any] = {"optimizers": optimizers, "log": log.add, "accelerator": accelerator}
    passes: Passes
    if twice is None:
        passes = AccumulatedPasses(module, objective, **common)
    else:
        passes = RecomputedPasses(module, twice, passes=settings.accumulate, **common)

    with (
        told_where_memory_lacks(settings),
        compiled(student.model, objective, backend=settings.compile),
        progress.track("train", settings.known_steps, unit="steps", done=state.step) as update,
    ):
        for batch in map(batches.completed, raising(loader)):
            if not passes.take(batch):
                continue
            if settings.clip_norm is not None:
                accelerator.clip_grad_norm_(student.model.parameters(), settings.clip_norm)
            optimizer.step()
            optimizer.zero_grad()
            state.advance()
            due = _Due.at(state.step, settings)
            if due.log:
                log.write(state.step, lr=state.lr)
                update(state.step)
            if due.evaluate and holdout is not None:
                metrics = evaluate(
                    student,
                    holdout.batches,
                    task=rows.task,
                    batch_size=settings.batch_size,
                    accelerator=accelerator,
                ).metrics
                log.line(state.step, {f"holdout_{name}": v for name, v in metrics.items()})
                if holdout.report is not None:
                    holdout.report(state.step, metrics)
                _to_training(module)
            if due.save or (due.log and not due.last and state.overdue(settings)):
                state.save(folder.checkpoint, log=log.text)


@contextmanager
def told_where_memory_lacks(settings: TrainConfig) -> Iterator[None]:
    """Turn a lack of memory in a step into one message.

    Args:
        settings: Rows of a pass.

    Raises:
        TrainingError: If memory does not suffice.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        raise TrainingError(
            f"a step of {settings.batch_size} rows does not fit in memory ({first_line(error)}); lower "
            "train.batch_size, and raise train.accumulate for the same rows a step"
        ) from error


@dataclass(frozen=True)
class _Due:
    """What is to be done after a step."""

    log: bool
    evaluate: bool
    save: bool
    last: bool

    @classmethod
    def at(cls, step: int, settings: TrainConfig) -> "_Due":
        last = step == settings.known_steps

        def every(steps: int) -> bool:
            return steps > 0 and step % steps == 0

        save = every(settings.checkpoint_every) and not last
        log = every(settings.log_every) or last or save
        return cls(log, every(settings.eval_every), save, last)


def _to_training(module: nn.Module) -> None:
    """Put a module in training mode, but for parts whose parameters are all frozen."""
    module.train()
    for part in module.modules():
        frozen = [not parameter.requires_grad for parameter in part.parameters()]
        if frozen and all(frozen):
            part.eval()


def _order(
    batches: BatchSource,
    labelled: int,
    unlabelled: int,
    *,
    start: int,
    config: ExperimentConfig,
    accelerator: Accelerator,
) -> PairedBatches | ShuffledBatches:
    """The rows of each pass, from a step on; rows without a label are shuffled on their own."""
    passes = config.train.accumulate * accelerator.num_processes
    span: dict[str, Any] = {
        "batches": config.train.known_steps * passes,
        "start": start * passes,
        "seed": config.seed,
        "total": len(batches),
    }
    if not unlabelled:
        return ShuffledBatches(range(batches.labelled), labelled, **span)
    return PairedBatches(
        ShuffledBatches(range(batches.labelled), labelled, **span),
        ShuffledBatches(
            range(batches.labelled, len(batches)), unlabelled, **span, beside=batches.labelled
        ),
    )
