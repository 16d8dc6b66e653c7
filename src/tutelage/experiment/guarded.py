"""Custom regularizers, guarded: errors name the user's code and the line that raised."""

from jaxtyping import Float
from torch import Tensor

from tutelage.errors import ConfigError, TrainingError
from tutelage.registry import naming_user_code
from tutelage.regularizers import (
    Regularizer,
    RegularizerWrapper,
    TeacherFeatures,
    TrainingEvidence,
)

__all__ = ["Guarded"]


class Guarded(RegularizerWrapper):
    """A custom regularizer whose errors name it, and whose loss must be a scalar.

    Args:
        regularizer: What the user's class or function gave.
        path: ``"package.module:attribute"`` of that class or function.

    Raises:
        ConfigError: If it is no ``Regularizer``.
    """

    def __init__(self, regularizer: object, *, path: str) -> None:
        if not isinstance(regularizer, Regularizer):
            raise ConfigError(
                f"{path} gives a {type(regularizer).__name__}, which is no regularizer; "
                "subclass tutelage.Regularizer and define compare(student, teacher)"
            )
        super().__init__(regularizer)
        self.path = path

    def forward(
        self, student: Float[Tensor, "batch student"], teacher: TeacherFeatures
    ) -> Float[Tensor, ""]:
        """Return the loss.

        Raises:
            TrainingError: If the custom code raises, or returns anything but a scalar tensor.
        """
        with naming_user_code(self.path, kind=TrainingError):
            value: object = self.regularizer(student, teacher)
        if not isinstance(value, Tensor) or value.ndim > 0:
            given = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise TrainingError(
                f"{self.path} gave {given} for a batch; a method returns a scalar tensor, such as a mean"
            )
        return value

    def prepare(self, evidence: TrainingEvidence) -> None:
        """Prepare the custom regularizer.

        Raises:
            TrainingError: If the custom code raises.
        """
        with naming_user_code(self.path, kind=TrainingError):
            super().prepare(evidence)
