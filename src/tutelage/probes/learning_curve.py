"""Learning curves of a linear probe: its score by the number of rows that it was fitted on."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor

from tutelage.cache.table import FeatureTable, as_table, select
from tutelage.errors import ConfigError, DataError
from tutelage.probes.choice import DECADES, scored
from tutelage.probes.draws import drawn_holdout
from tutelage.probes.fit import ProbeProblem, fit_probe
from tutelage.probes.labelled import labelled_rows
from tutelage.tasks import Task, has_label, mask_labels

__all__ = ["FRACTIONS", "CurvePoint", "learning_curve"]

FRACTIONS = (0.25, 0.5, 1.0)
INNER = 0.2
"""Share of the rows of a part that its penalty is chosen by."""
TRIED_FOLDS = 3
"""So many parts choose the penalty of a fraction."""


@dataclass(frozen=True)
class CurvePoint:
    """Probes that were fitted on equally many rows.

    Attributes:
        rows: Rows that each was fitted on, the mean over folds.
        scores: The metric on the rows of fold 0, of fold 1, and so on, at most 1.
    """

    rows: float
    scores: tuple[float, ...]


def learning_curve(
    rows: Float[Tensor, "rows width"] | FeatureTable,
    labels: Shaped[Tensor, "rows ..."],
    *,
    folds: Sequence[Int64[Tensor, " _"]],
    task: Task,
    fractions: Sequence[float] = FRACTIONS,
    seed: int = 0,
    device: torch.device | None = None,
) -> list[CurvePoint]:
    """Score probes on each fold that are fitted on growing parts of the other rows.

    The parts of one fold are nested and drawn by class: a quarter of the rows, these and another
    quarter, all. Each fold draws its own, so that the spread of the scores over folds holds both what
    the choice of training rows and what the choice of scored rows does. The penalty of each fraction
    is chosen on a fifth of each of the first three folds' parts; scored rows choose nothing.

    Args:
        rows: Frozen features of all rows, as ``fit_probe`` takes them: computed once.
        labels: Labels of all rows, as ``fit_probe`` takes them.
        folds: Numbers of the rows of each fold.
        task: The task, whose leading metric scores.
        fractions: Shares of the rows outside of a fold, rising, above 0 and at most 1.
        seed: Draws the parts.
        device: Device of the computation; by default the accelerator if there is one, else the CPU.

    Returns:
        A point for each fraction, the least first. Fractions that leave a class with fewer than two
        rows are left out.

    Raises:
        ConfigError: If there is no fold, or a fraction is out of range.
        DataError: If labels do not match the rows, or a class has a single row.

    Example:
        >>> from tutelage.tasks import SingleLabel
        >>> labels = torch.arange(40) % 2
        >>> rows = labels[:, None] + 0.01 * torch.arange(80.0).reshape(40, 2) / 80
        >>> curve = learning_curve(
        ...     rows,
        ...     labels,
        ...     folds=[torch.arange(10), torch.arange(10, 20)],
        ...     task=SingleLabel.numbered(2),
        ... )
        >>> [(point.rows, point.scores) for point in curve]
        [(8.0, (1.0, 1.0)), (16.0, (1.0, 1.0)), (30.0, (1.0, 1.0))]
    """
    if not folds or not all(0 < fraction <= 1 for fraction in fractions):
        raise ConfigError(
            "a learning curve needs folds, and fractions above 0 and up to 1; got "
            f"{len(folds)} folds and fractions {list(fractions)}"
        )
    table = as_table(rows)
    labelled_rows(table, labels, task=task)
    points = []
    for fraction in fractions:
        parts = [
            _part(labels, held, task=task, fraction=fraction, seed=seed + number)
            for number, held in enumerate(folds)
        ]
        if all(_suffices(table, labels, part, task=task, seed=seed) for part in parts):
            points.append(_point(table, labels, parts, folds, task=task, seed=seed, device=device))
    return points


def _suffices(table: FeatureTable, labels: Tensor, part: Tensor, *, task: Task, seed: int) -> bool:
    """Whether a probe of every class can be fitted to a part, and its penalty chosen on a hold-out."""
    try:
        labelled_rows(select(table, part), labels[part], task=task)
        held = drawn_holdout(task.strata(labels[part]), share=INNER, seed=seed)
        task.refuse_unmeasurable(labels[part][held], where="a hold-out")
    except DataError:
        return False
    return True


def _point(
    table: FeatureTable,
    labels: Tensor,
    parts: Sequence[Tensor],
    folds: Sequence[Tensor],
    *,
    task: Task,
    seed: int,
    device: torch.device | None,
) -> CurvePoint:
    c = _penalty(table, labels, parts[:TRIED_FOLDS], task=task, seed=seed, device=device)
    scores = []
    for part, held in zip(parts, folds, strict=True):
        probe = fit_probe(select(table, part), labels[part], task=task, c=c, device=device)
        scores.append(task.score(*scored(probe, select(table, held), labels[held])))
    return CurvePoint(sum(map(len, parts)) / len(parts), tuple(scores))


def _penalty(
    table: FeatureTable,
    labels: Tensor,
    parts: Sequence[Tensor],
    *,
    task: Task,
    seed: int,
    device: torch.device | None,
) -> float:
    """The C with the highest mean score on a fifth of each part; of equal ones the smallest.

    One part alone can mislead: where a strong penalty leaves little but the intercept, whether it
    scores well depends on how equal the classes happen to be.
    """
    totals = dict.fromkeys(DECADES, 0.0)
    for part in parts:
        held = drawn_holdout(task.strata(labels[part]), share=INNER, seed=seed)
        known, rows = mask_labels(labels[part], held), select(table, part)
        problem = ProbeProblem(rows, known, task=task, weights=None, device=device)
        probe = None
        for decade in DECADES:
            probe = problem.fit(10.0**decade, start=probe)
            outputs = scored(probe, select(rows, held), labels[part][held])
            totals[decade] += task.score(*outputs)
    return 10.0 ** max(totals, key=totals.__getitem__)


def _part(
    labels: Tensor, held: Tensor, *, task: Task, fraction: float, seed: int
) -> Int64[Tensor, " part"]:
    """A share of the labelled rows outside of a fold, of each class the same; larger shares hold smaller
    ones."""
    outside = has_label(labels)
    outside[held] = False
    others = outside.nonzero().flatten()
    draw = torch.Generator().manual_seed(seed)
    others = others[torch.randperm(len(others), generator=draw)]
    strata = task.strata(labels)[others]
    within = torch.zeros(len(others))
    for stratum in set(strata.tolist()):
        members = (strata == stratum).nonzero().flatten()
        within[members] = (torch.arange(len(members)) + 0.5) / len(members)
    return others[within <= fraction].sort().values
