"""Errors on their way out of worker processes, without the traceback that a loader adds to them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tutelage.errors import TutelageError

__all__ = ["Failure", "raising"]


@dataclass(frozen=True)
class Failure:
    """What a worker gives in place of rows that it could not prepare."""

    kind: type[TutelageError]
    message: str

    @classmethod
    def of(cls, error: TutelageError) -> "Failure":
        """Take an error's kind and message."""
        return cls(type(error), str(error))

    def error(self) -> TutelageError:
        """The error again."""
        return self.kind.__new__(self.kind, self.message)


def raising(items: Iterable[Any]) -> Iterator[Any]:
    """Give what workers made, and raise the first error among it."""
    for item in items:
        if isinstance(item, Failure):
            raise item.error()
        yield item
