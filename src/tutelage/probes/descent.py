"""L-BFGS from a given inverse Hessian, for smooth convex functions."""

import math
from collections import deque
from collections.abc import Callable

from torch import Tensor

__all__ = ["minimize"]

MEMORY = 20
MAX_ITERATIONS = 1000
LOOK_BACK = 5
"""Steps that the decrement is held against: enough to even out single ones."""

SUFFICIENT = 1e-4
"""Share of the promised decrease that a step must bring (Armijo's condition)."""

ROUNDING = 1e-7
"""Differences of the value below this share of it say nothing in float32."""


def minimize(
    function: Callable[[Tensor], tuple[float, Tensor]],
    start: Tensor,
    *,
    inverse_hessian: Callable[[Tensor], Tensor],
    tolerance: Callable[[float], float],
) -> Tensor:
    """Return where a smooth convex function is least.

    Directions are L-BFGS's two-loop recursion around ``inverse_hessian``; a step is 1, or shorter
    where that does not decrease the value. A full step promises to bring half the slope along it:
    Newton's decrement, which near the least value is how far above it the value is, if the inverse
    Hessian is right. How right it is, the last steps say: with ``p`` the promise and ``v`` the value
    now, ``p'`` and ``v'`` those a few steps ago, the distance is taken to be

        p * max(1, (v' - v) / (p' - p))

    and it ends where that is no more than ``tolerance``.

    Args:
        function: Gives the value, above 0, and the gradient.
        start: Where to begin.
        inverse_hessian: Maps a gradient to a step; symmetric and positive.
        tolerance: From a value to the distance from the least one that it may have.

    Source:
        Nocedal and Wright 2006, "Numerical optimization", algorithms 7.4 and 3.1.

    Example:
        >>> import torch
        >>> target = torch.tensor([3.0, -1.0])
        >>> square = lambda x: (float(((x - target) ** 2).sum()) + 1, 2 * (x - target))
        >>> minimize(square, torch.zeros(2), inverse_hessian=lambda g: g, tolerance=lambda _: 1e-9)
        tensor([ 3., -1.])
    """
    point = start
    value, gradient = function(point)
    pairs: deque[tuple[Tensor, Tensor, float]] = deque(maxlen=MEMORY)
    past: deque[tuple[float, float]] = deque(maxlen=LOOK_BACK)
    for _ in range(MAX_ITERATIONS):
        direction = _two_loops(gradient, pairs, inverse_hessian).neg_()
        slope = _dot(gradient, direction)
        if _distance(value, -slope / 2, past) <= tolerance(value):
            break
        past.append((value, -slope / 2))
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


def _distance(value: float, promise: float, past: deque[tuple[float, float]]) -> float:
    """How far the value seems to be above the least one."""
    if not past:
        return promise
    before, promised = past[0]
    if promised <= promise:
        return math.inf if promise else 0.0
    return promise * max(1.0, (before - value) / (promised - promise))


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
