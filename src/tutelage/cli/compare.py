"""``tutelage compare`` and ``tutelage report``: a comparison on the terminal and as files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from rich.console import Console

from tutelage.cli.tune import method_names
from tutelage.config import ExperimentConfig
from tutelage.progress import Progress
from tutelage.report import print_comparison, write_latex, write_page, write_table
from tutelage.report.page import page_path
from tutelage.results import read_comparison
from tutelage.sweeps.compare import compare

__all__ = ["compare_and_print", "report_and_print"]


def compare_and_print(
    config: ExperimentConfig,
    *,
    methods: str | None,
    seeds: int | None,
    tune: bool | None,
    jobs: int,
    engine: Literal["local", "ray"],
    gpus: float | None,
    console: Console,
    progress: Progress,
) -> bool:
    """Compare, print the table, and write it with its charts and the page next to the runs.

    Returns:
        Whether all runs finished.
    """
    comparison = compare(
        config,
        methods=method_names(methods),
        seeds=seeds,
        tune=tune,
        jobs=jobs,
        engine=engine,
        gpus=gpus,
        progress=progress,
    )
    folder = config.output.dir
    print_comparison(comparison, console=console)
    written = [*write_table(comparison, folder), write_page(comparison, path=page_path([folder]))]
    _print_paths(written, console)
    return not any(row.failures for row in comparison.rows)


def report_and_print(
    folders: Sequence[Path], *, path: Path | None, latex: bool, console: Console
) -> None:
    """Write the page about finished runs, print the table, and write it for LaTeX if asked.

    Args:
        folders: Folders of finished runs, or of a comparison.
        path: The page, or its folder.
        latex: Also write the table for LaTeX, next to the page with the suffix ``.tex``.
        console: Receives the table and the paths.
    """
    comparison = read_comparison(folders)
    page = write_page(comparison, path=page_path(folders, path))
    print_comparison(comparison, console=console)
    written = [page, write_latex(comparison, page.with_suffix(".tex"))] if latex else [page]
    _print_paths(written, console)


def _print_paths(paths: Sequence[Path], console: Console) -> None:
    text = "\n".join(map(str, paths))
    console.print(text, highlight=False, markup=False, soft_wrap=True)
