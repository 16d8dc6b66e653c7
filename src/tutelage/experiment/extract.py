"""Extract the teachers' features of a config's rows, or estimate what that takes."""

from collections.abc import Iterator
from dataclasses import dataclass

from tutelage.config import ExperimentConfig
from tutelage.data.overlap import not_evaluated
from tutelage.errors import ConfigError, TutelageError
from tutelage.experiment.plan import Plan
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.teacher_features import (
    Teacher,
    extract_features,
    extraction_settings,
    refuse_unseeing,
)
from tutelage.extraction import Estimate, estimate
from tutelage.extraction.extract import feature_key
from tutelage.progress import Progress
from tutelage.teachers import Source
from tutelage.training.lengths import length_of

__all__ = [
    "ExtractionEstimate",
    "estimate_extraction",
    "estimate_teachers",
    "extract",
    "length_of_training",
]


@dataclass(frozen=True)
class ExtractionEstimate:
    """What the extraction of one teacher's features takes.

    Attributes:
        name: The teacher.
        estimate: Rows, disk and time.
        why_missing: How the most similar cache entry differs; None where there is none.
    """

    name: str
    estimate: Estimate
    why_missing: str | None


def extract(config: ExperimentConfig, *, progress: Progress | None = None) -> list[Teacher]:
    """Compute the teachers' features of the training rows and cache them; cached ones are read.

    Args:
        config: Data and teachers.
        progress: Receives progress reports. Silent by default.

    Returns:
        Every teacher with its features, memory-mapped from the cache.

    Raises:
        ConfigError: If there is no teacher.
        TutelageError: If data or a teacher cannot be used.

    Example:
        >>> config = ExperimentConfig.model_validate({
        ...     "data": {"source": "folder:flowers/"},
        ...     "teachers": [{"source": "timm:vit_giant_patch14_dinov2.lvd142m"}],
        ... })
        >>> dino, = extract(config)  # doctest: +SKIP
        >>> dino.features.width  # doctest: +SKIP
        1536
    """
    plan, runtime = _plan(config), Runtime.of(config, progress)
    plan.tell(runtime.progress)
    return extract_features(plan, runtime)


def estimate_extraction(
    config: ExperimentConfig, *, progress: Progress | None = None
) -> list[ExtractionEstimate]:
    """Estimate rows, disk and time of an extraction by running each teacher on a few rows.

    Args:
        config: Data and teachers.
        progress: Receives progress reports. Silent by default.

    Raises:
        ConfigError: If there is no teacher.
        TutelageError: If data or a teacher cannot be used.
    """
    plan, runtime = _plan(config), Runtime.of(config, progress)
    plan.tell(runtime.progress)
    return [expected for expected, _ in estimate_teachers(plan, runtime)]


def estimate_teachers(plan: Plan, runtime: Runtime) -> Iterator[tuple[ExtractionEstimate, Source]]:
    """Yield what the extraction of each of a plan's teachers takes, with the teacher, loaded.

    Args:
        plan: The rows: those of the training split, unlabelled ones that are used, and views of both.
        runtime: The device and the cache.

    Raises:
        TutelageError: If a teacher cannot be used.
    """
    if plan.views:
        refuse_unseeing(plan)
    plain = (plan.splits.extracted, *(plan.splits.unlabelled if plan.unlabelled else ()))
    for teacher in plan.teachers:
        source = teacher.open()
        rows = [one.side(teacher.side) for one in plain]
        views = [
            seen
            for view in plan.views_of(*plain)
            for one, known in zip(view, rows, strict=True)
            if (seen := one.side(teacher.side)).rows is not known.rows
        ]
        expected = estimate(
            source,
            rows[0],
            store=runtime.cache,
            settings=extraction_settings(plan, teacher, runtime),
            more=[*rows[1:], *views],
        )
        key = feature_key(source, rows[0], dtype=plan.config.cache.dtype)
        reason = None if expected.cached else runtime.cache.why_missing(key)
        yield ExtractionEstimate(teacher.name, expected, reason), source
        del source  # its memory is the next one's


def length_of_training(config: ExperimentConfig) -> str:
    """Return how long the config's student would be trained, and why, in one line.

    Args:
        config: Data, method and training; the student may be missing.

    Raises:
        TutelageError: If the data cannot be used.
    """
    plan, train = Plan.of(config, trains=False), config.train
    taught = plan.method.needs_teachers
    rows = plan.splits
    try:
        without = not_evaluated(rows)[0] if taught and train.unlabelled_share else ()
        unlabelled = sum(map(len, without))
        length = length_of(train, labelled=len(rows.training), unlabelled=unlabelled, taught=taught)
    except TutelageError as error:
        return f"training: {error}"
    return f"training: {length}"


def _plan(config: ExperimentConfig) -> Plan:
    if not config.teachers:
        raise ConfigError(
            "there is no teacher to extract features of; add --teacher or [[teachers]]"
        )
    return Plan.of(config, trains=False)
