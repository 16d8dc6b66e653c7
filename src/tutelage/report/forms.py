"""Write a comparison's table and charts to files."""

from pathlib import Path

from tutelage.files import writing_to
from tutelage.report.latex import latex_text
from tutelage.report.plots import probe_plot, score_plot
from tutelage.report.style import light
from tutelage.report.svg import remove_figure, save_figure
from tutelage.report.tables import csv_text, markdown_text, probe_correlation
from tutelage.results.comparison import Comparison

__all__ = ["write_latex", "write_table"]


def write_table(comparison: Comparison, folder: Path) -> list[Path]:
    """Write ``compare.csv``, ``.md`` and ``.tex``, and the charts as SVG, PDF and PNG.

    The same comparison gives the same bytes. A chart that is no longer drawn is removed.

    Returns:
        What was written; ``probe.svg``, ``.pdf`` and ``.png`` are left out where the probes are too
        few or too alike for a correlation.

    Raises:
        OutputError: If the folder cannot be written.
    """
    texts = {"csv": csv_text, "md": markdown_text, "tex": latex_text}
    charts = {
        comparison.metric.name: score_plot(comparison, palette=light()),
        "probe": probe_plot(comparison, note=probe_correlation(comparison), palette=light()),
    }
    written = []
    with writing_to(folder, advice="choose another folder (--out)"):
        for suffix, text in texts.items():
            path = folder / f"compare.{suffix}"
            path.write_text(text(comparison), encoding="utf-8", newline="")
            written.append(path)
        for name, chart in charts.items():
            if chart is None:
                remove_figure(folder / name)
            else:
                written += save_figure(chart, folder / name)
    return written


def write_latex(comparison: Comparison, path: Path) -> Path:
    """Write the table for LaTeX, and return its path.

    Raises:
        OutputError: If it cannot be written.
    """
    with writing_to(path.parent, advice="choose another folder (--out)"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(latex_text(comparison), encoding="utf-8", newline="")
    return path
