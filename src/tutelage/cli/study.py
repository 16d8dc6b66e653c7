"""``tutelage study``: comparisons on several data sets, as tables, a picture and a page."""

from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.text import Text

from tutelage.config import StudyConfig, load_study
from tutelage.config.study import Scale
from tutelage.progress import Progress
from tutelage.report.study_page import study_headline, write_study_files
from tutelage.report.study_tables import normalized_columns, study_columns, study_notes
from tutelage.report.terminal import column_table, print_table
from tutelage.report.units import ascii_only
from tutelage.studies import SCHEME, study_table
from tutelage.sweeps.studies import study

__all__ = ["default_folder", "study_and_print", "study_at"]


def study_and_print(
    place: str,
    *,
    out: Path | None,
    seeds: int | None,
    scale: Scale,
    jobs: int,
    engine: Literal["local", "ray"],
    gpus: float | None,
    console: Console,
    progress: Progress,
) -> bool:
    """Run a study, print its tables, and write them with picture and page.

    Args:
        place: ``paper:NAME``, or the study's file.
        out: Its folder; by default named after the study, in ``runs``.
        seeds: In place of ``compare.seeds``.
        scale: ``"tiny"`` for stand-ins in place of models and data.
        jobs: Runs trained in parallel.
        engine: ``"ray"`` for the tasks of a Ray cluster in place of processes.
        gpus: GPUs that a run takes of the cluster.
        console: Receives what is printed.
        progress: Receives progress reports.

    Returns:
        Whether all runs finished on all data sets.
    """
    config, folder, beside = study_at(place, out=out, scale=scale)
    done = study(
        config,
        out=folder,
        beside=beside,
        seeds=seeds,
        jobs=jobs,
        engine=engine,
        gpus=gpus,
        progress=progress,
    )
    for columns in (study_columns(done), normalized_columns(done)):
        print_table(column_table(columns, ruled=console.is_terminal), console=console)
    for sentence in (study_headline(done), *study_notes(done)):
        console.print(Text(ascii_only(sentence)), soft_wrap=not console.is_terminal)
    for path in write_study_files(done, folder):
        console.print(str(path), highlight=False, markup=False, soft_wrap=True)
    return not done.failures


def study_at(
    place: str, *, out: Path | None, scale: Scale
) -> tuple[StudyConfig, Path, Path | None]:
    """Return a study, its folder, and the folder that its config files are relative to.

    Args:
        place: ``paper:NAME``, or the study's file.
        out: Its folder; by default named after the study.
        scale: Its scale.
    """
    config = load_study(study_table(place) | {"scale": scale})
    beside = None if place.startswith(SCHEME) else Path(place).parent
    return config, out or default_folder(place, scale=scale), beside


def default_folder(place: str, *, scale: Scale = "full") -> Path:
    """Return the folder of a study that names none: ``runs/NAME``, or ``runs/NAME-tiny``."""
    name = Path(place.removeprefix(SCHEME)).stem
    return Path("runs") / (name if scale == "full" else f"{name}-{scale}")
