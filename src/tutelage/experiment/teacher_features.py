"""The teachers of a config, with their cached features of the rows that a run trains on."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float, Shaped
from torch import Tensor

from tutelage.cache import ChainedRows, Features, FeatureStore, TeacherRows
from tutelage.cache.derived import derived
from tutelage.cache.key import canonical, digest_of
from tutelage.cache.place import default_root
from tutelage.config import ExperimentConfig, TeacherConfig
from tutelage.data import Modality, Side, Split, Splits
from tutelage.errors import ConfigError
from tutelage.extraction import extract
from tutelage.inputs import Cuts
from tutelage.probe import SideBySide, cross_fitted
from tutelage.progress import Progress
from tutelage.tasks.base import Task, as_list
from tutelage.teachers import Source, open_teacher
from tutelage.teachers.sides import side_of
from tutelage.training.accelerator import computing_device

__all__ = [
    "Teacher",
    "evaluated_rows",
    "open_config",
    "soft_labels",
    "teacher_names",
    "teacher_rows",
    "teacher_side",
    "teachers_features",
]

FOLDS = 5


@dataclass(frozen=True)
class Teacher:
    """A teacher as a run uses it.

    Attributes:
        name: How results call it.
        config: Where it comes from.
        parameters: None where it is not known.
        side: What it reads of a row.
        features: Of the pool of labelled rows.
        unlabelled: Of each split of unlabelled rows.
    """

    name: str
    config: TeacherConfig
    parameters: int | None
    side: Side
    features: Features
    unlabelled: tuple[Features, ...] = ()

    @property
    def bytes(self) -> int:
        """Size of all its features on disk."""
        return sum(features.bytes for features in (self.features, *self.unlabelled))


def teachers_features(
    config: ExperimentConfig,
    pool: Split,
    *,
    unlabelled: Sequence[Split] = (),
    modality: Modality,
    progress: Progress,
) -> list[Teacher]:
    """Return every teacher with its features of these rows, from the cache or newly extracted."""
    store = FeatureStore(config.cache.dir or default_root())
    teachers = []
    for name, teacher in zip(teacher_names(config.teachers), config.teachers, strict=True):
        side = teacher_side(teacher, modality=modality)
        source = open_config(teacher, side=side)
        found = []
        for split in (pool, *unlabelled):
            label = f"extract {name}" + ("" if split is pool else f", {split.name}")

            def note(cuts: Cuts, *, name: str = name, split: Split = split) -> None:
                progress.note(f"{name}: {cuts.words(split.name)}")

            with progress.track(label, len(split), unit="rows") as update:
                found.append(
                    extract(
                        source,
                        split.side(side),
                        store=store,
                        dtype=config.cache.dtype,
                        workers=config.cache.workers,
                        batch_size=teacher.batch_size,
                        device=computing_device(config),
                        on_progress=update,
                        on_cuts=note,
                    )
                )
        teachers.append(Teacher(name, teacher, source.parameters, side, found[0], tuple(found[1:])))
    return teachers


def teacher_rows(
    teachers: Sequence[Teacher], training: Split, *, unlabelled: Sequence[Split] = ()
) -> TeacherRows | ChainedRows:
    """Return the teachers' features of the training rows, then those of the unlabelled ones."""
    rows = TeacherRows({t.name: t.features for t in teachers}, training.ids)
    if not unlabelled:
        return rows
    more = [
        TeacherRows({t.name: t.unlabelled[number] for t in teachers}, split.ids)
        for number, split in enumerate(unlabelled)
    ]
    return ChainedRows([rows, *more])


def evaluated_rows(
    config: ExperimentConfig,
    teachers: Sequence[Teacher],
    splits: Splits,
    *,
    modality: Modality,
    progress: Progress,
) -> TeacherRows | ChainedRows:
    """Return the teachers' features of the evaluated rows, for a probe to be scored on.

    A drawn hold-out is among the rows that are cached already; other rows are extracted.
    """
    evaluated = splits.evaluated
    if (
        set(evaluated.ids) <= set(splits.pool.ids)
        and evaluated.origin.split == splits.pool.origin.split
    ):
        return teacher_rows(teachers, evaluated)
    found = teachers_features(config, evaluated, modality=modality, progress=progress)
    return teacher_rows(found, evaluated)


def soft_labels(
    config: ExperimentConfig,
    teachers: Sequence[Teacher],
    rows: TeacherRows | ChainedRows,
    *,
    training: Split,
    labels: Shaped[Tensor, "rows ..."],
    task: Task,
    progress: Progress,
) -> Float[Tensor, "rows outputs"]:
    """Return the outputs of the teachers' probe, cross-fitted, from the cache or newly fitted.

    Args:
        config: Where the cache lies, and which seed draws the folds.
        teachers: Whose features they are.
        rows: The features: of the training rows, then of the unlabelled ones.
        training: The training rows.
        labels: Of all rows; the unlabelled ones have none.
        task: What labels are.
        progress: Is told that a probe is fitted.
    """
    about = {
        "what": "logits of a cross-fitted linear probe",
        "version": 1,
        "folds": FOLDS,
        "seed": config.data.split_seed,
        "features": [f.key.digest for t in teachers for f in (t.features, *t.unlabelled)],
        "rows": digest_of(canonical([list(training.ids), as_list(labels), task.outputs])),
    }
    if (task.kind, task.lead.name) != ("single-label", "accuracy"):
        about |= {"task": task.kind, "metric": task.lead.name}

    def fit() -> dict[str, Tensor]:
        with progress.track("probe for soft labels", 1, unit="probe") as update:
            logits = cross_fitted(
                SideBySide(rows),
                labels,
                kind=task.kind,
                metric=task.lead,
                classes=task.outputs,
                folds=FOLDS,
                seed=config.data.split_seed,
            )
            update(1)
        return {"logits": logits}

    return derived(config.cache.dir or default_root(), about, compute=fit)["logits"]


def teacher_side(teacher: TeacherConfig, *, modality: Modality) -> Side:
    """Return what a teacher of the config reads of the rows.

    Raises:
        ConfigError: If it may read both image and text, and the config does not say which.
    """
    return side_of(
        teacher.source,
        rows=modality,
        stated=teacher.modality,
        params=teacher.params,
        model_input=None if teacher.input is None else teacher.input.model_dump(),
    )


def open_config(teacher: TeacherConfig, *, side: Side) -> Source:
    """Open one teacher of the config, for images or for texts."""
    return open_teacher(
        teacher.source,
        modality=side,
        params=teacher.params,
        model_input=None if teacher.input is None else teacher.input.model_dump(),
    )


def teacher_names(teachers: tuple[TeacherConfig, ...]) -> list[str]:
    """Return how results call the teachers: as they are named, else the source's last part.

    Raises:
        ConfigError: If two teachers have the same name.
    """
    names = [t.name or t.source.rstrip("/").replace(":", "/").rpartition("/")[2] for t in teachers]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ConfigError(
            f"teachers need names of their own, and {sorted(twice)} stands twice; set teachers.N.name"
        )
    return names
