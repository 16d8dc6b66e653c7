"""Regularizers that learn something from the training rows before training starts."""

import torch
from jaxtyping import Float
from torch import Tensor

from tutelage.regularizers.base import Regularizer
from tutelage.regularizers.columns import TeacherFeatures
from tutelage.regularizers.preparation import Evidence

__all__ = ["PreparedRegularizer"]


class PreparedRegularizer(Regularizer):
    """A regularizer that must be prepared once, with ``prepare``, before it is called.

    A method gives ``learn``, which fills buffers that ``__init__`` made in their final shapes; so a
    checkpoint restores what was learned, and that it was.

    Attributes:
        of_teachers_alone: Whether what it learns follows from the teachers' features and the seed
            alone, so that it may be kept for other students and strengths.

    Example:
        >>> class Shifted(PreparedRegularizer):
        ...     def learn(self, evidence):
        ...         self.seen = len(evidence.labels)
        ...     def compare(self, student, teacher):
        ...         return student.mean() - self.seen
        >>> Shifted(2, [3])(torch.ones(4, 2), torch.ones(4, 3))
        Traceback (most recent call last):
            ...
        RuntimeError: Shifted learns from the training rows first; call prepare(evidence) before training
    """

    of_teachers_alone = False
    _ready = False

    def prepare(self, evidence: Evidence) -> None:
        """Learn from the training rows; the global random state stays as it is."""
        if dict(evidence.teachers.widths) != dict(
            zip(self.teachers.names, self.teachers.widths, strict=True)
        ):
            raise ValueError(
                f"expected teachers {dict(zip(self.teachers.names, self.teachers.widths, strict=True))}, "
                f"got {dict(evidence.teachers.widths)}"
            )
        self.learn(evidence)
        self._ready = True

    def learn(self, evidence: Evidence) -> None:
        """Fill the buffers; a method's own."""
        raise NotImplementedError(f"{type(self).__name__} must define learn(evidence)")

    def forward(
        self, student: Float[Tensor, "batch student"], teacher: TeacherFeatures
    ) -> Float[Tensor, ""]:
        """Return the loss for one batch, as ``Regularizer`` does.

        Raises:
            RuntimeError: If ``prepare`` was not called, nor a state loaded of one that was prepared.
        """
        if not self._ready:
            raise RuntimeError(
                f"{type(self).__name__} learns from the training rows first; "
                "call prepare(evidence) before training"
            )
        return super().forward(student, teacher)

    # Not a buffer: reading one in every step would wait for the accelerator.
    def get_extra_state(self) -> Tensor:
        """Return whether it is prepared, as a tensor, so that it lies with the buffers."""
        return torch.tensor(self._ready)

    def set_extra_state(self, state: Tensor) -> None:
        """Restore whether it is prepared."""
        self._ready = bool(state)
