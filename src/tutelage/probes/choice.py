"""Linear probes whose penalty is chosen on a hold-out, scored on the hold-out or on test rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from tutelage.cache.table import FeatureTable, as_table, select
from tutelage.errors import DataError
from tutelage.probes.draws import drawn_holdout
from tutelage.probes.fit import LinearProbe, ProbeProblem, fit_probe
from tutelage.probes.labelled import labelled_rows
from tutelage.tasks import SingleLabel, Task, has_label, mask_labels

__all__ = ["HoldoutProbe", "Probe", "linear_probe", "probe_holdout"]

DECADES = range(-4, 1)
"""C is 10 to the power of one of these."""

FURTHEST = range(-8, 5)
"""Limits of the search, which goes beyond ``DECADES`` where the best C lies at an end."""


@dataclass(frozen=True, kw_only=True)
class HoldoutProbe:
    """The C that a hold-out chose, and the score there.

    Attributes:
        c: Inverse strength of the L2 penalty; see ``fit_probe``.
        holdout_score: The metric on the rows that chose ``c``, at most 1: slightly high for being the
            best of a few.
        holdout_error: Its standard error from the number of those rows; see ``Task.standard_error``.
    """

    c: float
    holdout_score: float
    holdout_error: float


@dataclass(frozen=True, kw_only=True)
class Probe(HoldoutProbe):
    """A probe's score on rows that chose nothing.

    Attributes:
        score: The metric on the test rows, at most 1, of the probe fitted on all rows.
        error: Its standard error from the number of test rows.
        fitted: The probe itself.
    """

    score: float
    error: float
    fitted: LinearProbe = field(repr=False, compare=False)


def linear_probe(
    rows: Float[Tensor, "rows width"] | FeatureTable,
    labels: Shaped[Tensor, "rows ..."],
    *,
    test_features: Float[Tensor, "test width"] | FeatureTable,
    test_labels: Shaped[Tensor, "test ..."],
    task: Task | None = None,
    weights: Float[Tensor, " width"] | None = None,
    after: Sequence[Probe] = (),
    holdout: float = 0.1,
    seed: int = 0,
    device: torch.device | None = None,
) -> Probe:
    """Choose C on a hold-out of the rows, fit a probe on all of them, and score it on test rows.

    C is the best of 1e-4 to 1 in decades by the metric on the hold-out, the smallest of equals; where
    the best lies at an end, the grid is extended as long as that helps. Each fit starts from the one
    before.
    Standard errors are those of ``Task.standard_error``.

    Args:
        rows: Frozen features of the training rows, as ``fit_probe`` takes them.
        labels: Labels of the training rows, as ``fit_probe`` takes them; rows without one are left out.
        test_features: Features of the test rows, which choose nothing.
        test_labels: Labels of the test rows; rows without one are left out.
        task: The task, whose leading metric chooses C and scores; by default that of class numbers
            from 0 to the largest label.
        weights: What each standardized column is multiplied by: the weighted probe.
        after: Probes of parts of the columns, in their order, on the same rows: the search for C
            starts around the values of those probes, at the mean of their outputs, which saves most
            passes over the rows.
        holdout: Share of the labelled rows that C is chosen by, drawn by class.
        seed: Draws the hold-out.
        device: Device of the computation; by default the accelerator if there is one, else the CPU.

    Raises:
        DataError: If a class has no row or a single one, or rows and labels do not match.
        ConfigError: If the share or a weight is out of range.

    Example:
        >>> rows = torch.cat([torch.zeros(20, 2), torch.ones(20, 2)]) + 0.1 * torch.randn(40, 2)
        >>> labels = torch.arange(40) // 20
        >>> linear_probe(rows, labels, test_features=rows, test_labels=labels).score
        1.0
    """
    task = task or _task_of(labels)
    chosen, start = _choose(
        rows,
        labels,
        task,
        weights=weights,
        after=after,
        holdout=holdout,
        seed=seed,
        device=device,
    )
    probe = fit_probe(
        rows,
        labels,
        task=task,
        c=chosen.c,
        weights=weights,
        start=start,
        device=device,
    )
    outputs, known = scored(probe, test_features, test_labels)
    return Probe(
        c=chosen.c,
        holdout_score=chosen.holdout_score,
        holdout_error=chosen.holdout_error,
        score=task.score(outputs, known),
        error=task.standard_error(outputs, known),
        fitted=probe,
    )


def probe_holdout(
    rows: Float[Tensor, "rows width"] | FeatureTable,
    labels: Shaped[Tensor, "rows ..."],
    *,
    task: Task | None = None,
    weights: Float[Tensor, " width"] | None = None,
    holdout: float = 0.1,
    seed: int = 0,
    device: torch.device | None = None,
) -> HoldoutProbe:
    """Choose C as ``linear_probe`` does, and return the score on the hold-out alone.

    For what must be decided before any test row is looked at: which teacher to take.

    Args:
        rows: Frozen features of the training rows, as ``fit_probe`` takes them.
        labels: Labels of the training rows, as ``fit_probe`` takes them; rows without one are left out.
        task: The task, whose leading metric chooses C and scores; by default that of class numbers
            from 0 to the largest label.
        weights: What each standardized column is multiplied by: the weighted probe.
        holdout: Share of the labelled rows that are held out, drawn by class.
        seed: Draws the hold-out.
        device: Device of the computation; by default the accelerator if there is one, else the CPU.

    Raises:
        DataError: If a class has no row or a single one, or rows and labels do not match.
        ConfigError: If the share or a weight is out of range.

    Example:
        >>> rows = torch.cat([torch.zeros(20, 2), torch.ones(20, 2)]) + 0.1 * torch.randn(40, 2)
        >>> probe_holdout(rows, torch.arange(40) // 20).holdout_score
        1.0
    """
    chosen, _ = _choose(
        rows,
        labels,
        task or _task_of(labels),
        weights=weights,
        holdout=holdout,
        seed=seed,
        device=device,
    )
    return chosen


def scored(
    probe: LinearProbe,
    features: Float[Tensor, "rows width"] | FeatureTable,
    labels: Shaped[Tensor, "rows ..."],
) -> tuple[Float[Tensor, "labelled outputs"], Shaped[Tensor, "labelled ..."]]:
    """Return the probe's outputs for the labelled rows, and their labels.

    Raises:
        DataError: If there are none, or they do not match.
    """
    rows = as_table(features)
    if len(rows) != len(labels):
        raise DataError(f"there are {len(rows)} rows of features to score but {len(labels)} labels")
    labelled = has_label(labels).nonzero().flatten()
    if not len(labelled):
        raise DataError("no row to score has a label")
    return probe.outputs(select(rows, labelled)), labels[labelled]


def _choose(
    rows: Tensor | FeatureTable,
    labels: Tensor,
    task: Task,
    *,
    weights: Tensor | None,
    after: Sequence[Probe] = (),
    holdout: float,
    seed: int,
    device: torch.device | None,
) -> tuple[HoldoutProbe, LinearProbe]:
    """Return the chosen C, and the probe fitted with it on the rows that were not held out."""
    table = as_table(rows)
    labelled_rows(table, labels, task=task)
    names = task.names if task.labels_are_classes else ()
    holdout_rows = drawn_holdout(task.strata(labels), share=holdout, seed=seed, names=names)
    problem = ProbeProblem(
        table, mask_labels(labels, holdout_rows), task=task, weights=weights, device=device
    )
    tried: dict[int, tuple[float, LinearProbe]] = {}

    def attempt(decade: int, start: LinearProbe | None) -> LinearProbe:
        probe = problem.fit(10.0**decade, start=start)
        tried[decade] = (
            task.score(*scored(probe, select(table, holdout_rows), labels[holdout_rows])),
            probe,
        )
        return probe

    probe, decades = None, DECADES
    if after:
        probe = LinearProbe.beside([part.fitted for part in after])
        known = [round(math.log10(part.c)) for part in after]
        decades = range(min(known) - 1, max(known) + 1)  # more columns want no weaker penalty
    for decade in decades:
        probe = attempt(decade, probe)
    best = max(tried, key=lambda decade: tried[decade][0])
    while best in (min(tried), max(tried)):
        further = best - 1 if best == min(tried) else best + 1
        if further not in FURTHEST:
            break
        attempt(further, tried[best][1])
        if tried[further][0] <= tried[best][0]:
            break
        best = further
    value, probe = tried[best]
    error = task.standard_error(*scored(probe, select(table, holdout_rows), labels[holdout_rows]))
    return HoldoutProbe(c=10.0**best, holdout_score=value, holdout_error=error), probe


def _task_of(labels: Tensor) -> Task:
    """The task of class numbers from 0 to the largest."""
    return SingleLabel.numbered(int(labels.max()) + 1 if len(labels) else 0)
