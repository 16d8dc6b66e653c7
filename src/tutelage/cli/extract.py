"""``tutelage extract``: teachers' features of the training rows, or what they would take."""

from datetime import timedelta

from rich.console import Console
from rich.table import Table

from tutelage.cache import FeatureStore
from tutelage.cache.place import default_root
from tutelage.config import ExperimentConfig
from tutelage.experiment.run import open_data
from tutelage.experiment.teacher_features import (
    open_config,
    teacher_names,
    teacher_side,
    teachers_features,
)
from tutelage.extraction import estimate
from tutelage.extraction.extract import feature_key
from tutelage.progress import Progress
from tutelage.report import print_table

__all__ = ["extract_all"]


def extract_all(
    config: ExperimentConfig, *, dry_run: bool, console: Console, progress: Progress
) -> None:
    """Extract the features of every teacher, or print what that would take."""
    data, splits = open_data(config)
    table = Table(box=None, pad_edge=False)
    for name in ("teacher", "rows", "columns", "MB"):
        table.add_column(name, justify="left" if name == "teacher" else "right")
    if not dry_run:
        for done in teachers_features(
            config, splits.pool, modality=data.modality, progress=progress
        ):
            features = done.features
            table.add_row(
                done.name,
                str(len(features)),
                str(features.width),
                f"{features.bytes / 1e6:,.1f}",
            )
        print_table(table, console=console)
        return

    store = FeatureStore(config.cache.dir or default_root())
    table.add_column("cached rows", justify="right")
    table.add_column("time for the rest", justify="right")
    notes = []
    for name, teacher in zip(teacher_names(config.teachers), config.teachers, strict=True):
        side = teacher_side(teacher, modality=data.modality)
        source, split = open_config(teacher, side=side), splits.pool.side(side)
        found = estimate(
            source,
            split,
            store=store,
            dtype=config.cache.dtype,
            workers=config.cache.workers,
            batch_size=teacher.batch_size,
            device="cpu" if config.train.device == "cpu" else None,
        )
        key = feature_key(source, split, dtype=config.cache.dtype)
        if not found.cached and (reason := store.why_missing(key)):
            notes.append(f"{name} is not cached; the entry most like it differs: {reason}")
        seconds = timedelta(seconds=round(found.seconds))
        table.add_row(
            name,
            str(found.rows),
            str(found.width),
            f"{found.bytes / 1e6:,.1f}",
            str(found.cached),
            f"{seconds} (from {found.measured} rows)" if found.measured else "nothing to do",
        )
    print_table(table, console=console)
    for note in notes:
        console.print(note, soft_wrap=True)
