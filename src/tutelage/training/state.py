"""The state of a training run: what a checkpoint holds, saved and restored as one."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from tutelage.config import TrainConfig
from tutelage.errors import TrainingError
from tutelage.results.result import differing_rows
from tutelage.results.shell import command_line, started_by
from tutelage.training.checkpoint import load_checkpoint, random_states, save_checkpoint
from tutelage.training.clock import Clock
from tutelage.training.optimizers import Optimizers, learning_rate

__all__ = ["TrainState"]

PATIENCE = 120.0
"""Seconds after which a checkpoint is due, however few steps were taken."""


class TrainState:
    """Weights, optimizers, schedule, gradient scaler and random states after ``step`` steps.

    Args:
        learner: The student and its objective.
        optimizers: Their optimizers.
        settings: Decides the learning rate of each step.
        digest: Equal for runs that may continue each other's checkpoints.
        rows: Digests of the rows' content by split, which must be equal, too.
        clock: Of the run; the seconds of a checkpoint that is restored are added.
        accelerator: Processes and precision.

    Attributes:
        step: Optimizer steps done.
        log: Lines of the training log at the checkpoint that was restored; None where it has none.
    """

    def __init__(
        self,
        learner: nn.Module,
        optimizers: Optimizers,
        settings: TrainConfig,
        *,
        digest: str,
        rows: Mapping[str, str],
        clock: Clock,
        accelerator: Accelerator,
    ) -> None:
        self.step = 0
        self.log: str | None = None
        self._learner = learner
        self._optimizers = optimizers
        share = learning_rate(settings)
        self._schedules = [LambdaLR(one, share) for one in optimizers.by_name.values()]
        self._digest = digest
        self._rows = dict(rows)
        self._clock = clock
        self._accelerator = accelerator
        self._saved = time.monotonic()

    @property
    def lr(self) -> float:
        """The student's learning rate of the next step."""
        return float(self._schedules[0].get_last_lr()[0])

    def advance(self) -> None:
        """Count a step that was taken, and set the learning rate of the next one."""
        for schedule in self._schedules:
            schedule.step()
        self.step += 1

    def load(self, path: Path) -> None:
        """Restore a checkpoint.

        Raises:
            TrainingError: If it is damaged, of another run, of other rows, or of another number of
                processes, with which a step would have other rows; one of before that does not say is
                continued.
        """
        numbers = load_checkpoint(path, self._learner, optimizers=self._optimizers.by_name)
        now = self._accelerator.num_processes
        if (begun := numbers.get("processes", now)) != now:
            again = command_line(*started_by(begun), "train", path.parent, "--resume")
            raise TrainingError(
                f"the run of {path} was begun with {begun} process{'es' * (begun > 1)}, not {now}, which "
                f"would change the rows of a step; continue it with '{again}', or choose "
                "another output.dir (--out)"
            )
        if names := differing_rows(numbers.get("rows", {}), self._rows):
            raise TrainingError(
                f"the run of {path} was begun on other {' and '.join(names)} rows than the data has now "
                "(ids, labels or content differ): put the data back, choose another output.dir (--out), or "
                "leave --resume out and set output.overwrite = true to train again"
            )
        if numbers["identity"] != self._digest:
            raise TrainingError(
                f"{path} was written under other settings than these; continue with the "
                f"settings in {path.with_name('config.toml')}, or choose another output.dir"
            )
        self.step, self.log = int(numbers["step"]), numbers.get("log")
        if "clock" in numbers:
            self._clock.add_state(numbers["clock"])
        for schedule in self._schedules:
            schedule.last_epoch = self.step
        if self._accelerator.scaler is not None:
            self._accelerator.scaler.load_state_dict(numbers["scaler"])

    def overdue(self, settings: TrainConfig) -> bool:
        """Whether the last checkpoint was written long ago; all processes answer alike.

        A run of fewer steps than ``checkpoint_every`` is so continued, too.
        """
        if not settings.checkpoint_every:
            return False
        late = torch.tensor(time.monotonic() - self._saved > PATIENCE)
        if self._accelerator.num_processes == 1:
            return bool(late)
        return bool(broadcast(late.to(self._accelerator.device)))

    def save(self, path: Path, *, log: str = "") -> None:
        """Write a checkpoint; all processes must call this, the main one writes.

        Args:
            path: The file.
            log: Lines of the training log so far.

        Raises:
            OutputError: If it cannot be written.
        """
        states = random_states()
        numbers: dict[str, Any] = {"step": self.step, "identity": self._digest, "log": log}
        numbers |= {"rows": self._rows, "clock": self._clock.state()}
        numbers["processes"] = self._accelerator.num_processes
        numbers["scaler"] = {}
        if self._accelerator.scaler is not None:
            numbers["scaler"] = dict(self._accelerator.scaler.state_dict())
        if self._accelerator.is_main_process:
            save_checkpoint(
                path,
                self._learner,
                optimizers=self._optimizers.by_name,
                numbers=numbers,
                random=states,
            )
        self._saved = time.monotonic()
