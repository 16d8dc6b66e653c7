"""Choice of the training, evaluated and unlabelled rows."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from tutelage.config.data import DataConfig
from tutelage.data.base import Data, Split
from tutelage.errors import DataError
from tutelage.tasks import TASKS, has_label

__all__ = ["Splits", "choose_splits", "draw"]


@dataclass(frozen=True)
class Splits:
    """Rows that a run uses, by purpose.

    Attributes:
        training: Labelled rows to train on.
        evaluated: Labelled rows to evaluate; the split's name is ``test`` or ``holdout``.
        extracted: Rows whose teacher features are extracted: the training rows and those of a drawn
            hold-out, in the data's order. They are the same for both values of ``evaluate``, which
            therefore share the cached features.
        unlabelled: Training rows without a label, one split per source.
    """

    training: Split
    evaluated: Split
    extracted: Split
    unlabelled: tuple[Split, ...] = ()


def choose_splits(data: Data, config: DataConfig, *, unlabelled: Split | None = None) -> Splits:
    """Choose the rows to train on and the rows to evaluate.

    Rows are drawn within each class (see ``strata`` for other tasks), by a digest of the row's id:
    the draw does not depend on the order of files, and adding rows does not change the lot of the
    others, except that folds are dealt anew. With ``evaluate = "holdout"`` the test rows are not
    looked at. Evaluated rows without a label are left out.

    Args:
        data: All splits.
        config: What is evaluated, the shares to draw, the limit and the seed of the draws.
        unlabelled: Further rows without labels.

    Raises:
        DataError: If a class has too few rows, or a split no labelled ones.
    """
    seed = config.split_seed
    rows = _labelled(data.splits["train"])
    without = tuple(s for s in (_unlabelled(data.splits["train"]), unlabelled) if s is not None)
    test = data.splits.get("test")
    if test is None and not data.has_test:
        drawn = draw(rows, share=config.test_share, seed=seed, purpose="test", data=data)
        test = rows.select(drawn, name="test")
        rows = rows.select(_others(rows, drawn))
    if config.limit is not None and config.limit < len(rows):
        drawn = _limited(rows, config.limit, seed=seed, data=data)
        rows = rows.select(drawn)
    if config.limit_per_class is not None:
        by_class = _by_class(rows, seed=seed, purpose="limit", data=data)
        most = config.limit_per_class
        rows = rows.select(sorted(row for kept in by_class.values() for row in kept[:most]))
    if config.evaluate == "test":
        if test is None:
            raise DataError("the test rows were not read, so nothing can be evaluated on them")
        return Splits(training=rows, evaluated=_labelled(test), extracted=rows, unlabelled=without)
    if config.folds is not None:
        drawn = _fold(rows, config.fold, folds=config.folds, seed=seed, data=data)
    elif validation := data.splits.get("validation"):
        labelled = _labelled(validation)
        evaluated = labelled.select(range(len(labelled)), name="holdout")
        return Splits(training=rows, evaluated=evaluated, extracted=rows, unlabelled=without)
    else:
        drawn = draw(rows, share=config.holdout, seed=seed, purpose="holdout", data=data)
    return Splits(
        training=rows.select(_others(rows, drawn)),
        evaluated=rows.select(drawn, name="holdout"),
        extracted=rows,
        unlabelled=without,
    )


def draw(split: Split, *, share: float, seed: int, purpose: str, data: Data) -> list[int]:
    """Draw a share of the rows, the same share of each class as nearly as whole rows allow.

    Args:
        split: Labelled rows.
        share: Between 0 and 1.
        seed: Seed of the draw.
        purpose: Makes draws for different purposes independent of each other.
        data: The data, for the names of classes in messages.

    Returns:
        Row numbers in ascending order. Each class keeps at least one row that is not drawn.

    Raises:
        DataError: If a class has a single row, or the share is less than one row.
    """
    by_class = _by_class(split, seed=seed, purpose=purpose, data=data)
    for label, rows in by_class.items():
        if len(rows) < 2:
            kind = (
                f"class {data.classes[label]!r}"
                if TASKS[data.task].labels_are_classes
                else split.name
            )
            raise DataError(
                f"{kind} has a single row, so no {purpose} rows can be "
                f"drawn from it; add rows of it, or give the data a {_SPLIT[purpose]} split"
            )
    total = round(share * len(split))
    counts = _allot(
        total,
        {label: share * len(rows) for label, rows in by_class.items()},
        most={label: len(rows) - 1 for label, rows in by_class.items()},
    )
    drawn = sorted(i for label, rows in by_class.items() for i in rows[: counts[label]])
    if not drawn:
        raise DataError(
            f"{share:g} of {len(split)} rows is less than one {purpose} row; give more rows, "
            f"a larger share, or a {_SPLIT[purpose]} split"
        )
    return drawn


_SPLIT = {"test": "test", "holdout": "validation"}


def _fold(split: Split, fold: int, *, folds: int, seed: int, data: Data) -> list[int]:
    """One of the parts, each with the same share of every class as nearly as whole rows allow.

    Every row is in one part; but the only row of a class is in none, so that it is always trained on.
    """
    by_class = _by_class(split, seed=seed, purpose="fold", data=data)
    if len(split) < folds:
        raise DataError(f"{len(split)} rows are fewer than data.folds = {folds}; set fewer folds")
    dealt = [row for rows in by_class.values() if len(rows) > 1 for row in rows]
    drawn = sorted(dealt[fold::folds])
    if not drawn:
        raise DataError(
            f"only {len(dealt)} rows share their class with another, too few for data.folds = "
            f"{folds}; add rows, or set fewer folds"
        )
    return drawn


def _limited(split: Split, limit: int, *, seed: int, data: Data) -> list[int]:
    """Draw ``limit`` rows, at least two of each class that has two."""
    by_class = _by_class(split, seed=seed, purpose="limit", data=data)
    least = {label: min(2, len(rows)) for label, rows in by_class.items()}
    if limit < sum(least.values()):
        raise DataError(
            f"data.limit = {limit} is too few rows for {len(by_class)} classes; "
            f"give at least {sum(least.values())}"
        )
    spare = limit - sum(least.values())
    rest = {label: len(rows) - least[label] for label, rows in by_class.items()}
    quota = {label: spare * count / max(1, sum(rest.values())) for label, count in rest.items()}
    counts = _allot(spare, quota, most=rest)
    return sorted(
        i for label, rows in by_class.items() for i in rows[: least[label] + counts[label]]
    )


def _allot(total: int, quotas: dict[int, float], *, most: dict[int, int]) -> dict[int, int]:
    """Round the quotas to whole numbers that sum to ``total``, as far as ``most`` allows."""
    counts = {label: min(int(quota), most[label]) for label, quota in quotas.items()}
    by_need = sorted(quotas, key=lambda label: counts[label] - quotas[label])
    while sum(counts.values()) < total:
        open_classes = [label for label in by_need if counts[label] < most[label]]
        if not open_classes:
            break
        for label in open_classes[: total - sum(counts.values())]:
            counts[label] += 1
    return counts


def _by_class(split: Split, *, seed: int, purpose: str, data: Data) -> dict[int, list[int]]:
    """Return the rows of each class, ordered by a digest of seed, purpose and id."""
    lots = [
        hashlib.blake2b(f"{seed}\0{purpose}\0{name}".encode(), digest_size=16).digest()
        for name in split.ids
    ]
    alike = TASKS[data.task].strata(split.labels).tolist()
    by_class: dict[int, list[int]] = {}
    for i in sorted(range(len(split)), key=lots.__getitem__):
        by_class.setdefault(alike[i], []).append(i)
    return by_class


def _others(split: Split, drawn: Sequence[int]) -> list[int]:
    taken = set(drawn)
    return [i for i in range(len(split)) if i not in taken]


def _labelled(split: Split) -> Split:
    keep = has_label(split.labels).nonzero().flatten().tolist()
    if not keep:
        hint = "; name another by data.test, for example the validation split"
        raise DataError(
            f"the {split.name} rows have no labels{hint if split.name == 'test' else ''}"
        )
    return split if len(keep) == len(split) else split.select(keep)


def _unlabelled(split: Split) -> Split | None:
    without = (~has_label(split.labels)).nonzero().flatten().tolist()
    return split.select(without, name="unlabelled") if without else None
