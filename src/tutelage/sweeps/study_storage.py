"""Storage of optuna's studies: the journal of a search's folder, a shared journal, or a database."""

import json
import os
import time
from collections.abc import Callable, Generator, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import optuna
from filelock import FileLock
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from tutelage.errors import ConfigError, first_line
from tutelage.files import digest_of, writing_to
from tutelage.files.locks import acquire

__all__ = [
    "JournalError",
    "check_storage",
    "find_storage",
    "open_storage",
    "sqlalchemy_error",
    "study_path",
]

Opened = TypeVar("Opened")

DIGEST = "digest"
STARTS = 5
"""How often a database is opened that another machine is just setting up."""
DRIVERS = {
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
    "MySQLdb": "mysqlclient",
}
"""Packages whose name is not that of their module."""


class JournalError(Exception):
    """A line of a journal cannot be read."""


def study_path(folder: Path, storage: str | None = None) -> Path | None:
    """Return the file of a search's study; None where it lies in a database."""
    if storage is not None:
        return None if "://" in storage else Path(storage).expanduser()
    before = folder / "tune.sqlite3"
    return before if before.exists() else folder / "tune.journal"


def open_storage(folder: Path, storage: str | None = None) -> BaseStorage:
    """Open the storage of a search's study, or create it.

    Args:
        folder: The folder of the search, whose journal it is by default.
        storage: ``tune.storage``.

    Raises:
        ConfigError: If a database cannot be used.
        OutputError: If a journal cannot be written.
    """
    path = study_path(folder, storage)
    if path is None:
        assert storage is not None
        return _database(storage)
    return _of_file(path, storage)


def find_storage(folder: Path, storage: str | None = None) -> BaseStorage | None:
    """Return the storage of a search's study if there is one; nothing is created.

    Args:
        folder: The folder of the search, whose journal it is by default.
        storage: ``tune.storage``.

    Raises:
        ConfigError: If a database cannot be used.
    """
    path = study_path(folder, storage)
    if path is None:
        assert storage is not None
        return _database(storage) if _has_studies(storage) else None
    return _of_file(path, storage) if path.exists() else None


def _of_file(path: Path, storage: str | None) -> BaseStorage:
    if storage is None and path.suffix == ".sqlite3":
        return RDBStorage(f"sqlite:///{path}")
    return JournalStorage(_Journal(path))


def check_storage(storage: str | None, *, create: bool = True) -> None:
    """Open ``tune.storage`` and read from it, so that what is wrong with it is told first.

    Args:
        storage: ``tune.storage``.
        create: Whether it is created where it is not there.

    Raises:
        ConfigError: If it cannot be used.
        OutputError: If a journal cannot be written.
    """
    if storage is None:
        return
    path = study_path(Path(), storage)
    if path is not None and not path.parent.is_dir():
        raise ConfigError(
            f"tune.storage = {storage!r}: there is no folder {path.parent}; create it, or give the "
            "URL of a database such as postgresql://user@host/name"
        )
    if path is not None and path.is_dir():
        raise ConfigError(
            f"tune.storage = {storage!r} is a folder; give a file in it, such as "
            f"{path / 'tune.journal'}"
        )
    try:
        opened = (open_storage if create else find_storage)(Path(), storage)
        if opened is not None:
            opened.get_all_studies()
    except JournalError as error:
        raise ConfigError(
            f"tune.storage = {storage!r} is no journal of a search ({first_line(error)}); give "
            "another file"
        ) from error


@lru_cache(maxsize=8)
def _database(url: str) -> RDBStorage:
    """Open a database once in each process, with its tables."""
    return _told(url, RDBStorage)


def _has_studies(url: str) -> bool:
    """Whether a database has the tables of studies."""
    return _told(url, _look_for_studies)


def _look_for_studies(url: str, **settings: Any) -> bool:
    from sqlalchemy import inspect
    from sqlalchemy.engine import make_url

    parsed = make_url(url)
    file = Path(parsed.database or "")
    if parsed.get_backend_name() == "sqlite" and file.parent.is_dir() and not file.exists():
        return False  # opening it would create it
    looked_at = RDBStorage(url, skip_table_creation=True, skip_compatibility_check=True, **settings)
    try:
        return bool(inspect(looked_at.engine).has_table("studies"))
    finally:
        looked_at.engine.dispose()


def _told(url: str, use: Callable[..., Opened]) -> Opened:
    """Use a database; machines that start together may set it up at once.

    Raises:
        ConfigError: If it cannot be used.
    """
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    waits = {"timeout": 60} if url.startswith("sqlite") else {}
    given = f"tune.storage = {url!r}"
    if _of_this_process(url):
        raise ConfigError(
            f"{given} names no file: the search would be in the memory of this process, which shares it "
            "with none and loses it at its end; write sqlite:///FILE, or leave tune.storage out"
        )
    for start in range(STARTS):
        try:
            return use(url, engine_kwargs={"pool_pre_ping": True, "connect_args": waits})
        except (ArgumentError, NoSuchModuleError) as error:
            raise ConfigError(
                f"{given} is no URL of a database ({first_line(error)}); write for example "
                "postgresql://user@host/name, mysql://user@host/name, sqlite:///FILE, or the path of "
                "a journal file"
            ) from error
        except ImportError as error:
            cause = error.__cause__ or error
            module = (getattr(cause, "name", None) or "its driver").partition(".")[0]
            package = DRIVERS.get(module, module)
            raise ConfigError(
                f"{given} needs the package {package}, which is not installed: pip install '{package}'"
            ) from error
        except (SQLAlchemyError, RuntimeError) as error:
            if start + 1 == STARTS or "exists" not in str(error).lower():
                raise ConfigError(
                    f"{given} cannot be used ({first_line(error)}); start the database, or correct the "
                    "address"
                ) from error
            time.sleep(0.2)
    raise AssertionError


def _of_this_process(url: str) -> bool:
    """Whether a URL of SQLite names a database in memory."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except ArgumentError:  # is told when it is opened
        return False
    named = parsed.database or ""
    return parsed.get_backend_name() == "sqlite" and (
        named in ("", ":memory:", "file:")
        or ":memory:" in named
        or parsed.query.get("mode") == "memory"
    )


class _Lock:
    """A lock that the system releases when its process is killed, as optuna's own is not."""

    def __init__(self, path: Path) -> None:
        self._lock = FileLock(path)

    def acquire(self) -> bool:
        """Wait for the lock; a process may hold it twice."""
        acquire(self._lock, doing="writes to this search's journal", briefly=True)
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
                raise JournalError(f"a line is not an entry: {first_line(error)}") from error
            if digest != _digest(entry):
                raise JournalError("an entry differs from its digest")
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


def sqlalchemy_error() -> type[Exception]:
    """Return the base class of a database's errors."""
    from sqlalchemy.exc import SQLAlchemyError

    return SQLAlchemyError
