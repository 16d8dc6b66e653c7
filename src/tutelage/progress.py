"""How long work tells where it is, without knowing who listens."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, runtime_checkable

__all__ = ["Progress", "Silent"]


@runtime_checkable
class Progress(Protocol):
    """Somebody who listens to long work."""

    def track(
        self, label: str, total: int, *, unit: str, done: int = 0
    ) -> AbstractContextManager[Callable[[int], None]]:
        """Follow one piece of work; the callable takes how much of ``total`` is done by now."""

    def note(self, message: str) -> None:
        """Say one line."""


class Silent:
    """Nobody listens."""

    @contextmanager
    def track(
        self, label: str, total: int, *, unit: str, done: int = 0
    ) -> Iterator[Callable[[int], None]]:
        yield lambda count: None

    def note(self, message: str) -> None:
        pass
