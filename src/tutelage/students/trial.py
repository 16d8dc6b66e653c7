"""Trials of a student before anything expensive: on rows of the data, and saving it."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tutelage.errors import StudentError, TutelageError, out_of_memory, whole_message
from tutelage.files import writing_to
from tutelage.students.base import Student, evaluating

__all__ = ["as_in_training", "try_rows", "try_saving"]


def try_rows(student: Student, rows: Sequence[Any], *, outputs: int, source: str) -> None:
    """Run a student on rows of the data, in evaluation and in training, and check its outputs.

    Weights and buffers are afterwards what they were.

    Args:
        student: The student.
        rows: Two rows, or one if there are no more.
        outputs: Number of classes, labels or targets.
        source: The student's string, for messages.

    Raises:
        StudentError: If it cannot be called, its outputs have another shape or are not finite, or
            the loss would have no gradient.
    """
    reads = student.input
    batch = reads.collate([reads.prepare(row) for row in rows])
    with evaluating(student.model), torch.no_grad():
        values = _outputs(student, batch, source)
        student.tap.clear()
    if tuple(values.shape) != (len(rows), outputs):
        raise StudentError(
            f"{source} gives outputs of shape {tuple(values.shape)} for {len(rows)} rows and {outputs} "
            f"outputs; expected ({len(rows)}, {outputs})"
        )
    if not values.isfinite().all():
        raise StudentError(
            f"{source} gives outputs that are not finite for the first rows of the data "
            f"({values.flatten().tolist()[:4]}); look for damaged weights, or weights that overflow"
        )
    if len(rows) < 2:  # batch statistics need two
        return
    with as_in_training(student):
        values = _outputs(student, batch, f"{source}, in training mode,")
    if not values.requires_grad:
        raise StudentError(
            f"the outputs of {source} have no gradient, so that it would not learn; its forward must not "
            "detach them or run under no_grad, and some of its parameters must require gradients"
        )


@contextmanager
def as_in_training(student: Student) -> Iterator[None]:
    """Put a student in training mode, with gradients; mode, buffers and tap are afterwards as before.

    Args:
        student: The student; its weights are not to be changed.
    """
    buffers = {name: buffer.clone() for name, buffer in student.model.named_buffers()}
    was_training = student.model.training
    student.model.train()
    try:
        with torch.enable_grad():
            yield
    finally:
        student.model.train(was_training)
        student.tap.clear()
        with torch.no_grad():
            for name, buffer in student.model.named_buffers():
                if name in buffers:
                    buffer.copy_(buffers[name])


def try_saving(student: Student, folder: Path, *, source: str) -> None:
    """Save a student as it is to a folder inside ``folder``, and remove that.

    Args:
        student: The student, before its training is limited.
        folder: Folder of the run.
        source: The student's string, for messages.

    Raises:
        StudentError: If its library or safetensors cannot save it.
        OutputError: If the folder cannot be written.
    """
    trial = folder / "student.trial"
    try:
        with writing_to(folder, name="output.dir"):
            student.save(trial)
    except TutelageError:
        raise
    except Exception as error:  # libraries may raise anything
        raise StudentError(
            f"{source} cannot be saved, so that it would be lost after training: "
            f"{type(error).__name__}: {whole_message(error)}"
        ) from error
    finally:
        shutil.rmtree(trial, ignore_errors=True)


def _outputs(student: Student, batch: Any, source: str) -> Tensor:
    try:
        return student.outputs(batch)
    except TutelageError:
        raise
    except Exception as error:  # so may models
        if out_of_memory(error):
            raise
        raise StudentError(
            f"{source} cannot be called with the first rows of the data: {type(error).__name__}: "
            f"{whole_message(error)}"
        ) from error
