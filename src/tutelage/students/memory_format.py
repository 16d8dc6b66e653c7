"""A student that computes on images in channels_last."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from tutelage.backbones.memory_format import is_convolutional, with_channels_last
from tutelage.errors import StudentError, TutelageError, first_line
from tutelage.inputs import ModelInput, empty_batch
from tutelage.students.base import Student, evaluating

__all__ = ["ChannelsLastStudent", "in_memory_format"]


class ChannelsLastStudent:
    """A student whose images are given to it in ``torch.channels_last``.

    Outputs differ by rounding alone. The weights keep their format, so that checkpoints, optimizers
    and the saved model are those of the plain student; a convolution copies them in each pass, which
    costs little beside the images.

    Args:
        student: The student; its model is the same object.
    """

    def __init__(self, student: Student) -> None:
        self._student = student
        self.model = student.model
        self.tap = student.tap
        self.width = student.width
        self.parameters = student.parameters
        self.left_out: tuple[str, ...] = getattr(student, "left_out", ())

    @property
    def input(self) -> ModelInput:
        """Converts rows to batches."""
        return self._student.input

    @property
    def widths(self) -> Mapping[str, int]:
        """Width of the features by modality."""
        return self._student.widths

    def outputs(self, inputs: Mapping[str, Tensor]) -> Float[Tensor, "batch outputs"]:
        """Return the logits."""
        return self._student.outputs(with_channels_last(inputs))

    def save(self, folder: Path) -> None:
        """Write the plain student."""
        self._student.save(folder)


def in_memory_format(
    student: Student,
    asked: Literal["auto", "channels_last", "contiguous"],
    *,
    device: torch.device,
    precision: str,
) -> Student:
    """Return the student as ``train.memory_format`` asks for it.

    ``"auto"`` is ``channels_last`` for a model of several convolutions that computes in half precision
    on CUDA, where cuDNN's kernels for tensor cores take it, if the model can be called with it.

    Args:
        student: The student, on the CPU.
        asked: ``train.memory_format``.
        device: Where it is going to be trained.
        precision: That of autocast.

    Raises:
        StudentError: If ``channels_last`` is asked for and the model cannot be called with it.
    """
    empty = empty_batch(student.input)
    helps = device.type == "cuda" and precision != "no" and is_convolutional(student.model)
    if asked == "contiguous" or "image" not in empty or (asked == "auto" and not helps):
        return student
    candidate = ChannelsLastStudent(student)
    try:
        with evaluating(student.model), torch.no_grad():
            candidate.outputs(empty)
    except (
        RuntimeError,
        TutelageError,
    ) as error:  # a view of images whose strides it takes for granted
        if asked == "auto":
            return student
        raise StudentError(
            f"the student cannot be called with images in channels_last ({first_line(error)}); leave "
            "train.memory_format out, or use reshape in place of view in its forward"
        ) from error
    finally:
        student.tap.clear()
    return candidate
