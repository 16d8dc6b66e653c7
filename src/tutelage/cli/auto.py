"""``tutelage train --auto``: the search, and the student that it chose."""

from rich.console import Console

from tutelage.config import ExperimentConfig
from tutelage.progress import Progress
from tutelage.report import print_result, write_report
from tutelage.results.folders import CHOSEN
from tutelage.sweeps.auto import auto

__all__ = ["auto_and_print"]


def auto_and_print(
    config: ExperimentConfig, *, budget: str, jobs: int, console: Console, progress: Progress
) -> None:
    """Search within a budget, print what was tried, and report the students that it trained."""
    choice = auto(config, budget=budget, jobs=jobs, progress=progress)
    root = config.output.dir
    page = write_report([root])
    print_result([root], console=console)
    console.print(
        f"chosen   {choice.chosen}, by held-out training rows; the test rows chose nothing\n"
        f"student  {root / CHOSEN / 'student'}\nreport   {page}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
