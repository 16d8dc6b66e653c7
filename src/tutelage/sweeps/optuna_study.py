"""The study of a search: optuna's journal, a file that processes of several machines may share.

optuna advises its journal, not SQLite, for folders that several machines share. Studies that an earlier
version began in ``tune.sqlite3`` are continued there.
"""

import json
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from tutelage.errors import TrainingError, first_line
from tutelage.files import digest_of, writing_to

__all__ = ["open_study", "using_study"]

NAME = "tune"
DIGEST = "digest"


def open_study(folder: Path, *, pruner: optuna.pruners.BasePruner) -> optuna.Study:
    """Open the study of a search, or create it.

    Args:
        folder: The folder of the search; it exists.
        pruner: Decides which points are ended early.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = _storage(folder)
    try:
        return optuna.load_study(study_name=NAME, storage=storage, pruner=pruner)
    except KeyError:
        return optuna.create_study(
            storage=storage,
            study_name=NAME,
            direction="maximize",
            pruner=pruner,
            load_if_exists=True,
        )


@contextmanager
def using_study(folder: Path) -> Iterator[None]:
    """Turn errors of a study's file into one message.

    Raises:
        TrainingError: If the file is damaged, or locked by a process that does not give it up.
    """
    path = _path(folder)
    try:
        yield
    except (optuna.exceptions.StorageInternalError, _sqlalchemy_error()) as error:
        if "locked" in str(error):
            raise TrainingError(
                f"{path} is locked by another process; end that, or repeat this command later. On "
                "folders that several machines share, SQLite's locks may not work: remove the file "
                "there, and repeat the command, which reuses the runs that are finished"
            ) from error
        raise _damaged(path, error) from error
    except _JournalError as error:
        raise _damaged(path, error) from error


class _JournalError(Exception):
    """A line of a journal cannot be read."""


class _Lock:
    """A lock that the system releases when its process is killed, as optuna's own is not."""

    def __init__(self, path: Path) -> None:
        self._lock = FileLock(path)

    def acquire(self) -> bool:
        """Wait for the lock; a process may hold it twice."""
        self._lock.acquire()
        return True

    def release(self) -> None:
        """Give the lock back."""
        self._lock.release()


class _Journal(JournalFileBackend):
    """optuna's journal; what a killed process wrote in part is removed before the next line."""

    def __init__(self, path: Path) -> None:
        self._own_lock = _Lock(path.with_name(f".{path.name}.lock"))
        with writing_to(path):
            super().__init__(str(path), self._own_lock)  # type: ignore[arg-type]  # its two methods

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        """Yield the entries from a number on."""
        entries: Iterator[dict[str, Any]] | None = None
        while True:
            try:
                if entries is None:  # early versions of optuna 4 give a list
                    entries = iter(super().read_logs(log_number_from))
                entry = next(entries)
                digest = entry.pop(DIGEST)
            except StopIteration:
                return
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                raise _JournalError(f"a line is not an entry: {first_line(error)}") from error
            if digest != _digest(entry):
                raise _JournalError("an entry differs from its digest")
            yield entry

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write entries, each a line with its digest."""
        path = Path(self._file_path)
        with writing_to(path, advice="free some space, then repeat the command"):
            self._own_lock.acquire()
            try:
                _cut_to_whole_lines(path)
                super().append_logs([log | {DIGEST: _digest(log)} for log in logs])
            finally:
                self._own_lock.release()


def _digest(entry: dict[str, Any]) -> str:
    as_read = json.loads(json.dumps(entry))
    return digest_of(json.dumps(as_read, sort_keys=True).encode())


def _cut_to_whole_lines(path: Path) -> None:
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        if end == 0:
            return
        file.seek(end - 1)
        if file.read(1) == b"\n":
            return
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)


def _path(folder: Path) -> Path:
    before = folder / "tune.sqlite3"
    return before if before.exists() else folder / "tune.journal"


def _storage(folder: Path) -> BaseStorage:
    path = _path(folder)
    if path.suffix == ".sqlite3":
        return RDBStorage(f"sqlite:///{path}")
    return JournalStorage(_Journal(path))


def _damaged(path: Path, error: Exception) -> TrainingError:
    return TrainingError(
        f"{path} is damaged ({first_line(error)}); remove it and repeat the command, which reuses the "
        "runs that are finished"
    )


def _sqlalchemy_error() -> type[Exception]:
    from sqlalchemy.exc import SQLAlchemyError

    return SQLAlchemyError
