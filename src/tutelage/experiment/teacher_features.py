"""The teachers of a run with their features: extracted or read from the cache, joined to rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from tutelage.cache import Features, FeatureTable, JoinedTable, concat
from tutelage.data import Split
from tutelage.errors import SourceError
from tutelage.experiment.label_doubts import label_doubts
from tutelage.experiment.plan import Plan, TeacherPlan
from tutelage.experiment.runtime import Runtime
from tutelage.extraction import ExtractionSettings, extract_split
from tutelage.extraction.doubts import doubts

__all__ = [
    "Teacher",
    "evaluated_rows",
    "extract_features",
    "extraction_settings",
    "refuse_constant",
    "teacher_rows",
]


@dataclass(frozen=True)
class Teacher:
    """A teacher with its features.

    Attributes:
        plan: Its name, settings and side.
        parameters: Numbers in its weights; None where that is not known.
        features: Of the rows that the data holds for training.
        unlabelled: Of the unlabelled rows, by source.
        doubts: Sentences that say why the features may tell nothing, or be those of other rows.
    """

    plan: TeacherPlan
    parameters: int | None
    features: Features
    unlabelled: tuple[Features, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name in results."""
        return self.plan.name

    @property
    def keys(self) -> list[str]:
        """Digests of the cache keys of all its features."""
        return [features.key.digest for features in (self.features, *self.unlabelled)]

    @property
    def bytes(self) -> int:
        """Size of all its features on disk."""
        return sum(features.bytes for features in (self.features, *self.unlabelled))


def extract_features(plan: Plan, runtime: Runtime) -> list[Teacher]:
    """Return every teacher with its features of the plan's rows, cached or newly extracted."""
    unlabelled = plan.splits.unlabelled if plan.unlabelled else ()
    return _extracted(plan, (plan.splits.extracted, *unlabelled), runtime)


def refuse_constant(teachers: Sequence[Teacher]) -> None:
    """Refuse teachers of which none has a feature that varies.

    Raises:
        SourceError: If so; one constant teacher among others is only told.
    """
    if any(not one.features.constant.all() or len(one.features) < 2 for one in teachers):
        return
    if teachers:
        names = " and ".join(one.name for one in teachers)
        raise SourceError(
            f"the features of {names} are the same in all {len(teachers[0].features):,} training "
            "rows, so there is nothing to transfer; check how they are computed, or train with "
            "transfer.method = 'stl'"
        )


def run_digest(plan: Plan, teachers: Sequence[Teacher]) -> str:
    """Return a digest of a run's settings, rows and features; see ``Plan.digest``."""
    return plan.digest([key for teacher in teachers for key in teacher.keys])


def evaluated_rows(plan: Plan, teachers: Sequence[Teacher], runtime: Runtime) -> FeatureTable:
    """Return the teachers' features of the evaluated rows, for a probe to be scored on.

    A hold-out that was drawn from the training rows is cached with them; other rows are extracted.
    """
    evaluated, pool = plan.evaluated, plan.splits.extracted
    if set(evaluated.ids) <= set(pool.ids) and evaluated.origin.split == pool.origin.split:
        return teacher_rows(teachers, evaluated)
    return teacher_rows(_extracted(plan, (evaluated,), runtime), evaluated)


def teacher_rows(
    teachers: Sequence[Teacher], training: Split, *, unlabelled: Sequence[Split] = ()
) -> FeatureTable:
    """Return the teachers' features of the training rows, then those of the unlabelled ones."""
    rows = JoinedTable({t.name: t.features for t in teachers}, training.ids)
    if not unlabelled:
        return rows
    more = [
        JoinedTable({t.name: t.unlabelled[number] for t in teachers}, split.ids)
        for number, split in enumerate(unlabelled)
    ]
    return concat([rows, *more])


def _extracted(plan: Plan, splits: Sequence[Split], runtime: Runtime) -> list[Teacher]:
    """Every teacher with its features of some splits, of which the first has labels."""
    teachers = []
    for teacher in plan.teachers:
        source, settings = teacher.open(), extraction_settings(plan, teacher, runtime)
        features = [
            extract_split(
                source,
                split.side(teacher.side),
                store=runtime.cache,
                settings=settings,
                name=teacher.name,
                spec=teacher.config.source,
                progress=runtime.progress,
            )
            for split in splits
        ]
        of_labels = label_doubts(teacher, features[0], splits[0])
        for doubt in of_labels:
            runtime.progress.note(f"{teacher.name}: {doubt}")
        told = (*(doubt for one in features for doubt in doubts(one)), *of_labels)
        teachers.append(Teacher(teacher, source.parameters, features[0], tuple(features[1:]), told))
    return teachers


def extraction_settings(plan: Plan, teacher: TeacherPlan, runtime: Runtime) -> ExtractionSettings:
    """Return the settings of one teacher's extraction."""
    return ExtractionSettings(
        dtype=plan.config.cache.dtype,
        workers=plan.config.cache.workers,
        batch_size=teacher.config.batch_size,
        device=runtime.device,
    )
