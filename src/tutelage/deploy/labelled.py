"""Labelled rows to measure a finished run on, with their labels as the run numbers them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Shaped
from torch import Tensor

from tutelage.config.data import DataConfig
from tutelage.data import Data, Split, open_data
from tutelage.data.unseen import read_labelled
from tutelage.deploy.predict import columns_of
from tutelage.deploy.saved import SavedRun
from tutelage.errors import DataError
from tutelage.tasks import UNLABELLED, Task, has_label

__all__ = ["LabelledRows", "as_numbered", "labelled_rows"]


@dataclass(frozen=True)
class LabelledRows:
    """Rows with labels.

    Attributes:
        split: The rows; all have a label.
        source: The data string.
        own: Whether they are the rows that the run itself reported.
        unlabelled: Number of rows left out because they have no label.
        notes: How they were chosen and read.
    """

    split: Split
    source: str
    own: bool
    unlabelled: int = 0
    notes: tuple[str, ...] = ()


def labelled_rows(
    run: SavedRun, source: str | None, config: DataConfig, *, split: str | None = None
) -> LabelledRows:
    """Read rows to measure, by default those that the run itself evaluated.

    Args:
        run: The run.
        source: A data string, a folder with class folders or a table; None for the run's own rows.
        config: Settings of the data, with the options of ``source``.
        split: The split; by default the test split, or the only one.

    Raises:
        DataError: If the rows have no labels, or other classes than the run.
    """
    if source is None and split is None:
        data, splits = open_data(config)
        rows, own, notes = splits.evaluated, True, data.notes
    else:
        place = source or config.source
        data = read_labelled(
            place, config, modality=run.modality, like=columns_of(run), split=split
        )
        rows, told = _chosen(data, split)
        own, notes = False, (*data.notes, *told)
    labels = as_numbered(data, rows.labels, run.task, where=source or config.source)
    rows = replace(rows, labels=labels)
    known = has_label(labels).nonzero().flatten().tolist()
    if not known:
        raise DataError(
            f"no row of {source or config.source} ({rows.name}) has a label, so nothing can be measured; "
            "'tutelage predict' needs none"
        )
    left_out = len(rows) - len(known)
    chosen = rows.select(known) if left_out else rows
    return LabelledRows(chosen, source or config.source, own, left_out, notes)


def _chosen(data: Data, split: str | None) -> tuple[Split, tuple[str, ...]]:
    """The split to measure, and what the user should know about the choice."""
    if split is not None:
        return replace(data.splits["train"], name=split), ()
    if len(data.splits) == 1:
        return next(iter(data.splits.values())), ()
    role = "test" if "test" in data.splits else "validation"
    others = ", ".join(name for name in data.splits if name != role)
    return data.splits[role], (f"the {role} rows are measured, not {others}; --split names others",)


def as_numbered(
    data: Data,
    labels: Shaped[Tensor, "rows ..."],
    task: Task,
    *,
    where: str,
    otherwise: str = "choose another split by --split",
) -> Shaped[Tensor, "rows ..."]:
    """Return labels by the run's numbers of classes, or in the order of its columns.

    Classes are numbered by their names in order, so one that was added or renamed since training
    changes the numbers of others.

    Args:
        data: The data, which says what the labels mean.
        labels: Labels of some of its rows.
        task: The run's task.
        where: Names the data in messages.
        otherwise: What else the user can do about labels that the run does not know.

    Raises:
        DataError: If the rows have classes that the run does not know, or lack one of its targets.
    """
    if data.classes == task.names:
        return labels
    if task.labels_are_classes:
        return _renumbered(data.classes, labels, task.names, where=where, otherwise=otherwise)
    places = {name: number for number, name in enumerate(data.classes)}
    occurring = [
        name
        for name, column in zip(data.classes, labels.T, strict=True)
        if not task.labels_are_binary or bool((column == 1).any())
    ]
    _refuse_unknown(occurring, task.names, what=task.outputs_word, where=where, otherwise=otherwise)
    known = has_label(labels)
    if not task.labels_are_binary and (missing := set(task.names) - set(places)):
        raise DataError(f"{where} has no target {min(missing)!r}, which the run predicts")
    # A label that occurs in no row of a column of names is one that no row has.
    absent = torch.where(known, 0.0, torch.nan).to(labels.dtype)
    columns = [labels[:, places[n]] if n in places else absent for n in task.names]
    return torch.stack(columns, dim=1)


def _renumbered(
    classes: Sequence[str], labels: Tensor, names: Sequence[str], *, where: str, otherwise: str
) -> Tensor:
    present = set(labels.tolist()) - {UNLABELLED}
    occurring = [name for number, name in enumerate(classes) if number in present]
    _refuse_unknown(occurring, names, what="classes", where=where, otherwise=otherwise)
    numbers = {name: number for number, name in enumerate(names)}
    table = torch.tensor([*(numbers.get(name, UNLABELLED) for name in classes), UNLABELLED])
    return table[torch.where(labels == UNLABELLED, len(classes), labels)]


def _refuse_unknown(
    occurring: Sequence[str], names: Sequence[str], *, what: str, where: str, otherwise: str
) -> None:
    unknown = [name for name in occurring if name not in names]
    if not unknown:
        return
    more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
    known = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
    raise DataError(
        f"{where} has labels that the run does not know: {unknown[0]!r}{more}; its {len(names)} {what} "
        f"are {known}. Remove these rows, name the labels as in training, or {otherwise}"
    )
