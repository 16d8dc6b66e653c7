"""``tutelage train --auto``: the search, and the student that it chose."""

from rich.console import Console

from tutelage.cli.tune import print_chosen
from tutelage.config import ExperimentConfig
from tutelage.progress import Progress
from tutelage.sweeps.auto import auto

__all__ = ["auto_and_print"]


def auto_and_print(
    config: ExperimentConfig, *, budget: str, jobs: int, console: Console, progress: Progress
) -> None:
    """Search within a budget, print what was tried, and report the students that it trained."""
    choice = auto(config, budget=budget, jobs=jobs, progress=progress)
    chosen = f"{choice.chosen}, by held-out training rows"
    print_chosen(config.output.dir, chosen, console=console)
