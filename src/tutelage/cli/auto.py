"""``tutelage train --auto``: the search, and the student that it chose."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tutelage.config import ExperimentConfig
from tutelage.progress import Progress
from tutelage.report import print_result, print_table, write_report
from tutelage.report.units import ascii_only, metric_title, score
from tutelage.sweeps.auto import auto
from tutelage.sweeps.choice import Choice, Tried

__all__ = ["auto_and_print"]


def auto_and_print(
    config: ExperimentConfig, *, budget: str, jobs: int, console: Console, progress: Progress
) -> None:
    """Search within a budget, print what was tried, and report the students that it trained."""
    choice = auto(config, budget=budget, jobs=jobs, progress=progress)
    print_table(_table(choice), console=console)
    root = config.output.dir
    same = choice.chosen == choice.baseline
    folders = [root / "chosen"] + ([] if same else [root / "baseline"])
    page = write_report(folders, path=root / "report.html")
    print_result(folders, console=console)
    console.print(
        f"chosen   {choice.chosen}, by held-out training rows; the test rows chose nothing\n"
        f"student  {root / 'chosen' / 'student'}\nreport   {page}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _table(choice: Choice) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("tried")
    table.add_column(f"held-out {metric_title(choice.metric)}", justify="right")
    table.add_column("folds", justify="right")
    table.add_column("")
    for one in choice.tried:
        table.add_row(
            Text(one.name),
            ascii_only(score(one.score, choice.metric)).removesuffix(" %") if one.scores else "",
            str(len(one.scores)),
            Text(_remark(one, choice)),
        )
    return table


def _remark(one: Tried, choice: Choice) -> str:
    places = {"highest": choice.best, "baseline": choice.baseline, "chosen": choice.chosen}
    return one.reason or ", ".join(word for word, name in places.items() if name == one.name)
