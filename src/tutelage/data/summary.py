"""What was read and chosen of the data, in plain lines."""

from collections.abc import Sequence

from tutelage.config.data import DataConfig
from tutelage.data.base import Data
from tutelage.data.splits import Splits
from tutelage.tasks import TASKS

__all__ = ["summarize"]

_LISTED = 12


def summarize(data: Data, splits: Splits, config: DataConfig) -> list[str]:
    """Say which rows, classes and columns are used, and what was left out or read unusually.

    Args:
        data: All that was read.
        splits: The rows to train and to evaluate on.
        config: The settings under ``[data]``.

    Example:
        >>> from tutelage.data import open_data
        >>> config = DataConfig(source="table:reviews.csv")
        >>> summarize(*open_data(config), config)  # doctest: +SKIP
        ['table:reviews.csv: 80 training rows; 20 test rows, drawn from the training rows',
         "  2 classes: neg, pos (from the column 'label')", "  reads the text 'review'"]
    """
    lines = [
        _outputs(data),
        *_unseen(data, splits),
        *_columns(data),
        *_not_used(data, splits, config),
        *data.notes,
    ]
    return [_rows(data, splits, config), *(f"  {line}" for line in lines)]


def _rows(data: Data, splits: Splits, config: DataConfig) -> str:
    evaluated = _count(len(splits.evaluated), f"{splits.evaluated.name} row")
    if config.evaluate == "holdout" and config.folds is not None:
        evaluated += f", fold {config.fold} of {config.folds} of the training rows"
    elif _stored(splits) not in data.splits:
        evaluated += ", drawn from the training rows"
    parts = [_count(len(splits.training), "training row"), evaluated]
    if unlabelled := sum(map(len, splits.unlabelled)):
        parts.append(f"{_count(unlabelled, 'row')} without a label")
    if config.views:
        parts.append(f"{_count(config.views, 'view')} of each training row")
    return f"{config.source}: {'; '.join(parts)}"


def _outputs(data: Data) -> str:
    word = TASKS[data.task].outputs_word
    word = word if len(data.classes) > 1 else {"classes": "class"}.get(word, word.removesuffix("s"))
    columns = data.columns
    column = columns.label if columns is not None and isinstance(columns.label, str) else None
    origin = (
        f" (from the column {column!r})" if column is not None and data.classes != (column,) else ""
    )
    return f"{len(data.classes)} {word}: {_listed(data.classes)}{origin}"


def _unseen(data: Data, splits: Splits) -> list[str]:
    """Name the classes of which no row is evaluated: nothing is measured of them."""
    if not TASKS[data.task].labels_are_classes:
        return []
    present = set(splits.evaluated.labels.tolist())
    lacking = [name for number, name in enumerate(data.classes) if number not in present]
    if not lacking:
        return []
    one = len(lacking) == 1
    of, verb = ("the class", "it is") if one else (f"{len(lacking)} classes", "they are")
    return [f"no {splits.evaluated.name} row of {of} {_quoted(lacking)}: {verb} not measured"]


def _columns(data: Data) -> list[str]:
    columns = data.columns
    if columns is None:
        return []
    read = [] if columns.image is None else [f"the image {columns.image!r}"]
    if columns.text:
        texts = dict.fromkeys(columns.text)
        read.append(f"the text{'s' if len(texts) > 1 else ''} {_quoted(list(texts))}")
    if columns.id:
        read.append(f"the id {columns.id!r}")
    unread = ""
    if data.unread:
        unread = f"; not {_quoted(data.unread)}, which data.text or data.image would add"
    return [f"reads {', '.join(read)}{unread}"]


def _not_used(data: Data, splits: Splits, config: DataConfig) -> list[str]:
    """Say which rows that were read, or could be, are neither trained nor evaluated on."""
    notes = []
    stored, folded = _stored(splits), config.evaluate == "holdout" and config.folds is not None
    if (
        not folded
        and stored in data.splits
        and (without := len(data.splits[stored]) - len(splits.evaluated))
    ):
        notes.append(f"{_count(without, f'{stored} row')} without a label: not evaluated")
    if (config.evaluate == "test" or folded) and "validation" in data.splits:
        count = _count(len(data.splits["validation"]), "validation row")
        when = "without data.folds" if folded else "with data.evaluate = 'holdout'"
        notes.append(f"{count}: used only {when}")
    if config.limit is not None and len(splits.extracted) == config.limit:
        notes.append(f"data.limit keeps {config.limit} of the training rows")
    if config.limit_per_class is not None:
        kept = _count(len(splits.extracted), "training row")
        notes.append(
            f"data.limit_per_class keeps {kept}, at most {config.limit_per_class} of a class"
        )
    return notes


def _stored(splits: Splits) -> str:
    """The split of the data that the evaluated rows come from, if it has one."""
    return "validation" if splits.evaluated.name == "holdout" else "test"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _quoted(names: Sequence[str]) -> str:
    return _listed([repr(name) for name in names])


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")
