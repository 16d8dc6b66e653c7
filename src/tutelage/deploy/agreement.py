"""Agreement of a student with a linear probe on its teachers' features."""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from tutelage.cache import columns
from tutelage.deploy.saved import SavedRun
from tutelage.errors import ConfigError, DataError
from tutelage.experiment.plan import Plan
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.teacher_features import extract_features
from tutelage.experiment.teacher_probe import ProbedRows
from tutelage.probes import fit_probe, probe_holdout
from tutelage.progress import Progress
from tutelage.tasks import Task

__all__ = ["Agreement", "agreement", "probe_outputs"]


@dataclass(frozen=True)
class Agreement:
    """How often student and probe give the same class, and which of them is right.

    Attributes:
        rows: Number of rows, or of labels of rows where there are several.
        same: Share to which both give the same.
        both: Share that both get right.
        student: Share that the student alone gets right.
        probe: Share that the probe alone gets right.
    """

    rows: int
    same: float
    both: float
    student: float
    probe: float

    @property
    def neither(self) -> float:
        """Share that neither gets right."""
        return max(0.0, 1 - self.both - self.student - self.probe)


def agreement(
    task: Task,
    student: Float[Tensor, "rows outputs"],
    probe: Float[Tensor, "rows outputs"],
    labels: Shaped[Tensor, "rows ..."],
) -> Agreement:
    """Compare two models' answers, row by row, or label by label where rows have several.

    Args:
        task: A task with classes or labels.
        student: The student's logits.
        probe: The probe's logits.
        labels: Labels; those that are not known are left out.

    Example:
        >>> from tutelage.tasks import SingleLabel
        >>> one, other = torch.eye(2), torch.eye(2)[[0, 0]]
        >>> agreement(SingleLabel.numbered(2), one, other, torch.tensor([0, 1]))
        Agreement(rows=2, same=0.5, both=0.5, student=0.5, probe=0.0)
    """
    if task.labels_are_classes:
        first, second, truth = student.argmax(dim=1), probe.argmax(dim=1), labels
    else:
        known = ~labels.isnan()
        first, second, truth = (student >= 0)[known], (probe >= 0)[known], labels[known] == 1
    right, also = first == truth, second == truth

    def share(rows: Tensor) -> float:
        return float(rows.double().mean())

    return Agreement(
        rows=len(truth),
        same=share(first == second),
        both=share(right & also),
        student=share(right & ~also),
        probe=share(~right & also),
    )


def probe_outputs(
    run: SavedRun, ids: list[str], *, progress: Progress, cache: Path | None = None
) -> Float[Tensor, "rows outputs"]:
    """Return the outputs of a linear probe on the teachers' features for the run's evaluated rows.

    The probe is fitted on the run's training rows. Features that are not cached are extracted, which
    needs the teachers. Its columns are in the order of the run's classes, which may be numbered
    otherwise in data that has changed; classes that the run does not know have no column.

    Args:
        run: The run.
        ids: Ids of its evaluated rows, in order.
        progress: Receives progress reports.
        cache: Cache folder, if it is not that of the run.

    Raises:
        ConfigError: If the run has no teachers.
        DataError: If the data lacks some of the rows, or of the run's classes.
        TutelageError: If a teacher cannot be used.
    """
    config = run.config if cache is None else run.config.replace({"cache.dir": cache})
    if not config.teachers:
        raise ConfigError(
            f"the run in {run.folder} has no teachers to compare with; leave out --teachers"
        )
    plan, runtime = Plan.of(config, trains=False, probes=True), Runtime.of(config, progress)
    known = {name: number for number, name in enumerate(plan.evaluated.ids)}
    if any(name not in known for name in ids):
        raise DataError("the data of the run has changed, so its teachers cannot be compared with")
    if missing := [name for name in run.task.names if name not in plan.task.names]:
        raise DataError(
            f"no training row of the run's data has {missing[0]!r} any longer, which the run was trained "
            "with, so its teachers cannot be compared with"
        )
    if added := [name for name in plan.task.names if name not in run.task.names]:
        progress.note(
            f"the run's data has {added[0]!r}, which the run was not trained with: no answer of the "
            "teachers' probe"
        )
    order = torch.tensor([plan.task.names.index(name) for name in run.task.names])
    rows = ProbedRows.of(plan, extract_features(plan, runtime), runtime)
    training, seed = columns(rows.training), config.data.split_seed
    given = {"task": plan.task, "device": runtime.device}
    labels = plan.training.labels
    c = probe_holdout(training, labels, seed=seed, **given).c  # type: ignore[arg-type]
    fitted = fit_probe(training, labels, c=c, **given)  # type: ignore[arg-type]
    outputs = fitted.outputs(columns(rows.evaluated))
    return outputs[torch.tensor([known[name] for name in ids])][:, order]
