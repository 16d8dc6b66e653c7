"""The study of a search: optuna's journal, a file that processes of several machines may share.

optuna advises its journal, not SQLite, for folders that several machines share. Studies that an earlier
version began in ``tune.sqlite3`` are continued there. ``tune.storage`` names another place.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna

from tutelage.errors import TrainingError, first_line
from tutelage.sweeps.study_storage import (
    JournalError,
    find_storage,
    open_storage,
    sqlalchemy_error,
    study_path,
)

__all__ = ["find_study", "open_study", "using_study"]

NAME = "tune"


def open_study(
    folder: Path,
    *,
    storage: str | None = None,
    name: str = NAME,
    pruner: optuna.pruners.BasePruner,
) -> optuna.Study:
    """Open the study of a search, or create it.

    Args:
        folder: The folder of the search; it exists.
        storage: ``tune.storage``; by default the journal of the folder.
        name: Name of the study, of which a storage may have several.
        pruner: Decides which points are ended early.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    opened = open_storage(folder, storage)
    try:
        return optuna.load_study(study_name=name, storage=opened, pruner=pruner)
    except KeyError:
        return optuna.create_study(
            storage=opened,
            study_name=name,
            direction="maximize",
            pruner=pruner,
            load_if_exists=True,
        )


def find_study(
    folder: Path, *, storage: str | None = None, name: str = NAME
) -> optuna.Study | None:
    """Return the study of a search, to be read, or None; nothing is created.

    Args:
        folder: The folder of the search.
        storage: ``tune.storage``; by default the journal of the folder.
        name: Name of the study.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    found = find_storage(folder, storage)
    try:
        return None if found is None else optuna.load_study(study_name=name, storage=found)
    except KeyError:
        return None


@contextmanager
def using_study(folder: Path, storage: str | None = None) -> Iterator[None]:
    """Turn errors of a study's file or database into one message.

    Raises:
        TrainingError: If the file is damaged, or locked by a process that does not give it up; or the
            database fails.
    """
    path = study_path(folder, storage)
    try:
        yield
    except (optuna.exceptions.StorageInternalError, sqlalchemy_error()) as error:
        if path is None:
            raise TrainingError(
                f"tune.storage = {storage!r} failed ({first_line(error)}); repeat the command once it "
                "works: points that are finished are kept"
            ) from error
        if "locked" in str(error):
            raise TrainingError(
                f"{path} is locked by another process; end that, or repeat this command later. On "
                "folders that several machines share, SQLite's locks may not work: remove the file "
                "there, and repeat the command, which reuses the runs that are finished"
            ) from error
        raise _damaged(path, error) from error
    except JournalError as error:
        assert path is not None
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> TrainingError:
    return TrainingError(
        f"{path} is damaged ({first_line(error)}); remove it and repeat the command, which reuses the "
        "runs that are finished"
    )
