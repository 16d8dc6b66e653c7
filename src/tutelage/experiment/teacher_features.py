"""The teachers of a run with their features: extracted or read from the cache, joined to rows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tutelage.cache import Features, FeatureTable, JoinedTable, concat
from tutelage.data import Split
from tutelage.errors import SourceError
from tutelage.experiment.label_doubts import label_doubts
from tutelage.experiment.plan import Plan, TeacherPlan
from tutelage.experiment.runtime import Runtime
from tutelage.extraction import ExtractionSettings, extract_split
from tutelage.extraction.doubts import doubts
from tutelage.extraction.extract import cached_features
from tutelage.extraction.parts import is_encoder
from tutelage.teachers import Source

__all__ = [
    "Teacher",
    "evaluated_rows",
    "extract_features",
    "extraction_settings",
    "refuse_constant",
    "refuse_unseeing",
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
        views: For each view, of the former rows and of the unlabelled ones, by source.
        doubts: Sentences that say why the features may tell nothing, or be those of other rows.
        evaluated: Of the test or hold-out rows, where they are cached; not looked for by default.
    """

    plan: TeacherPlan
    parameters: int | None
    features: Features
    unlabelled: tuple[Features, ...] = ()
    views: tuple[tuple[Features, ...], ...] = ()
    doubts: tuple[str, ...] = ()
    evaluated: Features | None = None

    @property
    def name(self) -> str:
        """Its name in results."""
        return self.plan.name

    @property
    def keys(self) -> list[str]:
        """Digests of the cache keys of its features of the rows as they are."""
        return [features.key.digest for features in self.looks[0]]

    @property
    def view_keys(self) -> list[str]:
        """Digests of the cache keys of its features of views."""
        return [features.key.digest for view in self.views for features in view]

    @property
    def looks(self) -> tuple[tuple[Features, ...], ...]:
        """Its features of the rows as they are, then of each view: of all rows, by source."""
        return ((self.features, *self.unlabelled), *self.views)

    @property
    def rows(self) -> int:
        """Number of rows of all its features, those of a view that equals its rows not counted again."""
        return sum(map(len, self._stored))

    @property
    def bytes(self) -> int:
        """Size of all its features on disk."""
        return sum(features.bytes for features in self._stored)

    @property
    def _stored(self) -> Collection[Features]:
        return {features.key.digest: features for look in self.looks for features in look}.values()


def extract_features(
    plan: Plan, runtime: Runtime, *, look_up_evaluated: bool = False
) -> list[Teacher]:
    """Return every teacher with its features of the plan's rows, cached or newly extracted.

    Args:
        plan: The rows.
        runtime: The device and the cache.
        look_up_evaluated: Open those of the evaluated rows, too, where they are cached.
    """
    unlabelled = plan.splits.unlabelled if plan.unlabelled else ()
    rows = (plan.splits.extracted, *unlabelled)
    views = plan.views_of(*rows)
    if views:
        refuse_unseeing(plan)
    looked_up = plan.evaluated if look_up_evaluated else None
    return _extracted(plan, rows, runtime, views=views, looked_up=looked_up)


def refuse_unseeing(plan: Plan) -> None:
    """Refuse teachers that look rows up, of which only custom ones are not known before.

    Raises:
        SourceError: If there is one.
    """
    for teacher in plan.teachers:
        if teacher.config.source.startswith("python:") and not is_encoder(teacher.open()):
            raise SourceError(
                f"data.views needs a teacher that computes features of the views; {teacher.name} "
                "looks up those of the rows as they are: set data.views = 0, or leave it out"
            )


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
    return plan.digest([key for teacher in teachers for key in (*teacher.keys, *teacher.view_keys)])


def evaluated_rows(plan: Plan, teachers: Sequence[Teacher], runtime: Runtime) -> FeatureTable:
    """Return the teachers' features of the evaluated rows, for a probe to be scored on.

    A hold-out that was drawn from the training rows is cached with them; other rows are extracted.
    """
    evaluated = plan.evaluated
    if _is_part(evaluated, plan.splits.extracted):
        return teacher_rows(teachers, evaluated)
    return teacher_rows(_extracted(plan, (evaluated,), runtime), evaluated)


