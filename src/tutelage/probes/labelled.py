"""Find the labelled rows, and refuse labels that no probe of the task can be fitted to."""

from jaxtyping import Float, Int64, Shaped
from torch import Tensor

from tutelage.cache.table import FeatureTable
from tutelage.errors import DataError
from tutelage.tasks import UNLABELLED, Task, has_label
from tutelage.tasks.labels import are_classes

__all__ = ["labelled_rows"]


def labelled_rows(
    rows: FeatureTable, labels: Shaped[Tensor, "rows ..."], *, task: Task
) -> Int64[Tensor, " labelled"]:
    """Return the numbers of rows with a label.

    Raises:
        DataError: If labels do not match the rows or the task, or a class has no row.
    """
    if len(labels) != len(rows):
        raise DataError(f"there are {len(rows)} rows of features but {len(labels)} labels")
    if are_classes(labels) != task.labels_are_classes:
        raise DataError(
            f"labels of {task.kind} tasks are "
            + ("class numbers" if task.labels_are_classes else "numbers [rows, outputs]")
            + f"; got {labels.dtype} {list(labels.shape)}"
        )
    labelled = has_label(labels).nonzero().flatten()
    known = labels[labelled]
    if task.labels_are_classes:
        _refuse_classes(known, classes=task.outputs)
    else:
        _refuse_columns(known, columns=task.outputs, binary=task.labels_are_binary)
    return labelled


def _refuse_columns(known: Float[Tensor, "rows columns"], *, columns: int, binary: bool) -> None:
    if known.shape[1] != columns or not len(known):
        raise DataError(
            f"a linear probe needs labelled rows of {columns} columns; got {list(known.shape)}"
        )
    if binary and not bool(((known == 0) | (known == 1) | known.isnan()).all()):
        raise DataError("labels of several classes are 0 and 1, or NaN where they are not known")


def _refuse_classes(known: Int64[Tensor, " rows"], *, classes: int) -> None:
    if len(known) and not 0 <= int(known.min()) <= int(known.max()) < classes:
        raise DataError(
            f"labels of {classes} classes are 0 to {classes - 1}, or {UNLABELLED} for rows without "
            f"one; got {int(known.min())} to {int(known.max())}"
        )
    counts = known.bincount(minlength=classes)
    if int((counts > 0).sum()) < 2:
        raise DataError(
            f"a linear probe needs rows of at least two classes; the {len(known)} labelled rows have "
            f"{int((counts > 0).sum())}"
        )
    if missing := (counts == 0).nonzero().flatten().tolist():
        raise DataError(
            f"no row of class {missing[0]}"
            + (f" and {len(missing) - 1} more" if len(missing) > 1 else "")
            + f" of {classes}; a probe needs rows of every class that it tells apart"
        )
