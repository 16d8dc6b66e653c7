"""What a linear probe on the teachers' features says of a run's rows, where that costs little."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from tutelage.cache import FeatureTable, JoinedTable
from tutelage.cache.derived import derived
from tutelage.errors import DataError
from tutelage.experiment.plan import Plan
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.teacher_features import Teacher, teacher_rows
from tutelage.experiment.teacher_probe import computed_on, soft_labels
from tutelage.files import canonical, digest_of
from tutelage.probes import fit_probe, probe_holdout
from tutelage.tasks import as_list

__all__ = ["TeachersView", "teachers_view"]

MOST_WORK = 2 * 10**9
"""Rows times columns times outputs up to which a probe is fitted: about a minute on one core."""


@dataclass(frozen=True)
class TeachersView:
    """Outputs of linear probes on all teachers' features, side by side.

    Attributes:
        training: Outputs for the training rows, each by a probe that did not see its label; None where
            they are not known.
        evaluated: Outputs for the test or hold-out rows by a probe of the training rows; None where
            they are not known.
        notes: Why something is not known.
    """

    training: Float[Tensor, "rows outputs"] | None = None
    evaluated: Float[Tensor, "others outputs"] | None = None
    notes: tuple[str, ...] = ()


def teachers_view(
    plan: Plan,
    teachers: Sequence[Teacher],
    runtime: Runtime,
    *,
    soft: Float[Tensor, "seen outputs"] | None = None,
) -> TeachersView:
    """Ask linear probes on the teachers' features about the training and the evaluated rows.

    No teacher computes anything for it: of test rows the features must be cached.

    Args:
        plan: Labels, task, and the seed of folds and hold-out.
        teachers: The teachers with their features.
        runtime: The device and the cache, which keeps the outputs.
        soft: The outputs for the training rows that a method has learned from.
    """
    if not teachers:
        return TeachersView()
    table, count = teacher_rows(teachers, plan.training), len(plan.training)
    columns = sum(teacher.features.width for teacher in teachers)
    work = count * columns * plan.task.outputs
    names = " + ".join(teacher.name for teacher in teachers)
    if work > MOST_WORK:
        note = (
            f"The linear probe of {names} was not asked: {count:,} rows of {columns:,} columns and "
            f"{plan.task.outputs:,} {plan.task.outputs_word} take it more than about a minute."
        )
        return TeachersView(None if soft is None else soft[:count], None, (note,))
    notes, training, evaluated = [], None, None
    try:
        training = _of_training(plan, teachers, runtime) if soft is None else soft[:count]
        known = _evaluated_table(plan, teachers)
        if known is None:
            notes.append(
                f"The view of {names} on the {plan.evaluated.name} rows is not shown, because their "
                "features are not cached; 'tutelage probe' caches them, and later runs then show it."
            )
        else:
            evaluated = _of_evaluated(plan, teachers, table, known, runtime)
    except DataError as error:
        notes.append(f"The linear probe of {names} could not be fitted: {error}.")
    return TeachersView(training, evaluated, tuple(notes))


def _of_training(plan: Plan, teachers: Sequence[Teacher], runtime: Runtime) -> Tensor:
    """Cross-fitted outputs, those of ``soft_labels`` where a method has asked for them before."""
    rows = teacher_rows(teachers, plan.training, unlabelled=plan.unlabelled)
    return soft_labels(plan, teachers, rows, runtime)[: len(plan.training)]


def _evaluated_table(plan: Plan, teachers: Sequence[Teacher]) -> FeatureTable | None:
    """The features of the evaluated rows where all are cached, be it with those of the training rows."""
    evaluated = {teacher.name: teacher.evaluated for teacher in teachers}
    known = {name: features for name, features in evaluated.items() if features is not None}
    return JoinedTable(known, plan.evaluated.ids) if len(known) == len(teachers) else None


def _of_evaluated(
    plan: Plan,
    teachers: Sequence[Teacher],
    training: FeatureTable,
    evaluated: FeatureTable,
    runtime: Runtime,
) -> Tensor:
    task, labels, seed = plan.task, plan.training.labels, plan.config.data.split_seed
    about = {
        "what": "outputs of a linear probe for evaluated rows",
        "version": 1,
        "seed": seed,
        "task": [task.kind, task.lead.name],
        "features": [t.features.key.digest for t in teachers],
        "evaluated": [t.evaluated.key.digest for t in teachers if t.evaluated is not None],
        "rows": digest_of(
            canonical([list(plan.training.ids), as_list(labels), list(plan.evaluated.ids)])
        ),
        **computed_on(runtime),
    }

    def fit() -> dict[str, Tensor]:
        c = probe_holdout(training, labels, task=task, seed=seed, device=runtime.device).c
        probe = fit_probe(training, labels, task=task, c=c, device=runtime.device)
        return {"outputs": probe.outputs(evaluated)}

    return derived(runtime.cache.root, about, compute=fit)["outputs"]
