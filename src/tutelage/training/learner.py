"""A student and its objective as one module."""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from tutelage.objective import Objective, Terms
from tutelage.students import Student
from tutelage.tasks import right_rows
from tutelage.training.batches import Batch

__all__ = ["Learner", "Pass", "Reading"]


class Reading(NamedTuple):
    """What the student makes of a batch.

    Attributes:
        outputs: Its outputs.
        features: What its tap reads.
    """

    outputs: Float[Tensor, "batch outputs"]
    features: Float[Tensor, "batch width"]


class Pass(NamedTuple):
    """One forward pass over a batch.

    Attributes:
        terms: The loss and its parts.
        right: Rows whose greatest output is that of their class.
        features: The student's.
    """

    terms: Terms
    right: Tensor
    features: Float[Tensor, "batch width"]


class Learner(nn.Module):
    """A student and its objective as one module, so that devices and processes see one thing."""

    def __init__(self, student: Student, objective: Objective) -> None:
        super().__init__()
        self.model = student.model
        self.objective = objective
        self.student = student

    def read(self, batch: Batch) -> Reading:
        """Run the student on a batch."""
        outputs = self.student.outputs(batch.inputs)
        return Reading(outputs, self.student.tap.take())

    def forward(self, batch: Batch) -> Pass:
        """Run the student on a batch, and its outputs and features through the objective."""
        outputs, features = self.read(batch)
        terms = self.objective(outputs, batch.labels, features, batch.teacher, soft=batch.soft)
        return Pass(terms, right_rows(outputs, batch.labels), features)
