"""Table and sentences of the files that were exported from a student."""

from collections.abc import Mapping
from dataclasses import dataclass

from tutelage.files import human_size
from tutelage.report.facts import Table, as_table
from tutelage.report.tables import Column
from tutelage.report.units import SPACE
from tutelage.results.comparison import Comparison
from tutelage.results.exports import ExportedFile, ExportRecord, read_exports
from tutelage.results.runs import Run
from tutelage.tasks import Metric

__all__ = ["Exported", "export_columns", "export_notes", "exported_files", "stale_exports"]


@dataclass(frozen=True)
class Exported:
    """Files that were exported from a student: a table, and sentences on how they were compared."""

    files: Table
    notes: tuple[str, ...]


def exported_files(comparison: Comparison) -> Exported | None:
    """Return what ``tutelage export`` left in the folder of the run that the page is about, else of another.

    Raises:
        DataError: If its record is damaged.
    """
    for run in _in_order(comparison):
        exports = _exports(run, of_this_training=True)
        if exports:
            columns = export_columns(exports, lead=run.result.lead)
            return Exported(as_table(columns), tuple(export_notes(exports)))
    return None


def stale_exports(comparison: Comparison) -> list[str]:
    """Return sentences on exports that were made before their run was trained again in its folder."""
    return [
        f"{run.folder.name}/{name} was exported from an earlier training in that folder, so it is not listed; "
        "write it again by 'tutelage export', or remove it."
        for run in comparison.runs
        if run.folder is not None
        for name in _exports(run, of_this_training=False)
    ]


def _in_order(comparison: Comparison) -> list[Run]:
    """The runs, those that the page is about first."""
    foremost = comparison.foremost
    return [*(foremost.runs if foremost else ()), *comparison.runs]


def _exports(run: Run, *, of_this_training: bool) -> dict[str, ExportRecord]:
    records = {} if run.folder is None else read_exports(run.folder)
    return {
        name: record
        for name, record in records.items()
        if record.is_of(run.result) == of_this_training
    }


def export_columns(exports: Mapping[str, ExportRecord], *, lead: Metric) -> list[Column]:
    """A row a file: its size and difference, and where it was measured its classes and metric.

    Args:
        exports: Records by the path of their folder in the run's.
        lead: The leading metric.
    """
    files = [
        (f"{folder}/{one.name}", one) for folder, record in exports.items() for one in record.files
    ]
    columns = [
        Column("file", tuple(path for path, _ in files), text=True),
        Column("size", tuple(human_size(one.bytes).replace(" ", SPACE) for _, one in files)),
        Column("largest difference", tuple(f"{one.difference:.1e}" for _, one in files)),
    ]
    if any(one.agreement is not None for _, one in files):
        columns.append(Column("same class", tuple(_agreement(one) for _, one in files)))
    if any(one.after is not None for _, one in files):
        columns += [
            Column(f"{lead.label} before", tuple(_score(one.before, lead) for _, one in files)),
            Column("after", tuple(_score(one.after, lead) for _, one in files)),
        ]
    return columns


def export_notes(exports: Mapping[str, ExportRecord]) -> list[str]:
    """Sentences that say on which rows the files were compared."""
    rows = sorted({record.rows for record in exports.values()})
    on = " and ".join(f"{count:,}" for count in rows)
    return [
        f"The largest difference of any output from the student's, on {on} evaluated rows, when the file "
        "was written."
    ]


def _agreement(one: ExportedFile) -> str:
    return "" if one.agreement is None else f"{100 * one.agreement:.1f}{SPACE}%"


def _score(value: float | None, lead: Metric) -> str:
    return "" if value is None else f"{lead.display_factor * value:.4g}"
