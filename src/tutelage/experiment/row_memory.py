"""Checks of ``transfer.memory``: the bytes that it takes, and the rows that there are to remember."""

from tutelage.errors import ConfigError
from tutelage.extraction.ranks import processes
from tutelage.files import human_size
from tutelage.memory import free_memory

__all__ = ["refuse_rows_of_others", "refuse_what_does_not_fit", "words_of_copies"]

BYTES = 4 * 2
"""Of a number in float32, which is copied as a batch is remembered."""


def refuse_what_does_not_fit(rows: int, *, columns: int) -> None:
    """Refuse a memory of recent rows that is larger than what is free.

    Args:
        rows: ``transfer.memory``.
        columns: Columns of the student's and all teachers' features.

    Raises:
        ConfigError: If it does not fit.
    """
    needed = rows * columns * BYTES
    if rows and needed > (free := free_memory()):
        raise ConfigError(
            f"transfer.memory = {rows} rows of {columns:,} columns take {human_size(needed)}, and "
            f"{human_size(free)} of memory are free; give fewer rows, such as transfer.memory = 1024"
        )


def refuse_rows_of_others(rows: int, *, batch: str) -> None:
    """Refuse a memory of each process's own rows, which DistributedDataParallel does not keep apart.

    Args:
        rows: ``transfer.memory``.
        batch: ``transfer.batch``.

    Raises:
        ConfigError: If several processes would each remember rows.
    """
    if rows and batch == "local" and processes() > 1:
        raise ConfigError(
            f"transfer.memory = {rows} with transfer.batch = 'local': before each pass all processes get "
            "the memory of process 0, so each would compare its rows with those of another; choose "
            "transfer.batch = 'global'"
        )


def words_of_copies(rows: int, *, trained: int) -> list[str]:
    """Return a sentence if more rows are remembered than there are.

    Args:
        rows: ``transfer.memory``.
        trained: Rows that are trained on, views included.
    """
    if rows <= trained:
        return []
    return [
        f"transfer.memory = {rows} is more than the {trained:,} rows that are trained on: each is "
        "compared with older copies of itself, too"
    ]
