"""The training log: a line of means every few steps, in ``metrics.jsonl`` and the tracker."""

import json
import math
from collections.abc import Mapping

import torch
from accelerate import Accelerator
from torch import Tensor

from tutelage.errors import DivergedError
from tutelage.objective import Terms
from tutelage.results.result import read_history
from tutelage.results.run_folder import RunFolder

__all__ = ["TrainLog"]


class TrainLog:
    """Means over all passes since the last line; read from the device once a line, not once a step.

    Args:
        folder: Receives ``metrics.jsonl``.
        accelerator: Devices, processes and tracker.
        counted: Rows of a pass that are right or wrong; None for tasks whose rows are neither.
    """

    def __init__(self, folder: RunFolder, accelerator: Accelerator, *, counted: int | None) -> None:
        self._folder = folder
        self._accelerator = accelerator
        self._counted = counted
        self._passes = 0
        self._sums = torch.zeros(4, device=accelerator.device)

    def start(self, step: int) -> None:
        """Begin the file, or cut it back to the step of the checkpoint that is continued."""
        if self._accelerator.is_main_process:
            rows = read_history(self._folder.path) if step else []
            lines = [json.dumps(row) + "\n" for row in rows if row["step"] <= step]
            self._folder.metrics.write_text("".join(lines))

    def add(self, terms: Terms, right: Tensor) -> None:
        """Count one pass, without waiting for the device."""
        parts = [terms.task.detach(), terms.transfer.detach(), terms.total.detach(), right]
        self._sums += torch.stack([part.float() for part in parts])
        self._passes += 1

    def write(self, step: int, *, lr: float) -> None:
        """Write the means of all passes since the last line.

        Raises:
            DivergedError: If the loss is not a finite number.
        """
        sums = self._accelerator.reduce(self._sums.clone(), "sum")
        passes = self._passes * self._accelerator.num_processes
        task, transfer, total, right = (sums / passes).tolist()
        self._sums.zero_()
        self._passes = 0
        if not math.isfinite(total):
            raise DivergedError(
                f"the loss is {total} at step {step} (task {task}, transfer {transfer}); "
                "lower train.lr or transfer.beta, or set train.clip_norm = 1.0"
            )
        values = {"task": task, "transfer": transfer, "total": total, "lr": lr}
        self.line(step, values | ({"accuracy": right / self._counted} if self._counted else {}))

    def line(self, step: int, values: Mapping[str, float]) -> None:
        """Write one line, to the file and to the tracker."""
        if self._accelerator.is_main_process:
            with self._folder.metrics.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": step, **values}) + "\n")
        self._accelerator.log(dict(values), step=step)
