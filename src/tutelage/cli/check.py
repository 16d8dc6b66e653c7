"""``tutelage check``: the classes' counts, the findings in a table, and all of them in a file."""

from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tutelage.config import ExperimentConfig
from tutelage.data.check import KINDS, Finding
from tutelage.errors import ConfigError
from tutelage.experiment.check import Checked, check
from tutelage.files import spreadsheet_text, write_atomically, writing_to
from tutelage.progress import Progress
from tutelage.report import print_table

__all__ = ["check_and_print"]

SHOWN = 5
"""Findings of a kind that the terminal lists; the file has all."""
CLASSES = 30
"""Classes up to which all are listed; of more the smallest."""


def check_and_print(
    config: ExperimentConfig,
    *,
    path: Path | None,
    workers: int | None,
    console: Console,
    progress: Progress,
) -> bool:
    """Check the data, print a summary, and write all findings to a file.

    Args:
        config: Data and teachers.
        path: The csv file to write, if any.
        workers: Processes that decode.
        console: Receives the tables.
        progress: Receives progress reports.

    Returns:
        Whether no row is damaged and none leaks.
    """
    if path is not None and not path.parent.is_dir():
        raise ConfigError(
            f"there is no folder {path.parent} for {path.name}; make it, or choose another"
        )
    checked = check(config, workers=workers, progress=progress)
    _print(checked, source=config.data.source, console=console)
    if path is not None:
        with writing_to(path, advice="choose another file with --out"):
            write_atomically(path, _csv(checked.findings))
        console.print(f"wrote {path}: {len(checked.findings)} findings", soft_wrap=True)
    elif len(checked.findings) > SHOWN:
        console.print("--out findings.csv writes all of them", soft_wrap=True)
    return checked.passed


def _print(checked: Checked, *, source: str, console: Console) -> None:
    without = {split: f" ({rows} without a label)" for split, rows in checked.unlabelled.items()}
    counts = ", ".join(f"{n} {split}{without.get(split, '')}" for split, n in checked.rows.items())
    console.print(f"{source}: {counts} rows", soft_wrap=True)
    if checked.classes:
        _print_classes(checked, console=console)
    for note in checked.notes:
        console.print(note, soft_wrap=True)
    by_kind = Counter(finding.kind for finding in checked.findings)
    if not by_kind:
        console.print("nothing was found")
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("finding")
    table.add_column("rows", justify="right")
    table.add_column("what it is")
    for kind, meaning in KINDS.items():
        if by_kind[kind]:
            table.add_row(kind, str(by_kind[kind]), meaning)
    print_table(table, console=console)
    for kind in KINDS:
        some = [finding for finding in checked.findings if finding.kind == kind]
        for finding in some[:SHOWN]:
            console.print(Text(_sentence(finding)), soft_wrap=True)
        if len(some) > SHOWN:
            console.print(f"{kind}: {len(some) - SHOWN} more", soft_wrap=True)


def _print_classes(checked: Checked, *, console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("class")
    for split in checked.rows:
        table.add_column(split, justify="right")
    names = list(checked.classes)
    if len(names) > CLASSES:
        names = sorted(names, key=lambda name: sum(checked.classes[name].values()))[:CLASSES]
    for name in names:
        table.add_row(Text(name), *(str(count) for count in checked.classes[name].values()))
    print_table(table, console=console)
    if len(names) < len(checked.classes):
        console.print(f"these are the {CLASSES} smallest of {len(checked.classes)} classes")


def _sentence(finding: Finding) -> str:
    """Say a finding in a line: what, which row, and the row that it repeats."""
    row = f"{finding.kind}: {finding.split} {finding.id}"
    label = f" ({finding.label})" if finding.label else ""
    if finding.other_id:
        other = f" ({finding.other_label})" if finding.other_label else ""
        return f"{row}{label}, {finding.detail} to {finding.other_split} {finding.other_id}{other}"
    return f"{row}{label}: {finding.detail}" if finding.detail else row + label


def _csv(findings: tuple[Finding, ...]) -> str:
    names = {
        "kind": "kind",
        "split": "split",
        "id": "id",
        "label": "label",
        "other_split": "other split",
        "other_id": "other id",
        "other_label": "other label",
        "detail": "detail",
    }
    lines = [{head: getattr(f, name) for name, head in names.items()} for f in findings]
    return spreadsheet_text(list(names.values()), lines)
