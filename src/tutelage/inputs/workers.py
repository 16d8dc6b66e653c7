"""Errors of worker processes, passed on without the traceback that a data loader adds."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tutelage.errors import WORKER_DIED, DataError, TutelageError, worker_died

__all__ = ["Failure", "raising"]


@dataclass(frozen=True)
class Failure:
    """An error that a worker returns in place of rows it could not prepare."""

    kind: type[TutelageError]
    message: str

    @classmethod
    def of(cls, error: TutelageError) -> "Failure":
        """Record the type and message of an error."""
        return cls(type(error), str(error))

    def error(self) -> TutelageError:
        """Return the error."""
        return self.kind.__new__(self.kind, self.message)


def raising(items: Iterable[Any]) -> Iterator[Any]:
    """Yield the items of workers, and raise the first failure.

    Raises:
        TutelageError: What a worker could not do; or that a worker died.
    """
    try:
        for item in items:
            if isinstance(item, Failure):
                raise item.error()
            yield item
    except RuntimeError as error:
        if not worker_died(error):
            raise
        raise DataError(WORKER_DIED) from error
