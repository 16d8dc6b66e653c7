"""Every error that a user can cause, in one small tree.

    TutelageError
    ├── ConfigError          a setting, string or option that cannot be used (also a ValueError)
    ├── MissingExtraError    an optional package is not installed (also an ImportError)
    ├── DataError            rows, labels or files of the data
    ├── SourceError          a teacher: unknown, random where trained was meant, wrong features
    ├── CacheError           cached features: wrong rows, changed or damaged files
    │   └── PrecisionError   numbers that the precision of the cache cannot hold
    ├── StudentError         the model being trained
    ├── OutputError          files that cannot be written: no room, no permission
    └── TrainingError        a run that cannot start, continue or resume
        ├── BusyError        another process trains in the output folder
        └── DivergedError    the loss stopped being a number

The command line prints the message of a ``TutelageError`` without a traceback and leaves
with status 2. Messages say what came, what was expected and what to do.
"""

from collections.abc import Iterable
from copyreg import __newobj__  # type: ignore[attr-defined]  # as every object is made again
from difflib import get_close_matches
from typing import Any

__all__ = [
    "WORKER_DIED",
    "BusyError",
    "CacheError",
    "ConfigError",
    "DataError",
    "DivergedError",
    "MissingExtraError",
    "OutputError",
    "PrecisionError",
    "SourceError",
    "StudentError",
    "TrainingError",
    "TutelageError",
    "did_you_mean",
    "first_line",
    "out_of_memory",
    "whole_message",
    "worker_died",
]


class TutelageError(Exception):
    """Something that the user can mend; the message says how."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pass between processes whole: what ``__init__`` takes is not what ``args`` holds."""
        return __newobj__, (type(self), *self.args), self.__dict__


class ConfigError(TutelageError, ValueError):
    """A setting, string or option that cannot be used."""


class MissingExtraError(TutelageError, ImportError):
    """An optional package is needed and not installed."""

    def __init__(self, package: str, *, purpose: str, extra: str = "", command: str = "") -> None:
        how = command or f"pip install '.[{extra}]' in a clone of tutelage"
        super().__init__(f"{purpose} needs {package}, which is not installed; run: {how}")


class DataError(TutelageError):
    """Rows, labels or files of the data cannot be used."""


class SourceError(TutelageError):
    """A teacher cannot be used, or gave features that cannot be used."""


class CacheError(TutelageError):
    """Cached features are not those that were asked for, or are damaged."""


class PrecisionError(CacheError):
    """Numbers that the precision of the cache cannot hold.

    Attributes:
        reason: What came, without what to do.
    """

    def __init__(self, reason: str, *, advice: str) -> None:
        super().__init__(f"{reason}; {advice}")
        self.reason = reason


class StudentError(TutelageError):
    """The model to be trained cannot be built, read or saved."""


class OutputError(TutelageError):
    """A file or folder cannot be written: no room, or no permission."""


class TrainingError(TutelageError):
    """A run cannot start, continue or resume."""


class BusyError(TrainingError):
    """Another process trains in the output folder."""


class DivergedError(TrainingError):
    """The loss stopped being a number: these settings do not train."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the closest known word, else an empty string.

    Example:
        >>> did_you_mean("atf", ["aft", "stl"])
        "; did you mean 'aft'?"
    """
    close = get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its type's name where it has none.

    Example:
        >>> first_line(ValueError("no such file.\\nStack: ..."))
        'no such file'
    """
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__


def whole_message(error: BaseException, *, most: int = 500) -> str:
    """Return all lines of an error's message as one, or its type's name where it has none.

    Some libraries put the cause into later lines, as PyTorch when a state dict does not fit.

    Example:
        >>> whole_message(RuntimeError("Error(s) in loading:\\n\\tsize mismatch for head.weight."))
        'Error(s) in loading: size mismatch for head.weight'
    """
    line = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return line if len(line) <= most else f"{line[:most]} ..."


WORKER_DIED = (
    "a worker process that prepares rows died, most often for lack of memory, or because /dev/shm is too "
    "small; try again with fewer workers or none: train.workers = 0 and cache.workers = 0, or --workers 0 "
    "where the command has it; what was finished is kept"
)
"""What to do about ``worker_died``."""


def worker_died(error: BaseException) -> bool:
    """Whether an error says that a worker process of PyTorch's loader died.

    PyTorch raises it wherever the main process is when it hears of it, not only where rows are waited for.
    """
    return isinstance(error, RuntimeError) and "DataLoader worker" in str(error)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory does not suffice, in the words of whichever device."""
    return isinstance(error, MemoryError) or any(
        words in str(error).lower()
        for words in ("can't allocate memory", "out of memory", "cannot allocate memory")
    )
