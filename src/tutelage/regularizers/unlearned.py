"""A warning where an optimizer moves the student, but not the parameters of its regularizer."""

import warnings
from collections.abc import Iterator

import torch
from torch import Tensor, nn

__all__ = ["Unlearned", "parameters_behind"]

UPDATES = 3


class Unlearned:
    """Compares the updates of a regularizer's parameters with those of the student, and warns once.

    A parameter counts its updates in place; so nothing is computed, or read from a device. As soon as
    a parameter of the regularizer has moved, or the warning is given, there is nothing left to do.

    Example:
        >>> student, learned = nn.Linear(2, 2), nn.Linear(2, 2)
        >>> optimizer, unlearned = torch.optim.SGD(student.parameters(), lr=0.1), Unlearned()
        >>> with warnings.catch_warnings(record=True, action="always") as given:
        ...     for _ in range(4):
        ...         features = student(torch.ones(1, 2))
        ...         unlearned.look(learned, features)
        ...         features.sum().backward()
        ...         optimizer.step()
        >>> len(given)
        1
    """

    def __init__(self) -> None:
        self._done = False
        self._before: dict[nn.Parameter, int] = {}
        self._student: nn.Parameter | None = None
        self._version = self._updates = 0

    def look(self, regularizer: nn.Module, features: Tensor) -> None:
        """Look at the parameters at the start of a step.

        Args:
            regularizer: The module whose parameters are to be learned.
            features: The student's; the first parameter behind them stands for the student.
        """
        if self._done or torch.compiler.is_compiling() or not features.requires_grad:
            return
        if self._student is None:
            self._begin(regularizer, features)
            return
        if any(parameter._version != count for parameter, count in self._before.items()):
            self._end()
            return
        if self._student._version != self._version:
            self._version = self._student._version
            self._updates += 1
        if self._updates == UPDATES:
            self._end()
            warnings.warn(
                f"{type(regularizer).__name__} has parameters that are learned, and none of them moved "
                f"in {UPDATES} updates of the student; give them to the optimizer too, for example "
                "AdamW(objective.parameter_groups(model), lr=1e-4)",
                stacklevel=2,
            )

    def __reduce__(self) -> tuple[type["Unlearned"], tuple[()]]:
        """A copy of the module looks at its own parameters, and at its own student."""
        return Unlearned, ()

    def _begin(self, regularizer: nn.Module, features: Tensor) -> None:
        self._before = {p: p._version for p in regularizer.parameters() if p.requires_grad}
        self._student = next(parameters_behind(features), None)
        if not self._before or self._student is None:
            self._end()
        else:
            self._version = self._student._version

    def _end(self) -> None:
        self._done, self._before, self._student = True, {}, None


def parameters_behind(tensor: Tensor) -> Iterator[nn.Parameter]:
    """Yield the parameters from which a tensor was computed, the nearest first."""
    waiting, seen = [tensor.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)
        if isinstance(leaf, nn.Parameter):
            yield leaf
        waiting.extend(following for following, _ in node.next_functions)
