"""The clock of a run: its start, and the seconds of each phase, across interruptions."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

__all__ = ["Clock"]


class Clock:
    """The time of the start, and seconds by phase.

    What a run took before it was interrupted is added from its checkpoint; what it did after that
    checkpoint is lost, and so is its time.

    Attributes:
        started: The first start.
        seconds: Seconds of the phases that have ended.
    """

    def __init__(self) -> None:
        self.started = datetime.now(UTC)
        self.seconds: dict[str, float] = {}
        self._running: tuple[str, float] | None = None

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        """Add the seconds that the block takes to a phase; phases do not overlap."""
        began = time.perf_counter()
        self._running = phase, began
        yield
        self._running = None
        self._add(phase, time.perf_counter() - began)

    def state(self) -> dict[str, Any]:
        """Return start and seconds for a checkpoint, those of the running phase included."""
        seconds = dict(self.seconds)
        if self._running is not None:
            phase, began = self._running
            taken = time.perf_counter() - began
            seconds[phase] = round(seconds.get(phase, 0.0) + taken, 3)
        return {"started": self.started.isoformat(), "seconds": seconds}

    def add_state(self, state: Mapping[str, Any]) -> None:
        """Take over the start, and add the seconds, of the run that wrote a checkpoint."""
        self.started = datetime.fromisoformat(state["started"])
        for phase, seconds in state["seconds"].items():
            self._add(phase, seconds)

    def _add(self, phase: str, seconds: float) -> None:
        self.seconds[phase] = round(self.seconds.get(phase, 0.0) + seconds, 3)
