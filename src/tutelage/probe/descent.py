"""L-BFGS from a given inverse Hessian, for smooth convex functions."""

from collections import deque
from collections.abc import Callable

from torch import Tensor

__all__ = ["minimise"]

MEMORY = 20
MAX_ITERATIONS = 1000
SUFFICIENT = 1e-4
"""Share of the promised decrease that a step must bring (Armijo's condition)."""

ROUNDING = 1e-7
"""Differences of the value below this share of it say nothing in float32."""


def minimise(
    function: Callable[[Tensor], tuple[float, Tensor]],
    start: Tensor,
    *,
    inverse_hessian: Callable[[Tensor], Tensor],
    enough: Callable[[float], float],
) -> Tensor:
    """Return where a smooth convex function is least.

    Directions are L-BFGS's two-loop recursion around ``inverse_hessian``; a step is 1, or shorter
    where that does not decrease the value. It ends when the decrease that a full step promises, half
    the slope along it, is no more than ``enough``: near the least value, that decrease is how far
    above it the value is (Newton's decrement).

    Args:
        function: Gives the value, above 0, and the gradient.
        start: Where to begin.
        inverse_hessian: Maps a gradient to a step; symmetric and positive.
        enough: From a value to the distance from the least one that it may have.

    Source:
        Nocedal and Wright 2006, "Numerical optimization", algorithms 7.4 and 3.1.

    Example:
        >>> import torch
        >>> target = torch.tensor([3.0, -1.0])
        >>> square = lambda x: (float(((x - target) ** 2).sum()) + 1, 2 * (x - target))
        >>> minimise(square, torch.zeros(2), inverse_hessian=lambda g: g, enough=lambda _: 1e-9)
        tensor([ 3., -1.])
    """
    point = start
    value, gradient = function(point)
    pairs: deque[tuple[Tensor, Tensor, float]] = deque(maxlen=MEMORY)
    for _ in range(MAX_ITERATIONS):
        direction = _two_loops(gradient, pairs, inverse_hessian).neg_()
        slope = _dot(gradient, direction)
        if -slope / 2 <= enough(value):
            break
        length = 1.0
        while True:
            step = length * direction
            trial, trial_gradient = function(point + step)
            if trial <= value + SUFFICIENT * length * slope + ROUNDING * value:
                break
            # The parabola through value, slope and trial is least at this part of the step.
            part = -slope * length / (2 * (trial - value - slope * length))
            length *= min(max(part, 0.1), 0.5)
        change = trial_gradient - gradient
        point, value, gradient = point + step, trial, trial_gradient
        if (curvature := _dot(step, change)) > 0:
            pairs.append((step, change, 1 / curvature))
    return point


def _two_loops(
    gradient: Tensor,
    pairs: deque[tuple[Tensor, Tensor, float]],
    inverse_hessian: Callable[[Tensor], Tensor],
) -> Tensor:
    direction = gradient.clone()
    shares = []
    for step, change, inverse in reversed(pairs):
        shares.append(inverse * _dot(step, direction))
        direction -= shares[-1] * change
    direction = inverse_hessian(direction)
    if pairs:
        step, change, inverse = pairs[-1]
        direction *= 1 / (inverse * _dot(change, inverse_hessian(change)))
    for (step, change, inverse), share in zip(pairs, reversed(shares), strict=True):
        direction += (share - inverse * _dot(change, direction)) * step
    return direction


def _dot(a: Tensor, b: Tensor) -> float:
    return float((a * b).sum())