def teacher_rows(
    teachers: Sequence[Teacher],
    training: Split,
    *,
    unlabelled: Sequence[Split] = (),
    views: int = 0,
) -> FeatureTable:
    """Return the teachers' features of the training rows, then those of the unlabelled ones; then the
    same of each view."""
    return concat(
        [
            JoinedTable({t.name: t.looks[look][number] for t in teachers}, split.ids)
            for look in range(1 + views)
            for number, split in enumerate((training, *unlabelled))
        ]
    )


def _is_part(evaluated: Split, pool: Split) -> bool:
    """Whether rows were drawn from others, so that their features are among those of the others."""
    return set(evaluated.ids) <= set(pool.ids) and evaluated.origin.split == pool.origin.split


def _extracted(
    plan: Plan,
    splits: Sequence[Split],
    runtime: Runtime,
    *,
    views: Sequence[Sequence[Split]] = (),
    looked_up: Split | None = None,
) -> list[Teacher]:
    """Every teacher with its features of some splits, of which the first has labels, and of views; of
    one more they are opened where they are cached."""
    teachers = []
    for teacher in plan.teachers:
        extractor = _Extractor(teacher, teacher.open(), plan, runtime)
        features = extractor.features(splits)
        of_labels = label_doubts(teacher, features[0], splits[0])
        for doubt in of_labels:
            runtime.progress.note(f"{teacher.name}: {doubt}")
        told = (*(doubt for one in features for doubt in doubts(one)), *of_labels)
        of_views = tuple(extractor.of_view(view, splits, features) for view in views)
        parameters = extractor.source.parameters
        evaluated = None
        if looked_up is not None:
            part = _is_part(looked_up, splits[0])
            evaluated = features[0] if part else extractor.cached(looked_up)
        teachers.append(
            Teacher(teacher, parameters, features[0], features[1:], of_views, told, evaluated)
        )
    return teachers


@dataclass(frozen=True)
class _Extractor:
    """A teacher that is loaded, and all that its features depend on besides the rows."""

    teacher: TeacherPlan
    source: Source
    plan: Plan
    runtime: Runtime

    def features(self, splits: Sequence[Split]) -> tuple[Features, ...]:
        """Its features of each of some splits."""
        return tuple(self._extracted(split.side(self.teacher.side)) for split in splits)

    def of_view(
        self, view: Sequence[Split], splits: Sequence[Split], features: Sequence[Features]
    ) -> tuple[Features, ...]:
        """Its features of a view of these splits; of a side that has no views, those of its rows."""
        sides = [[split.side(self.teacher.side) for split in some] for some in (view, splits)]
        return tuple(
            known if one.rows is plain.rows else self._extracted(one)
            for one, plain, known in zip(*sides, features, strict=True)
        )

    def cached(self, split: Split) -> Features | None:
        """Its features of a split from the cache; the rows are read only if they may be there."""
        identity, store = self.source.identity(), self.runtime.cache
        if not store.may_hold(identity, split=split.name, rows=len(split)):
            return None
        return cached_features(
            self.source,
            split.side(self.teacher.side),
            store=store,
            dtype=self.plan.config.cache.dtype,
        )

    def _extracted(self, split: Split) -> Features:
        return extract_split(
            self.source,
            split,
            store=self.runtime.cache,
            settings=extraction_settings(self.plan, self.teacher, self.runtime),
            name=self.teacher.name,
            spec=self.teacher.config.source,
            progress=self.runtime.progress,
        )


def extraction_settings(plan: Plan, teacher: TeacherPlan, runtime: Runtime) -> ExtractionSettings:
    """Return the settings of one teacher's extraction."""
    cache = plan.config.cache
    by_ray = cache.engine == "ray" and plan.config.train.device != "cpu"
    return ExtractionSettings(
        dtype=cache.dtype,
        workers=cache.workers,
        batch_size=teacher.config.batch_size,
        device=None if by_ray else runtime.device,  # each machine of a cluster has its own
        engine=cache.engine,
    )
