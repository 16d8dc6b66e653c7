"""The student's own features of rows, as it begins: before any training."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from tutelage.data import Split
from tutelage.experiment.parts import build_student
from tutelage.experiment.plan import Plan
from tutelage.experiment.runtime import Runtime
from tutelage.students import Student
from tutelage.training.accelerator import accelerator_for
from tutelage.training.batches import BatchSource
from tutelage.training.inference import represent
from tutelage.training.prepared import prepare_rows
from tutelage.training.storage import choose_keep

__all__ = ["new_student", "student_features"]


def new_student(plan: Plan) -> Student:
    """Return the student as a run of this seed would begin it."""
    torch.manual_seed(plan.config.seed)
    return build_student(plan)


def student_features(
    plan: Plan, student: Student, splits: Sequence[Split], runtime: Runtime
) -> list[Float[Tensor, "rows width"]]:
    """Return a student's features of all rows of each split, as float32 on the CPU.

    Args:
        plan: Settings of the inputs, the batches and the device.
        student: Left in evaluation mode.
        splits: The rows, not augmented.
        runtime: Receives progress reports.
    """
    settings = plan.config.train
    accelerator = accelerator_for(plan.config)
    student.model.to(accelerator.device)
    rows = sum(map(len, splits))
    keep = choose_keep(settings.inputs, student.input, rows=rows, progress=runtime.progress)
    features = []
    for split in splits:
        inputs = prepare_rows(
            split,
            student.input,
            keep=keep,
            workers=settings.workers,
            progress=runtime.progress,
        )
        batches, size = BatchSource(split, inputs), settings.batch_size
        features.append(represent(student, batches, batch_size=size, accelerator=accelerator))
    return features
