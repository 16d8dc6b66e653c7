"""The grid of a comparison: each point a student, a fraction of the rows, a method and teachers."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from tutelage.config import CompareConfig, ComparedStudent, ExperimentConfig
from tutelage.errors import ConfigError, did_you_mean
from tutelage.regularizers.catalogue import BASELINE, parse_method
from tutelage.results.names import student_labels
from tutelage.sweeps.folder_names import folder_name, refuse_shared_folders

__all__ = ["GridPoint", "grid_of"]

PARTS = ("student", "fraction", "method", "teachers")


@dataclass(frozen=True)
class GridPoint:
    """One row of a comparison, whatever the seed.

    Attributes:
        student: Name of the student in the table.
        fraction: Fraction of the training rows.
        method: Name of the method.
        teachers: Names of the teachers; empty for a method without teachers, which is trained once
            whatever the sets of teachers.
        config: Config of its runs, except for tuned settings, seed and folder.
        distinguishing: The parts that distinguish the points of this comparison.
    """

    student: str
    fraction: float
    method: str
    teachers: tuple[str, ...]
    config: ExperimentConfig
    distinguishing: frozenset[str]

    def place(self, settings: str = "") -> PurePath:
        """The folder of its runs, below that of all runs: what is the same in all points is left out."""
        parts = {
            "student": self.student,
            "fraction": f"fraction-{self.fraction:g}",
            "method": self.method.replace(":", ".") + settings,
            "teachers": "+".join(self.teachers),
        }
        return PurePath(
            *(folder_name(parts[part]) for part in PARTS if part in self.distinguishing)
        )


def grid_of(config: ExperimentConfig, *, rows: int) -> list[GridPoint]:
    """Return every combination that ``[compare]`` asks for: by student, fraction, method, teachers.

    Args:
        config: The config; its own method is compared with standard fine-tuning where
            ``compare.methods`` names none, and its own student where ``compare.students`` has none.
        rows: How many training rows the fractions are of.

    Raises:
        ConfigError: If there is no such method or teacher, a method has no teachers, or runs would
            share a folder.
    """
    asked = config.compare
    methods = list(dict.fromkeys(asked.methods or (BASELINE, config.transfer.method)))
    needs_teachers = {method: parse_method(method).needs_teachers for method in methods}
    sets = _teacher_sets(config, asked)
    students = asked.students or _own_student(config)
    if not students:
        raise ConfigError("setting student is missing; give --student, or [student] with a source")
    if asked.tune and config.tune.lr and any(student.lr for student in students):
        raise ConfigError(
            "tune.lr is tried for every student, and compare.students gives one a rate of its own; leave "
            "one of them out"
        )
    for method in methods:
        if needs_teachers[method] and not config.teachers:
            raise ConfigError(
                f"method {method!r} needs at least one teacher; add [[teachers]] with a source"
            )
    fractions = tuple(dict.fromkeys(asked.fractions)) or (1.0,)
    if config.data.limit_per_class is not None and fractions != (1.0,):
        raise ConfigError(
            "compare.fractions are shares of all training rows, and data.limit_per_class keeps some of each "
            "class; leave one of them out"
        )
    several = {"student": students, "fraction": fractions, "teachers": sets}
    distinguishing = {part for part, values in several.items() if len(values) > 1} | {"method"}
    points = [
        GridPoint(
            label,
            fraction,
            method,
            names,
            _point_config(config, student, teachers=names, limit=_limit(config, fraction, rows)),
            frozenset(distinguishing if needs_teachers[method] else distinguishing - {"teachers"}),
        )
        for (label, student), fraction, method in itertools.product(
            zip(student_labels([s.source for s in students]), students, strict=True),
            fractions,
            methods,
        )
        for names in (sets if needs_teachers[method] else ((),))
    ]
    refuse_shared_folders(point.place() for point in points)
    return points


def _teacher_sets(config: ExperimentConfig, asked: CompareConfig) -> tuple[tuple[str, ...], ...]:
    known = config.teacher_names
    for name in itertools.chain.from_iterable(asked.teachers):
        if name not in known:
            raise ConfigError(
                f"compare.teachers names {name!r}, which is no teacher of this config"
                f"{did_you_mean(name, known)} (there are: {', '.join(known)})"
            )
    unique = dict.fromkeys(tuple(dict.fromkeys(names)) for names in asked.teachers)
    return tuple(unique) or (tuple(known),)


def _point_config(
    config: ExperimentConfig,
    student: ComparedStudent,
    *,
    teachers: Sequence[str],
    limit: int | None,
) -> ExperimentConfig:
    known = config.teacher_names
    chosen = tuple(config.teachers[known.index(name)] for name in teachers)
    return config.replace(
        {
            "student": student.student,
            "train.lr": student.lr or config.train.lr,
            "teachers": chosen or config.teachers,
            "data.limit": limit,
            "compare": CompareConfig(),
        }
    )


def _own_student(config: ExperimentConfig) -> tuple[ComparedStudent, ...]:
    if config.student is None:
        return ()
    return (ComparedStudent.model_validate(config.student.model_dump()),)


def _limit(config: ExperimentConfig, fraction: float, rows: int) -> int | None:
    return config.data.limit if fraction == 1 else max(1, round(fraction * rows))
