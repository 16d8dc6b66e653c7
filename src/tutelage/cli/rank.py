"""``tutelage rank``: the candidates' table and the advice."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tutelage.files import human_size
from tutelage.report import print_table
from tutelage.report.units import metric_title
from tutelage.sweeps.advice import Candidate
from tutelage.sweeps.rank import Ranking

__all__ = ["print_ranking"]


def print_ranking(ranking: Ranking, *, console: Console) -> None:
    """Print every candidate, what they are held against, and the advice."""
    table = Table(box=None, pad_edge=False)
    table.add_column("teachers")
    for name in (_probe_title(ranking), "LogME", "columns", "cached", "parameters"):
        table.add_column(name, justify="right")
    for candidate in ranking.candidates:
        table.add_row(*_row(candidate))
    print_table(table, console=console)
    below = {
        "the student's own probe": ranking.student,
        "the student, fine-tuned": ranking.fine_tuned,
    }
    lines = [f"{name}: {score}" for name, score in below.items() if score is not None]
    lines.append(
        f"Probes were fitted on {ranking.rows} rows and scored on {ranking.holdout} others, the "
        "hold-out; ± is one standard error."
    )
    for line in (*lines, *ranking.advice):
        console.print(line, highlight=False, markup=False, soft_wrap=not console.is_terminal)


def _row(candidate: Candidate) -> tuple[Text, ...]:
    return tuple(
        Text(cell)
        for cell in (
            " + ".join(candidate.teachers),
            str(candidate.probe).removesuffix(" %"),
            f"{candidate.logme:.4f}",
            str(candidate.columns),
            human_size(candidate.bytes),
            "" if candidate.parameters is None else f"{candidate.parameters / 1e6:.1f} M",
        )
    )


def _probe_title(ranking: Ranking) -> str:
    """``probe %`` for accuracies, else with the metric's name."""
    metric = ranking.candidates[0].probe.metric
    return "probe %" if metric.name == "accuracy" else f"probe, {metric_title(metric)}"
