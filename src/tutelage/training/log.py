"""The training log: a line of means every few steps, in ``metrics.jsonl`` and the tracker."""

import json
import math
from collections.abc import Mapping

import torch
from accelerate import Accelerator
from torch import Tensor

from tutelage.errors import DivergedError
from tutelage.files import write_atomically, writing_to
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
        self._lines: list[str] = []
        self._passes = 0
        self._sums = torch.zeros(4, device=accelerator.device)

    @property
    def text(self) -> str:
        """All lines so far, for the checkpoint."""
        return "".join(self._lines)

    def start(self, step: int, *, text: str | None = None) -> None:
        """Begin the file, or put it back to where it was at the checkpoint that is continued.

        Args:
            step: Of the checkpoint; 0 for a new run.
            text: The lines that the checkpoint holds; None for one of an older version, whose lines
                are read from the file.
        """
        if not self._accelerator.is_main_process:
            return
        if text is None:
            rows = read_history(self._folder.path) if step else []
            text = "".join(json.dumps(row) + "\n" for row in rows if row["step"] <= step)
        self._lines = text.splitlines(keepends=True)
        with writing_to(self._folder.path, name="output.dir"):
            write_atomically(self._folder.metrics, text)

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
            self._lines.append(json.dumps({"step": step, **values}) + "\n")
            advice = "free some space, then repeat the command (train with --resume)"
            with (
                writing_to(self._folder.metrics, name="the log", advice=advice),
                self._folder.metrics.open("a", encoding="utf-8") as file,
            ):
                file.write(self._lines[-1])
        self._accelerator.log(dict(values), step=step)
