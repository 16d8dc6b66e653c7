"""``tutelage tune``: the search's table, and the run with what it chose."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tutelage.config import ExperimentConfig
from tutelage.errors import ConfigError
from tutelage.progress import Progress
from tutelage.report import print_result, print_table, write_report
from tutelage.report.units import ascii_only, metric_title, score
from tutelage.results.statistics import SampleMean
from tutelage.sweeps.tune import AUTO, Trial, Tuning, tune
from tutelage.tasks import Metric

__all__ = ["method_names", "tune_and_print"]


def method_names(text: str | None) -> list[str] | None:
    """Return the names between commas; ``auto`` stands for those worth trying.

    Raises:
        ConfigError: If there are none.
    """
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise ConfigError("--methods names none; write for example --methods stl,kd,aft")
    return [one for name in names for one in (AUTO if name == "auto" else (name,))]


def tune_and_print(
    config: ExperimentConfig,
    *,
    methods: str | None,
    jobs: int,
    console: Console,
    progress: Progress,
) -> None:
    """Search, print what was tried, and report the run on all training rows."""
    if methods is not None and "auto" in methods:
        config = config.replace({"tune.prune": True})
    tuning = tune(config, methods=method_names(methods), jobs=jobs, progress=progress)
    print_table(_table(tuning), console=console)
    folder = config.output.dir / "chosen"
    page = write_report([folder])
    print_result([folder], console=console)
    console.print(
        f"chosen   {tuning.chosen}, by the hold-out; the test rows chose nothing\n"
        f"student  {folder / 'student'}\nreport   {page}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _table(tuning: Tuning) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("tried")
    table.add_column(f"hold-out {metric_title(tuning.metric)}", justify="right")
    table.add_column("")
    for trial in tuning.trials:
        table.add_row(
            Text(trial.name), _score(trial, tuning.metric), Text(_remark(trial, tuning.chosen))
        )
    return table


def _score(trial: Trial, metric: Metric) -> str:
    if trial.score is None:
        return ""
    found = score(SampleMean(trial.score, trial.error, 1), metric)
    return ascii_only(found).removesuffix(" %")


def _remark(trial: Trial, chosen: str) -> str:
    if trial.name == chosen:
        return "chosen"
    return {"pruned": "ended early", "failed": trial.reason}.get(trial.state, "")
