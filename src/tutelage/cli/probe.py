"""``tutelage probe``: print the scores of linear probes on the teachers' features."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tutelage.config import ExperimentConfig
from tutelage.experiment.probe import probe
from tutelage.progress import Progress
from tutelage.report import print_table
from tutelage.report.units import ascii_only, metric_title, score
from tutelage.results.statistics import SampleMean

__all__ = ["probe_and_print"]


def probe_and_print(
    config: ExperimentConfig, *, weighted: Path | None, console: Console, progress: Progress
) -> None:
    """Probe the teachers' features, and print a row for each probe."""
    probes = probe(config, weighted=weighted, progress=progress)
    table = Table(box=None, pad_edge=False)
    table.add_column("features")
    table.add_column(f"{probes[0].evaluated} {metric_title(probes[0].metric)}", justify="right")
    table.add_column("C", justify="right")
    for one in probes:
        label = " + ".join(one.teachers) + (", weighted by rho" if one.weighted else "")
        reached = ascii_only(score(SampleMean(one.score, one.error, 1), one.metric))
        table.add_row(Text(label), reached.removesuffix(" %"), f"{one.c:g}")
    print_table(table, console=console)
