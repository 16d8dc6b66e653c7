"""``tutelage tune``: the search's table, and the run with what it chose."""

from pathlib import Path
from typing import Literal

from rich.console import Console

from tutelage.config import ExperimentConfig
from tutelage.errors import ConfigError
from tutelage.progress import Progress
from tutelage.report import print_result, write_report
from tutelage.results.folders import CHOSEN
from tutelage.sweeps.tune import AUTO, tune

__all__ = ["asks_for_auto", "method_names", "print_chosen", "tune_and_print"]


def method_names(text: str | None) -> list[str] | None:
    """Return the names between commas; ``auto`` stands for those worth trying.

    Raises:
        ConfigError: If there are none.
    """
    if text is None:
        return None
    names = _between_commas(text)
    if not names:
        raise ConfigError("--methods names none; write for example --methods stl,kd,aft")
    return [one for name in names for one in (AUTO if name == "auto" else (name,))]


def asks_for_auto(text: str | None) -> bool:
    """Whether one of the names between commas is ``auto``, whose points are ended early."""
    return text is not None and "auto" in _between_commas(text)


def _between_commas(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def tune_and_print(
    config: ExperimentConfig,
    *,
    methods: str | None,
    jobs: int,
    engine: Literal["local", "ray"],
    gpus: float | None,
    console: Console,
    progress: Progress,
) -> None:
    """Search, print what was tried, and report the run on all training rows."""
    if asks_for_auto(methods):
        config = config.replace({"tune.prune": True})
    tuning = tune(
        config,
        methods=method_names(methods),
        jobs=jobs,
        engine=engine,
        gpus=gpus,
        progress=progress,
    )
    print_chosen(config.output.dir, f"{tuning.chosen}, by the hold-out", console=console)


def print_chosen(folder: Path, chosen: str, *, console: Console) -> None:
    """Write a search's page, and print its table and where the chosen student lies.

    Args:
        folder: The folder of the search.
        chosen: What was chosen, and by which rows.
        console: Receives the table.
    """
    page = write_report([folder])
    print_result([folder], console=console)
    console.print(
        f"chosen   {chosen}; the test rows chose nothing\n"
        f"student  {folder / CHOSEN / 'student'}\nreport   {page}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
