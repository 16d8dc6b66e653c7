"""Linear probes on the teachers' features of a run's rows, and the soft labels that they give."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from tutelage.cache import FeatureTable, columns, rows_digest, select
from tutelage.cache.derived import derived
from tutelage.config import ExperimentConfig
from tutelage.experiment.plan import Plan
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.teacher_features import (
    Teacher,
    evaluated_rows,
    extract_features,
    teacher_rows,
)
from tutelage.files import canonical, digest_of
from tutelage.probes import Probe, cross_fitted, linear_probe
from tutelage.progress import Progress
from tutelage.tasks import SingleLabel, as_list

__all__ = ["ProbedRows", "computed_on", "probe_score", "soft_labels", "teacher_probe"]

FOLDS = 5


@dataclass(frozen=True)
class ProbedRows:
    """The teachers' features of the rows that probes are fitted on and scored on.

    Attributes:
        training: Features of the training rows.
        evaluated: Features of the test or hold-out rows.
    """

    training: FeatureTable
    evaluated: FeatureTable

    @classmethod
    def of(cls, plan: Plan, teachers: Sequence[Teacher], runtime: Runtime) -> "ProbedRows":
        """Join the features to the rows; evaluated rows that are not cached are extracted."""
        return cls(teacher_rows(teachers, plan.training), evaluated_rows(plan, teachers, runtime))


def teacher_probe(
    plan: Plan,
    rows: ProbedRows,
    runtime: Runtime,
    *,
    names: Sequence[str] | None = None,
    weights: Float[Tensor, " columns"] | None = None,
    after: Sequence[Probe] = (),
) -> Probe:
    """Fit a linear probe on the training rows and score it on the evaluated ones.

    Args:
        plan: Labels, task, and the seed of the draws.
        rows: The features.
        runtime: The device.
        names: The teachers whose features are read side by side; all by default.
        weights: What each column is multiplied by.
        after: Probes of the single teachers, from which this one starts.
    """
    return linear_probe(
        columns(rows.training, names),
        plan.training.labels,
        test_features=columns(rows.evaluated, names),
        test_labels=plan.evaluated.labels,
        task=plan.task,
        weights=weights,
        after=after,
        seed=plan.config.data.split_seed,
        device=runtime.device,
    )


def probe_score(config: ExperimentConfig, *, progress: Progress | None = None) -> float:
    """Return how much of the task a linear probe reads off all teachers' features, side by side.

    The probe is fitted on the training rows, scored on the evaluated rows, and kept in the cache.
    Evaluated rows choose nothing in it, and it must choose nothing either.

    Args:
        config: The teachers and the rows.
        progress: Receives progress reports. Silent by default.

    Returns:
        The config's metric on the evaluated rows, at most 1.

    Raises:
        TutelageError: If a teacher or the rows cannot be used.
    """
    plan, runtime = Plan.of(config, trains=False, probes=True), Runtime.of(config, progress)
    teachers = extract_features(plan, runtime)
    rows = ProbedRows.of(plan, teachers, runtime)
    lead = plan.task.lead.name
    about = {
        "what": f"{lead} of a linear probe",
        "version": 1,
        "seed": config.data.split_seed,
        "features": [teacher.features.key.digest for teacher in teachers],
        "rows": [[rows_digest(s), as_list(s.labels)] for s in (plan.training, plan.evaluated)],
        **computed_on(runtime),
    }

    def fit() -> dict[str, Tensor]:
        score = teacher_probe(plan, rows, runtime).score
        return {lead: torch.tensor(score, dtype=torch.float64)}

    return derived(runtime.cache.root, about, compute=fit)[lead].item()


def soft_labels(
    plan: Plan, teachers: Sequence[Teacher], rows: FeatureTable, runtime: Runtime
) -> Float[Tensor, "rows outputs"]:
    """Return the outputs of the teachers' probe, cross-fitted, from the cache or newly fitted.

    Args:
        plan: Labels, task, and the seed that draws the folds.
        teachers: The teachers.
        rows: Their features of the training rows, then of the unlabelled ones; then the same of each
            view. A view's outputs come from the probe that gives those of its row.
        runtime: The device and the cache.
    """
    task, labels, seed = plan.task, plan.seen.labels, plan.config.data.split_seed
    numbers = torch.arange(len(rows)).reshape(-1, len(labels))  # a row for each look at them
    plain, *views = [select(rows, look) for look in numbers]
    about = {
        "what": "logits of a cross-fitted linear probe",
        "version": 1,
        "folds": FOLDS,
        "seed": seed,
        "features": [key for teacher in teachers for key in teacher.keys],
        "rows": digest_of(canonical([list(plan.seen.ids), as_list(labels), task.outputs])),
        **computed_on(runtime),
    }
    if task.lead != SingleLabel.metric() or not task.labels_are_classes:
        about |= {"task": task.kind, "metric": task.lead.name}
    if views:
        about |= {"views": [key for teacher in teachers for key in teacher.view_keys]}

    def fit() -> dict[str, Tensor]:
        with runtime.progress.track("probe of the teachers", 1, unit="probe") as update:
            logits = cross_fitted(
                plain,
                labels,
                task=task,
                folds=FOLDS,
                views=views,
                seed=seed,
                device=runtime.device,
            )
            update(1)
        return {"logits": logits}

    return derived(runtime.cache.root, about, compute=fit)["logits"]


def computed_on(runtime: Runtime) -> dict[str, str]:
    """Part of a cache key: the device's kind, which the CPU's keys leave out."""
    kind = runtime.device.type
    return {} if kind == "cpu" else {"device": kind}
