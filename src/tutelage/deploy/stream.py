"""Outputs of a saved student, batch by batch, in memory that does not grow with the rows."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float32
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from tutelage.data import Rows
from tutelage.deploy.saved import SavedRun
from tutelage.errors import ConfigError, DataError, StudentError, TutelageError, out_of_memory
from tutelage.inputs import ModelInput
from tutelage.inputs.workers import Failure, raising
from tutelage.training.accelerator import computing_device, precision_on

__all__ = ["Computing", "Piece", "stream_outputs"]


@dataclass(frozen=True)
class Computing:
    """How outputs are computed.

    Attributes:
        device: Device of the model.
        batch_size: Rows at once.
        workers: Processes that prepare rows.
        precision: ``"no"``, ``"bf16"`` or ``"fp16"``: that of autocast.
    """

    device: torch.device
    batch_size: int
    workers: int = 0
    precision: str = "no"

    @classmethod
    def of(
        cls,
        run: SavedRun,
        *,
        device: str | None = None,
        batch_size: int | None = None,
        workers: int | None = None,
    ) -> "Computing":
        """Take what is not given from the run's training, whose figures then come out again.

        Args:
            run: The run.
            device: ``"auto"``, ``"cpu"``, or a device of PyTorch such as ``"cuda:1"``.
            batch_size: Rows at once.
            workers: Processes that prepare rows; by default none for texts on the CPU, where the
                model takes all cores.

        Raises:
            ConfigError: If the batch has no row.
            StudentError: If there is no such device.
        """
        if batch_size is not None and batch_size < 1:
            raise ConfigError(f"batch_size = {batch_size}; a batch has at least 1 row")
        train = run.config.train
        chosen = _device(device or train.device)
        precision = precision_on(chosen, train.mixed_precision)
        if chosen.type == "cpu" and not run.result.device.startswith("cpu"):
            precision = "no"  # a GPU's precision is slow on a CPU, or not there
        if workers is None:
            workers = 0 if run.modality == "text" and chosen.type == "cpu" else train.workers
        return cls(chosen, batch_size or train.batch_size, workers, precision)


@dataclass(frozen=True)
class Piece:
    """The outputs of some rows.

    Attributes:
        rows: Numbers of the rows, ascending.
        outputs: A row each, on the CPU: logits, or targets in their units.
        unread: Rows between them that could not be read, with the reason.
    """

    rows: tuple[int, ...]
    outputs: Float32[Tensor, "rows outputs"]
    unread: Mapping[int, str]


def stream_outputs(run: SavedRun, rows: Rows, computing: Computing) -> Iterator[Piece]:
    """Run the student over rows, in order.

    Only a few batches are in memory at once, whatever the number of rows.

    Args:
        run: The run; its student is moved to the device.
        rows: The rows.
        computing: Device, batch size and workers.

    Raises:
        StudentError: If an output is not a finite number.
        TutelageError: If a row cannot be prepared for a reason that is not the row's own.
    """
    student = run.student
    student.model.to(computing.device).eval()
    batches = _Batches(rows, student.input, computing.batch_size)
    workers = computing.workers if len(batches) > 1 else 0
    on_gpu = computing.device.type == "cuda"
    loader: DataLoader[Any] = DataLoader(
        batches,
        batch_size=None,
        num_workers=workers,
        collate_fn=_unchanged,
        pin_memory=on_gpu,
        generator=torch.Generator().manual_seed(0),
    )
    waiting: _Batch | None = None
    launched: Tensor | None = None
    for batch in raising(loader):  # a batch is computed while the one before it is used
        outputs = _forward(run, batch, computing)
        if waiting is not None:
            yield _piece(waiting, launched, run)
        waiting, launched = batch, outputs
    if waiting is not None:
        yield _piece(waiting, launched, run)


@dataclass(frozen=True)
class _Batch:
    rows: tuple[int, ...]
    inputs: Mapping[str, Tensor]
    unread: Mapping[int, str]

    def pin_memory(self) -> "_Batch":
        """Called by the loader, so that copies to the GPU need not wait."""
        inputs = {name: value.pin_memory() for name, value in self.inputs.items()}
        return _Batch(self.rows, inputs, self.unread)


class _Batches(Dataset[Any]):
    """Whole batches, in order; rows that cannot be read are left out of them and named."""

    def __init__(self, rows: Rows, model_input: ModelInput, batch_size: int) -> None:
        self.rows, self.input, self.batch_size = rows, model_input, batch_size

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __getitem__(self, number: int) -> _Batch | Failure:
        first = number * self.batch_size
        prepared, unread = {}, {}
        try:
            for row in range(first, min(first + self.batch_size, len(self.rows))):
                try:
                    prepared[row] = self.input.prepare(self.rows[row])
                except DataError as error:
                    unread[row] = str(error)
            inputs = self.input.collate(list(prepared.values())) if prepared else {}
        except TutelageError as error:
            return Failure.of(error)
        return _Batch(tuple(prepared), inputs, unread)


def _forward(run: SavedRun, batch: _Batch, computing: Computing) -> Tensor | None:
    if not batch.rows:
        return None
    kind, device = computing.precision, computing.device
    autocast: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
    if kind != "no":
        dtype = torch.bfloat16 if kind == "bf16" else torch.float16
        autocast = torch.autocast(device.type, dtype=dtype)
    inputs = {name: value.to(device, non_blocking=True) for name, value in batch.inputs.items()}
    try:
        with torch.inference_mode(), autocast:
            outputs = run.student.outputs(inputs)
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        raise StudentError(
            f"a batch of {computing.batch_size} rows does not fit the memory of {device}; choose a "
            "smaller one with --batch-size"
        ) from None
    run.student.tap.clear()
    return outputs


def _piece(batch: _Batch, outputs: Tensor | None, run: SavedRun) -> Piece:
    values = torch.empty(0, run.task.outputs) if outputs is None else outputs.float().cpu()
    finite = values.isfinite().all(dim=1)
    if not bool(finite.all()):
        row = batch.rows[int((~finite).nonzero()[0])]
        raise StudentError(
            f"the outputs for row {row} are not finite numbers; the training may have diverged, or the "
            "precision does not hold them: try --device cpu"
        )
    return Piece(batch.rows, values, batch.unread)


def _device(name: str) -> torch.device:
    if name in ("auto", "cpu"):
        return computing_device("auto" if name == "auto" else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise StudentError(
            f"there is no device {name!r} here ({str(error).splitlines()[0]}); choose auto or cpu"
        ) from None
    return device


def _unchanged(batch: Any) -> Any:
    return batch
