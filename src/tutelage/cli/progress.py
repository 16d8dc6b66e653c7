"""Progress reports as bars on a terminal, and as plain lines elsewhere."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from tutelage.progress import Silent

__all__ = ["Bars", "Lines", "for_console"]

A_LINE_EVERY = 30.0


class Once:
    """Lines on a console, of which each is said once: several runs would repeat what they share."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._said: set[str] = set()

    def note(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            self.console.print(message, soft_wrap=not self.console.is_terminal)


class Bars(Once):
    """A bar for each piece of work, with rate and time left."""

    @contextmanager
    def track(
        self, label: str, total: int, *, unit: str, done: int = 0
    ) -> Iterator[Callable[[int], None]]:
        columns = (
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(unit),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console) as progress:
            task = progress.add_task(label, total=total, completed=done)
            yield lambda count: progress.update(task, completed=count)


class Lines(Once):
    """A line when work begins to take long and one when it ends, for logs."""

    @contextmanager
    def track(
        self, label: str, total: int, *, unit: str, done: int = 0
    ) -> Iterator[Callable[[int], None]]:
        began = said = time.monotonic()
        last = done

        def update(count: int) -> None:
            nonlocal said, last
            last, now = count, time.monotonic()
            if now - said >= A_LINE_EVERY:
                said = now
                rate = (count - done) / (now - began)
                left = f", {(total - count) / rate:.0f} s left" if rate > 0 else ""
                self._line(f"{label}: {count} of {total} {unit}, {speed(rate, unit)}{left}")

        yield update
        seconds = time.monotonic() - began
        if last > done:
            now = last - done
            rate = now / max(seconds, 1e-9)
            counted = unit if now != 1 else unit.removesuffix("s")
            before = f", after {done} of before" if done else ""
            self._line(f"{label}: {now} {counted} in {seconds:.1f} s ({speed(rate, unit)}){before}")

    def _line(self, text: str) -> None:
        self.console.print(text, soft_wrap=True)


class _Rate(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        rate = task.finished_speed or task.speed
        return Text(speed(rate, self.unit) if rate else "", style="dim")


def speed(rate: float, unit: str) -> str:
    """Say a rate a second, or where that is below one, the seconds that one takes.

    Example:
        >>> speed(12.34, "rows"), speed(0.05, "runs")
        ('12.3 rows/s', '20.0 s a run')
    """
    return f"{rate:,.1f} {unit}/s" if rate >= 1 else f"{1 / rate:,.1f} s a {unit.removesuffix('s')}"


def for_console(console: Console) -> Bars | Lines | Silent:
    """Bars on a terminal, else lines; of several processes only the first reports."""
    if os.environ.get("RANK", "0") != "0":
        return Silent()
    return Bars(console) if console.is_terminal else Lines(console)
