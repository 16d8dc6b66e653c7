"""Which rows have a label, and whether labels are what a probe of the task can be fitted to."""

from jaxtyping import Float, Int64, Shaped
from torch import Tensor

from tutelage.cache.table import FeatureTable
from tutelage.errors import DataError
from tutelage.tasks.base import UNLABELLED, Kind, has_label

__all__ = ["labelled_rows"]


def labelled_rows(
    rows: FeatureTable, labels: Shaped[Tensor, "rows ..."], *, kind: Kind, classes: int
) -> Int64[Tensor, " labelled"]:
    """Return the numbers of rows with a label.

    Raises:
        DataError: If labels do not match the rows or the task, or a class has no row.
    """
    if len(labels) != len(rows):
        raise DataError(f"there are {len(rows)} rows of features but {len(labels)} labels")
    if labels.is_floating_point() == (kind == "single-label"):
        raise DataError(
            f"labels of {kind} tasks are "
            + ("class numbers" if kind == "single-label" else "numbers [rows, outputs]")
            + f"; got {labels.dtype} {list(labels.shape)}"
        )
    labelled = has_label(labels).nonzero().flatten()
    known = labels[labelled]
    if kind == "single-label":
        _refuse_classes(known, classes=classes)
    else:
        _refuse_columns(known, kind=kind, columns=classes)
    return labelled


def _refuse_columns(known: Float[Tensor, "rows columns"], *, kind: Kind, columns: int) -> None:
    if known.shape[1] != columns or not len(known):
        raise DataError(
            f"a linear probe needs labelled rows of {columns} columns; got {list(known.shape)}"
        )
    if kind == "multi-label" and not bool(((known == 0) | (known == 1) | known.isnan()).all()):
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
