"""Times of several functions, taken in turn, so that a slow moment of the machine meets them all."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil

__all__ = ["Rounds", "in_turn"]

SLOW = 1.0
"""Seconds of a call beyond which caches do not matter, and the user should not wait for them."""


@dataclass(frozen=True)
class Rounds:
    """How long functions are timed.

    Attributes:
        most: Rounds; in each, every function has one turn.
        least: Rounds that are done whatever they take.
        seconds: Time after which no further round begins.
        turn: Seconds that a turn lasts at least, of as many calls as that takes.
        warm_up: Calls of each function before the first round, at least 2; none of them is timed.
    """

    most: int = 20
    least: int = 3
    seconds: float = 60.0
    turn: float = 0.05
    warm_up: int = 4


def in_turn(
    calls: Mapping[str, Callable[[], object]],
    *,
    rounds: Rounds,
    wait: Callable[[], object] = lambda: None,
    tell: Callable[[int], object] = lambda done: None,
) -> dict[str, list[float]]:
    """Return the seconds of a call of each function, a number a round.

    In each round every function has a turn: one call that is not timed, which brings its weights
    back into the processor's caches, then as many timed calls as fill ``rounds.turn``; their mean is
    the round's number. A call of over a second has none before it, and no warm-up but one call. Every second round
    goes backwards, so that none always follows the same other.

    Args:
        calls: Functions by name.
        rounds: How long they are timed.
        wait: Waits until the device has done all that it was given.
        tell: Receives the number of rounds that are done.

    Example:
        >>> times = in_turn({"a": lambda: sum(range(99))}, rounds=Rounds(most=5, turn=1e-3))
        >>> len(times["a"]), times["a"][0] > 0
        (5, True)
    """

    def timed(call: Callable[[], object], count: int) -> float:
        wait()
        began = time.perf_counter()
        for _ in range(count):
            call()
        wait()
        return (time.perf_counter() - began) / count

    counts, slow = {}, set()
    for name, call in calls.items():
        estimate = timed(call, 1)
        if estimate > SLOW:
            slow.add(name)
        else:
            estimate = timed(call, rounds.warm_up - 1)
        counts[name] = max(1, ceil(rounds.turn / max(estimate, 1e-9)))
    times: dict[str, list[float]] = {name: [] for name in calls}
    began = time.perf_counter()
    for done in range(rounds.most):
        if done >= rounds.least and time.perf_counter() - began > rounds.seconds:
            break
        for name in list(calls) if done % 2 == 0 else reversed(list(calls)):
            if name not in slow:
                calls[name]()
            times[name].append(timed(calls[name], counts[name]))
        tell(done + 1)
    return times
