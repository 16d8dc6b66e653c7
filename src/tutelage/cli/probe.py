"""``tutelage probe``: print the scores of linear probes on the teachers' features."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tutelage.config import ExperimentConfig
from tutelage.errors import ConfigError
from tutelage.experiment.probe import probe
from tutelage.files import writing_to
from tutelage.progress import Progress
from tutelage.report import print_table
from tutelage.report.style import light
from tutelage.report.svg import save_figure
from tutelage.report.units import ascii_only, metric_title, score
from tutelage.report.weighted_plot import weighted_plot
from tutelage.results.statistics import SampleMean

__all__ = ["probe_and_print"]


def probe_and_print(
    config: ExperimentConfig,
    *,
    weighted: Sequence[Path],
    out: Path | None,
    console: Console,
    progress: Progress,
) -> None:
    """Probe the teachers' features, print a row for each probe, and draw them if asked.

    Args:
        config: Data and teachers.
        weighted: Folders of runs whose weights are used, too.
        out: A file for the picture; it is written as SVG, PDF and PNG.
        console: Receives what is printed.
        progress: Receives progress reports.

    Raises:
        ConfigError: If a picture is asked for without weights.
    """
    if out is not None and not weighted:
        raise ConfigError(
            "--out draws probes with and without learned weights; give a run by --weighted"
        )
    probes = probe(config, weighted=weighted, progress=progress)
    table = Table(box=None, pad_edge=False)
    table.add_column("features")
    table.add_column(f"{probes[0].evaluated} {metric_title(probes[0].metric)}", justify="right")
    table.add_column("C", justify="right")
    for one in probes:
        runs = f" of {one.runs} runs" if one.runs > 1 else ""
        label = " + ".join(one.teachers) + (f", weighted by rho{runs}" if one.weighted else "")
        reached = ascii_only(score(SampleMean(one.score, one.error, 1), one.metric))
        table.add_row(Text(label), reached.removesuffix(" %"), f"{one.c:g}")
    print_table(table, console=console)
    if out is not None:
        path = out.with_suffix("")
        with writing_to(path.parent, name="the picture", advice="choose another file (--out)"):
            path.parent.mkdir(parents=True, exist_ok=True)
            for written in save_figure(weighted_plot(probes, palette=light()), path):
                console.print(str(written), highlight=False, markup=False, soft_wrap=True)
