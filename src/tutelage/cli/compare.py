"""``tutelage compare``: the table on the terminal, and where it lies in other forms."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tutelage.cli.tune import method_names
from tutelage.config import ExperimentConfig
from tutelage.progress import Progress
from tutelage.report import print_table, write_table
from tutelage.report.tables import TEXT_COLUMNS, caption, row_cells, summary_cells
from tutelage.report.units import ascii_only
from tutelage.sweeps.compare import compare

__all__ = ["compare_and_print"]


def compare_and_print(
    config: ExperimentConfig,
    *,
    methods: str | None,
    seeds: int | None,
    tune: bool | None,
    jobs: int,
    console: Console,
    progress: Progress,
) -> None:
    """Compare, print the table, and write it with its charts beside the runs."""
    table = compare(
        config,
        methods=method_names(methods),
        seeds=seeds,
        tune=tune,
        jobs=jobs,
        progress=progress,
    )
    written = write_table(table, config.output.dir)
    for cells in (row_cells(table), summary_cells(table)):
        if cells is not None:
            print_table(_table(cells, ruled=console.is_terminal), console=console)
    lines = [ascii_only(caption(table)), *(str(path) for path in written)]
    console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)


def _table(cells: Sequence[Sequence[str]], *, ruled: bool) -> Table:
    head, *rows = cells
    table = Table(
        box=box.SIMPLE_HEAD if ruled else None, pad_edge=False, header_style="bold" if ruled else ""
    )
    for name in head:
        table.add_column(name, justify="left" if name in TEXT_COLUMNS else "right")
    for row in rows:
        table.add_row(*(Text(ascii_only(cell)) for cell in row))
    return table
