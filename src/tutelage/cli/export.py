"""``tutelage export``: write a finished run's student for another runtime, and say how near it is."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tutelage.deploy.export import Export, export
from tutelage.files import human_size
from tutelage.progress import Progress
from tutelage.report import print_table
from tutelage.results.result import read_result
from tutelage.tasks import Metric

__all__ = ["export_and_print"]


def export_and_print(
    run: Path,
    *,
    to: str,
    out: Path | None,
    form: str,
    half: bool,
    int8: bool,
    temperature: float,
    rows: int,
    tolerance: float,
    console: Console,
    progress: Progress,
) -> None:
    """Export, then print a row for each file, and the difference from the student.

    Args:
        run: The run's folder.
        to: The format; other words are refused.
        out: Folder to write.
        form: What is taken of an image; other words are refused.
        half: Whether to write float16 too.
        int8: Whether to write 8 bits too.
        temperature: Divides logits.
        rows: Rows to compare on.
        tolerance: Allowed difference.
        console: Receives what is printed.
        progress: Receives progress reports.
    """
    done = export(
        run,
        to=to,
        out=out,
        form=form,
        half=half,
        int8=int8,
        temperature=temperature,
        rows=rows,
        tolerance=tolerance,
        progress=progress,
    )
    _print(done, read_result(run).lead, console=console)


def _print(done: Export, lead: Metric, *, console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("file", "size", "difference"):
        table.add_column(title, justify="left" if title == "file" else "right")
    if done.smaller:
        for title in ("same class", f"{lead.label} before", "after"):
            table.add_column(title, justify="right")
    empty = ("", "", "") if done.smaller else ()
    size = human_size(done.bytes)
    table.add_row(Text(str(done.file)), size, f"{done.difference:.1e}", *empty)
    for one in done.smaller:
        agreement = "" if one.agreement is None else f"{one.agreement:.1%}"
        scores = (f"{lead.display_factor * value:.4g}" for value in (one.before, one.after))
        table.add_row(
            Text(str(one.file)),
            human_size(one.bytes),
            f"{one.difference:.1e}",
            agreement,
            *scores,
        )
    print_table(table, console=console)
    console.print(
        f"differences are the largest of any output from the student's, on {done.rows:,} rows; "
        f"{done.tolerance:.1e} was allowed for {done.file.name}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
