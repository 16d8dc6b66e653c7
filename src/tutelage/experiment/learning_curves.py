"""Learning curves of the student's own and of the teachers' features, over folds of the training rows."""

import torch
from jaxtyping import Int64
from torch import Tensor

from tutelage.cache import FeatureTable
from tutelage.config import ExperimentConfig
from tutelage.data.splits import choose_splits
from tutelage.experiment.head_start import head_of
from tutelage.experiment.plan import Plan
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.student_features import new_student, student_features
from tutelage.experiment.teacher_features import extract_features, teacher_rows
from tutelage.probes import learning_curve
from tutelage.progress import Progress
from tutelage.results.choice import ProbeCurve, ProbePoint

__all__ = ["learning_curves"]


def learning_curves(
    config: ExperimentConfig, *, folds: int = 5, progress: Progress | None = None
) -> tuple[ProbeCurve, ...]:
    """Score linear probes on a quarter, half and all of the training rows, on held-out ones.

    Features are computed once, those of teachers read from the cache; the probes are fitted for each
    fold of the training rows in turn (``data.folds``), so that their scores pair with those of runs on
    the same folds. Test rows are not read.

    Args:
        config: Data, teachers and student.
        folds: Parts of the training rows, of which each is held out once.
        progress: Receives progress reports. Silent by default.

    Returns:
        The curve of the student's own features, where it is known to be pre-trained, then that of all
        teachers' side by side. Curves without a point, because the rows are too few, are left out.

    Raises:
        DataError: If a class has no row, or the rows are fewer than the folds.
        TutelageError: If a teacher, the student or the rows cannot be used.

    Example:
        >>> config = ExperimentConfig.model_validate({
        ...     "data": {"source": "folder:flowers/"},
        ...     "teachers": [{"source": "timm:vit_giant_patch14_dinov2.lvd142m"}],
        ...     "student": {"source": "timm:resnet50"},
        ... })
        >>> own, teachers = learning_curves(config)  # doctest: +SKIP
        >>> [round(point.rows) for point in own.points]  # doctest: +SKIP
        [64, 128, 256]
    """
    changes = {"data.evaluate": "holdout", "data.folds": folds, "data.fold": 0}
    config = config.replace(changes)
    plan, runtime = Plan.of(config, trains=False), Runtime.of(config, progress)
    held = _folds(plan)
    curves: dict[str, Tensor | FeatureTable | None] = {
        "student": None if not _pretrained(plan) else _own(plan, runtime),
        "teachers": None if not plan.teachers else _teachers(plan, runtime),
    }
    known = {of: features for of, features in curves.items() if features is not None}
    found = []
    with runtime.progress.track("learning curves", len(known), unit="curves") as update:
        for done, (of, features) in enumerate(known.items(), start=1):
            found.append(_curve(of, features, plan, held, runtime))
            update(done)
    return tuple(curve for curve in found if curve.points)


def _folds(plan: Plan) -> list[Int64[Tensor, " held"]]:
    """Numbers of each fold's rows among all training rows."""
    settings = plan.config.data
    numbers = {row_id: number for number, row_id in enumerate(plan.splits.extracted.ids)}
    folds = []
    for fold in range(settings.folds or 0):
        splits = choose_splits(plan.data, settings.model_copy(update={"fold": fold}))
        folds.append(torch.tensor([numbers[row_id] for row_id in splits.evaluated.ids]))
    return folds


def _pretrained(plan: Plan) -> bool:
    settings = plan.config.student
    return settings is not None and head_of(settings, modality=plan.data.modality) == "probe"


def _own(plan: Plan, runtime: Runtime) -> Tensor:
    return student_features(plan, new_student(plan), [plan.splits.extracted], runtime)[0]


def _teachers(plan: Plan, runtime: Runtime) -> FeatureTable:
    return teacher_rows(extract_features(plan, runtime), plan.splits.extracted)


def _curve(
    of: str,
    features: Tensor | FeatureTable,
    plan: Plan,
    folds: list[Tensor],
    runtime: Runtime,
) -> ProbeCurve:
    points = learning_curve(
        features,
        plan.splits.extracted.labels,
        folds=folds,
        task=plan.task,
        seed=plan.config.data.split_seed,
        device=runtime.device,
    )
    return ProbeCurve.model_validate(
        {"of": of, "points": [ProbePoint(rows=one.rows, scores=one.scores) for one in points]}
    )
