"""The training objective: the loss of the task plus the weighted loss of a regularizer."""

import warnings
from collections.abc import Mapping
from itertools import islice
from numbers import Real
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tutelage.ranks import gather_rows, process_count
from tutelage.regularizers.base import Regularizer
from tutelage.regularizers.columns import TeacherFeatures
from tutelage.regularizers.unlearned import parameters_behind

__all__ = ["Objective", "Terms"]

HEAD = 2
"""Parameters of a linear layer: a weight and a bias."""


class Terms(NamedTuple):
    """The parts of a loss: ``total = task + beta * transfer``; train by ``total.backward()``."""

    total: Float[Tensor, ""]
    task: Float[Tensor, ""]
    transfer: Float[Tensor, ""]


class Objective(nn.Module):
    """``L_task + beta * R``: the loss of the task plus the weighted loss of a regularizer.

    The regularizer may have parameters that are learned together with the student: give
    ``objective.parameter_groups(model)`` to the optimizer. Under ``DistributedDataParallel``, student
    and objective belong into one module, so that both are equal in all processes.

    Args:
        task: Called with outputs and labels, for example ``nn.CrossEntropyLoss()``.
        regularizer: Called with student and teacher features, for example ``AFTLoss``.
        beta: Strength of the transfer; 0 or more.
        batch: Rows that the loss is taken over in a distributed run: ``"local"``, those of each
            process, or ``"global"``, those of all processes, so that kernels see every pair. With
            gradients averaged over processes, as ``DistributedDataParallel`` does, ``"global"``
            gives the loss and the gradients of one process with all rows.

    Attributes:
        looks_for_gradients: Whether it warns where the student's features have no gradient although the
            student trains; a loop that takes them from its own forward, as ``tutelage train`` does, needs
            no such warning.

    Raises:
        TypeError: If task and regularizer are swapped, or beta is no number.
        ValueError: If beta is negative or not finite, or batch is neither of the two.

    Example:
        >>> import torch
        >>> from tutelage import AFTLoss
        >>> objective = Objective(nn.CrossEntropyLoss(), AFTLoss(8, [16]), beta=3.0)
        >>> outputs, labels = torch.randn(4, 2), torch.tensor([0, 1, 1, 0])
        >>> terms = objective(outputs, labels, torch.randn(4, 8), torch.randn(4, 16))
        >>> torch.equal(terms.total, terms.task + 3 * terms.transfer)
        True
    """

    def __init__(
        self,
        task: nn.Module,
        regularizer: Regularizer,
        *,
        beta: float,
        batch: Literal["local", "global"] = "local",
    ) -> None:
        super().__init__()
        if isinstance(task, Regularizer):
            raise TypeError(
                f"expected Objective(task, regularizer, beta=...), got {type(task).__name__}, a "
                "regularizer, as the task"
            )
        strength: object = beta
        if not isinstance(strength, Real | Tensor):
            raise TypeError(f"beta must be a number, got {strength!r}")
        if not 0 <= beta < float("inf"):
            raise ValueError(f"beta must be a finite number from 0 up, got {beta}")
        self.task = task
        self.regularizer: Regularizer = regularizer
        if batch not in ("local", "global"):
            raise ValueError(f"batch must be 'local' or 'global', got {batch!r}")
        self.beta = beta
        self.batch = batch
        self.looks_for_gradients = True

    def extra_repr(self) -> str:
        """Return the strength, and what it is called with, for ``repr``."""
        return f"beta={self.beta:g}\n(outputs, labels, student, teacher) -> (total, task, transfer)"

    def parameter_groups(
        self, model: nn.Module, *, transfer_lr: float | None = None
    ) -> list[dict[str, Any]]:
        """Return the parameters of a model and of this objective, as an optimizer takes them.

        Args:
            model: The student; parameters that require no gradient are left out. It may have this
                objective as a part.
            transfer_lr: Learning rate of the regularizer's parameters, which have no weight decay; by
                default the ``default_lr`` of the regularizer, which may be that of the student. Those
                of the task's loss, if it has some, learn as the student does.

        Raises:
            ValueError: If the regularizer has ``inner_steps``: its parameters then need an optimizer
                of their own.

        Example:
            >>> import torch
            >>> from tutelage import AFTLoss
            >>> objective = Objective(nn.CrossEntropyLoss(), AFTLoss(8, [16]), beta=3.0)
            >>> groups = objective.parameter_groups(nn.Linear(4, 2))
            >>> [group["lr"] for group in torch.optim.AdamW(groups, lr=1e-4).param_groups]
            [0.0001, 0.01]
        """
        if self.regularizer.inner_steps:
            raise ValueError(
                "with inner_steps, the regularizer's parameters need an optimizer of their own, "
                "stepped so many times before each step of the student; build it from "
                "objective.parameters()"
            )
        own = dict.fromkeys(p for p in self.regularizer.parameters() if p.requires_grad)
        others = dict.fromkeys((*model.parameters(), *self.task.parameters()))
        student = [p for p in others if p.requires_grad and p not in own]
        groups: list[dict[str, Any]] = [{"params": student}]
        if own:
            rate = self.regularizer.default_lr if transfer_lr is None else transfer_lr
            of_rate = {} if rate is None else {"lr": rate}
            groups.append({"params": list(own), "weight_decay": 0.0} | of_rate)
        return groups

    def forward(
        self,
        outputs: Tensor,
        labels: Tensor,
        student: Float[Tensor, "batch student"],
        teacher: TeacherFeatures,
        *,
        soft: Float[Tensor, "batch classes"] | None = None,
    ) -> Terms:
        """Return the total loss and its two parts for a batch.

        Args:
            outputs: The student's outputs.
            labels: Labels as the task takes them.
            student: The student's features.
            teacher: The teachers' features of the same examples.
            soft: The teacher's outputs, for a task that takes them, as ``SoftLabels`` does.

        Raises:
            TypeError: If outputs or features are not the tensors that are expected.
            ValueError: If the task's loss is no single number, or features are of other shapes than
                the regularizer's.
        """
        if isinstance(outputs, Tensor) and not outputs.dtype.is_floating_point:
            raise TypeError(
                f"expected objective(outputs, labels, student, teacher), got outputs of {outputs.dtype}"
            )
        if not isinstance(outputs, Tensor) and isinstance(getattr(outputs, "logits", None), Tensor):
            raise TypeError(
                f"expected outputs as a tensor, got a {type(outputs).__name__}; give outputs.logits"
            )
        self._look_for_gradients(outputs, student)
        if self._gathers:
            outputs, labels, *others = gather_rows(
                outputs, labels, *(() if soft is None else (soft,))
            )
            soft = others[0] if others else None
        task = self.task(outputs, labels) if soft is None else self.task(outputs, labels, soft)
        if task.numel() != 1:
            raise ValueError(
                f"the task's loss has shape {tuple(task.shape)}, not one number for the batch; "
                "use reduction='mean', or return the mean"
            )
        return self.combined(task, self.regularizer(*self.compared(student, teacher)))

    def compared(
        self, student: Float[Tensor, "batch student"], teacher: TeacherFeatures
    ) -> tuple[Float[Tensor, "rows student"], TeacherFeatures]:
        """Return the features that the regularizer compares: with ``batch="global"``, of all processes."""
        alone = isinstance(teacher, Mapping) and not teacher  # nothing is compared
        if not self._gathers or alone:
            return student, teacher
        if isinstance(teacher, Tensor):
            student, teacher = gather_rows(student, teacher)
        elif isinstance(teacher, Mapping):
            student, *others = gather_rows(student, *teacher.values())
            teacher = dict(zip(teacher, others, strict=True))
        else:
            student, *teacher = gather_rows(student, *teacher)
        return student, teacher

    def _look_for_gradients(self, outputs: Tensor, student: Tensor) -> None:
        """Warn once where the student trains, but not through its features.

        Two parameters, those of a head, may be trained on features that are fixed.
        """
        if (
            not (self.looks_for_gradients and torch.is_grad_enabled())
            or torch.compiler.is_compiling()
        ):
            return
        trained = list(islice(parameters_behind(outputs), HEAD + 1))
        fixed = isinstance(student, Tensor) and not student.requires_grad
        self.looks_for_gradients = fixed and len(trained) <= HEAD  # else it has one, or is told now
        if fixed and len(trained) > HEAD and self.beta:
            warnings.warn(
                "the student's features have no gradient, so that nothing is transferred to it; give "
                "those of the forward that gave the outputs, as tap.take() does: not detached, nor "
                "computed under torch.no_grad() (as SentenceTransformer.encode does)",
                stacklevel=3,
            )

    @property
    def _gathers(self) -> bool:
        return self.batch == "global" and process_count() > 1

    def combined(self, task: Float[Tensor, ""], transfer: Float[Tensor, ""]) -> Terms:
        """Return ``task + beta * transfer`` and both."""
        return Terms(task + self.beta * transfer, task, transfer)
