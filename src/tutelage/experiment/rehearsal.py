"""Rehearsal of a training: a few steps on a few rows, timed, with the memory that they take."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from tutelage.cache import FeatureStore
from tutelage.config import TeacherConfig, TrainConfig
from tutelage.data import Split, Splits
from tutelage.experiment.parts import (
    Prepared,
    build_objective,
    build_student,
    prepare_batches,
    prepare_regularizer,
)
from tutelage.experiment.plan import Plan, TeacherPlan
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.step_memory import refuse_step_without_room, step_memory
from tutelage.experiment.teacher_features import extract_features
from tutelage.experiment.training_memory import Memory, memory_of
from tutelage.objective import Objective
from tutelage.progress import Silent
from tutelage.results.run_folder import RunFolder
from tutelage.students import Student
from tutelage.training.accelerator import accelerator_for
from tutelage.training.inference import represent
from tutelage.training.loop import TrainingRows, fit
from tutelage.training.prepared import SIDES
from tutelage.training.storage import Keep, choose_keep

__all__ = ["Rehearsal", "Times", "rehearse"]

SECONDS = 10.0
"""After so many seconds no further step is timed."""
STEPS = 20
SAMPLE = 256
"""Least number of rows that are decoded, if there are so many."""
SLOW = 5.0
"""Seconds of a step from which on a forward pass is not timed, but taken for a third of a step."""
LAUNCHER = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")


@dataclass(frozen=True)
class Times:
    """Times of a training, measured on few rows.

    Attributes:
        build: Seconds to build the student.
        step: Seconds of an optimizer step.
        decode: Seconds to decode a row once and store it; 0 where rows are decoded each time.
        forward: Seconds a row in evaluation mode.
    """

    build: float
    step: float
    decode: float
    forward: float


@dataclass(frozen=True)
class Rehearsal(Times):
    """Times and memory of a training, measured on few rows.

    Attributes:
        steps: How many were timed.
        memory: Bytes at the peak.
        device: Where it trained.
        objective: What it trained with.
        student: What it trained.
    """

    steps: int
    memory: Memory
    device: torch.device
    objective: Objective
    student: Student

    @property
    def times(self) -> Times:
        """The times alone, without the student."""
        return Times(self.build, self.step, self.decode, self.forward)


def rehearse(plan: Plan, widths: Sequence[int]) -> Rehearsal:
    """Train the plan's student for a few steps in this process, with noise for teachers' features.

    Takes about ten seconds, unless one step takes longer. The files are in a temporary folder, which is
    removed. With several processes each would do such a step; the exchange between them is not timed.

    Args:
        plan: The run.
        widths: Columns of each teacher, in the plan's order.

    Raises:
        TutelageError: What would end the training in its first steps.
    """
    start = time.perf_counter()
    student = build_student(plan)
    build = time.perf_counter() - start
    rows, asked = len(plan.looks) + len(plan.evaluated), plan.config.train.inputs
    # Chosen before the launcher is hidden: what is free is shared with the other processes.
    keep = choose_keep(asked, student.input, rows=rows, progress=Silent())
    with tempfile.TemporaryDirectory(prefix="tutelage-") as folder, _alone():
        small = _reduced(plan, widths, Path(folder), keep=keep)
        accelerator, watch = accelerator_for(small.config), _Stopwatch()
        runtime = Runtime(accelerator.device, FeatureStore(Path(folder) / "cache"), watch)
        student.model.to(accelerator.device)
        a_pass: dict[str, Any] = {"rows": plan.rows_of_a_pass, "settings": plan.config.train}
        refuse_step_without_room(student, plan.looks, **a_pass, accelerator=accelerator)
        longest = step_memory(student, plan.looks, **a_pass, accelerator=accelerator).activations
        teachers = extract_features(small, runtime)
        objective = build_objective(small, student, teachers)
        watch.decoded.clear()
        prepared = prepare_batches(small, student, teachers, runtime)
        prepare_regularizer(
            objective.regularizer,
            student,
            prepared,
            plan=small,
            teachers=teachers,
            accelerator=accelerator,
            runtime=runtime,
        )
        settings = small.config.train
        memory = memory_of(
            student, objective, prepared.training, settings=settings, accelerator=accelerator
        )
        memory = replace(memory, activations=max(memory.activations, longest))
        watch.warm = 1 if settings.compile == "none" else 2
        if accelerator.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(accelerator.device)
        with suppress(_EnoughError):
            fit(
                student,
                objective,
                TrainingRows(prepared.training, small.task, ""),
                config=small.config,
                folder=RunFolder(Path(folder)),
                accelerator=accelerator,
                progress=watch,
            )
        step, steps = watch.step()
        if accelerator.device.type == "cuda":
            memory = replace(memory, peak=torch.cuda.max_memory_allocated(accelerator.device))
        if step > SLOW:
            of_a_step = small.rows_of_a_pass * settings.accumulate
            forwards = 4 if small.config.recomputes else 3  # a backward counts for two
            forward = step / forwards / of_a_step
        else:
            forward = _forward(student, prepared, settings, accelerator)
    return Rehearsal(
        build=build,
        step=step,
        steps=steps,
        decode=watch.decode(),
        forward=forward,
        memory=memory,
        device=accelerator.device,
        objective=objective,
        student=student,
    )


class _EnoughError(Exception):
    """Enough steps were timed."""


@dataclass
class _Stopwatch(Silent):
    """Times steps and decoded rows by the progress that is reported.

    Attributes:
        warm: Steps that are not counted.
        decoded: Rows that were decoded, and the seconds for all of them, for each side of pairs.
        ends: When each step ended.
    """

    warm: int = 1
    decoded: dict[str, tuple[int, float]] = field(default_factory=dict)
    ends: list[float] = field(default_factory=list)
    start: float = 0.0

    @contextmanager
    def track(
        self, label: str, total: int, *, unit: str, done: int = 0
    ) -> Iterator[Callable[[int], None]]:
        """Note when work begins and ends."""
        self.start = time.perf_counter()
        if label == "train":
            yield self._step
            return
        yield lambda count: None
        if label.startswith("prepare "):
            side = next((end for end in SIDES.values() if label.endswith(end)), "")
            rows, seconds = self.decoded.get(side, (0, 0.0))
            self.decoded[side] = (rows + total, seconds + time.perf_counter() - self.start)

    def decode(self) -> float:
        """Return the seconds to decode a row, all its sides; 0 where none was decoded."""
        return sum(seconds / rows for rows, seconds in self.decoded.values() if rows)

    def step(self) -> tuple[float, int]:
        """Return the mean seconds of a step after the warm-up, and how many there were."""
        if len(self.ends) <= self.warm:
            return (self.ends[-1] - self.start) / len(self.ends), len(self.ends)
        counted = len(self.ends) - self.warm
        return (self.ends[-1] - self.ends[self.warm - 1]) / counted, counted

    def _step(self, count: int) -> None:
        if count <= len(self.ends):
            return
        self.ends.append(time.perf_counter())
        enough = self.warm > 1 and count <= self.warm  # compiling says nothing of a step
        if not enough and self.ends[-1] - self.start > SECONDS:
            raise _EnoughError


@contextmanager
def _alone() -> Iterator[None]:
    """Hide from accelerate that a launcher started several processes."""
    hidden = {name: os.environ.pop(name) for name in LAUNCHER if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)


def _reduced(plan: Plan, widths: Sequence[int], folder: Path, *, keep: Keep) -> Plan:
    """The same run on few rows, with teachers of noise."""
    train = plan.config.train
    most = max(SAMPLE, train.batch_size * train.accumulate)
    config = plan.config.replace(
        {
            "train.steps": STEPS,
            "train.epochs": None,
            "train.whole_epochs": False,
            "train.warmup": 0,
            "train.inputs": keep,
            "train.class_weights": None,
            "train.log_every": 1,
            "train.eval_every": 0,
            "train.checkpoint_every": 0,
            "train.tracker": "none",
            "tune.patience": (),
            "cache.engine": "local",
            "cache.dir": folder / "cache",
            "output.dir": folder,
        }
    )
    training = _some(plan.training, most)
    unlabelled = tuple(_some(split, most) for split in plan.unlabelled)
    return replace(
        plan,
        config=config,
        method=replace(plan.method, uses_soft_labels=False),
        splits=Splits(training, _some(plan.evaluated, SAMPLE), training, unlabelled),
        unlabelled=unlabelled,
        teachers=tuple(
            TeacherPlan(one.name, TeacherConfig(source=f"noise:{width}", name=one.name), one.side)
            for one, width in zip(plan.teachers, widths, strict=True)
        ),
        views=0,
        rule=None,
    )


def _some(split: Split, most: int) -> Split:
    """Rows from all over a split."""
    count = min(most, len(split))
    return split.select([number * len(split) // count for number in range(count)])


def _forward(
    student: Student, prepared: Prepared, settings: TrainConfig, accelerator: Accelerator
) -> float:
    """Seconds of a row in evaluation mode."""
    batches = prepared.evaluated
    start = time.perf_counter()
    represent(student, batches, batch_size=settings.batch_size, accelerator=accelerator)
    return (time.perf_counter() - start) / len(batches)
