"""Progress reports of long work, independent of how they are shown."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, runtime_checkable

__all__ = ["Progress", "Silent"]


@runtime_checkable
class Progress(Protocol):
    """Receives reports of long work."""

    def track(
        self, label: str, total: int, *, unit: str, done: int = 0
    ) -> AbstractContextManager[Callable[[int], None]]:
        """Report one piece of work.

        Args:
            label: Name of the work.
            total: Its size.
            unit: What is counted, e.g. ``"rows"``.
            done: How much was done before.

        Returns:
            A context that gives a function; call it with how much of ``total`` is done so far.
        """

    def note(self, message: str) -> None:
        """Report one line of text."""


class Silent:
    """Discards all reports."""

    @contextmanager
    def track(
        self, label: str, total: int, *, unit: str, done: int = 0
    ) -> Iterator[Callable[[int], None]]:
        yield lambda count: None

    def note(self, message: str) -> None:
        pass
