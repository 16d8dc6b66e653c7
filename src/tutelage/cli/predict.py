"""``tutelage predict``: write the predictions of a finished run, or print those of a few rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tutelage.config import load_config
from tutelage.config.data import DataConfig
from tutelage.data.unseen import read_unseen
from tutelage.deploy.predict import columns_of
from tutelage.deploy.predict_source import Predicted, predict_source
from tutelage.deploy.prediction_files import Layout, check_file, refuse_own_data
from tutelage.deploy.saved import SavedRun
from tutelage.deploy.stream import Computing
from tutelage.errors import ConfigError
from tutelage.progress import Progress
from tutelage.report import print_table

__all__ = ["data_settings", "predict_and_print"]

PRINTED = 20
"""Rows up to which predictions are printed where no file is asked for."""
LISTED = 5
"""Skipped rows, and predicted classes, that are listed."""


def predict_and_print(
    folder: Path,
    source: str,
    *,
    path: Path | None,
    split: str | None,
    top: int,
    every: bool,
    skip_unreadable: bool,
    batch_size: int | None,
    device: str | None,
    workers: int | None,
    settings: Sequence[str],
    console: Console,
    progress: Progress,
) -> None:
    """Predict a source, write the file and say what it holds.

    Args:
        folder: The run's folder.
        source: Data, a file, a folder or a sentence.
        path: The file to write; None prints the predictions of a few rows.
        split: The split to predict.
        top: Number of likeliest classes.
        every: Whether to give the probability of every class.
        skip_unreadable: Leave out rows that cannot be read.
        batch_size: Rows at once.
        device: Where to compute.
        workers: Processes that prepare rows.
        settings: ``data.…=`` settings of the source.
        console: Receives what is printed.
        progress: Receives progress reports.
    """
    if path is not None:
        check_file(path)
        refuse_own_data(path, source)
    run = SavedRun.open(folder)
    _refuse_useless(run, top=top, every=every)
    config = data_settings(run, source, settings)
    rows = read_unseen(
        source,
        config,
        modality=run.modality,
        like=columns_of(run),
        split=split,
        doubtful=path is None,  # nobody writes a file for one word
    )
    for note in rows.notes:
        progress.note(note)
    count = sum(map(len, rows.splits))
    if path is None and count > PRINTED:
        raise ConfigError(
            f"{source} has {count:,} rows; give a file to write them to: --out predictions.csv "
            "(or .jsonl, .parquet)"
        )
    if path is None and count == 1 and run.task.labels_are_classes:
        top = max(top, min(3, run.task.outputs))
    layout = Layout(run.task, top, every or path is None, splits=len(rows.splits) > 1)
    shown: list[dict[str, Sequence[Any]]] = []
    predicted = predict_source(
        run,
        rows.splits,
        path=path,
        layout=layout,
        computing=Computing.of(run, device=device, batch_size=batch_size, workers=workers),
        skip_unreadable=skip_unreadable,
        use=shown.append,
        progress=progress,
    )
    if path is None:
        _print_rows(shown, layout, console=console)
    _print_summary(predicted, path, console=console)


def data_settings(run: SavedRun, source: str, settings: Sequence[str]) -> DataConfig:
    """Return the run's settings of the data, with others for this source.

    Raises:
        ConfigError: If a setting is not one of the data.
    """
    for one in settings:
        if not one.startswith("data."):
            raise ConfigError(
                f"--set {one}: the run is finished; only settings of the data to read can be set, such as "
                "data.text=review"
            )
    data = run.config.data
    table = run.config.model_dump(mode="json", exclude_none=True)
    if source != data.source:  # options of other files
        table["data"] |= {"source": source, "params": {}}
    return load_config([table], assignments=settings).data


def _refuse_useless(run: SavedRun, *, top: int, every: bool) -> None:
    task = run.task
    if top > 1 and not task.labels_are_classes:
        raise ConfigError(
            f"--top is of classes, one of which a row has; {task.kind} gives all {task.outputs} "
            f"{task.outputs_word} anyway"
        )
    if every and not task.has_classes:
        raise ConfigError("--probabilities is of classes and labels; regression has none")


def _print_rows(
    shown: Sequence[dict[str, Sequence[Any]]], layout: Layout, *, console: Console
) -> None:
    """Print a row each; of a single row a line for each class."""
    columns: dict[str, list[Any]] = {}
    for part in shown:
        for head, values in part.items():
            columns.setdefault(head, []).extend(values)
    if layout.task.outputs > PRINTED or layout.top > 1:
        columns = {h: v for h, v in columns.items() if not h.startswith("p(")}
    table = Table(box=None, pad_edge=False)
    for head in columns:
        table.add_column(Text(head))
    for row in zip(*columns.values(), strict=True):
        table.add_row(*(Text(_shown(value)) for value in row))
    print_table(table, console=console)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _print_summary(predicted: Predicted, path: Path | None, *, console: Console) -> None:
    if path is not None:
        common = predicted.answers.most_common(LISTED)
        counts = ", ".join(f"{name} {count:,}" for name, count in common)
        rest = len(predicted.answers) - len(common)
        more = f", and {rest} more" if rest else ""
        counts = f" ({counts}{more})" if counts else ""
        console.print(f"wrote {path}: {predicted.rows:,} rows{counts}", soft_wrap=True)
    if predicted.skipped:
        everything = predicted.rows + len(predicted.skipped)
        console.print(
            f"skipped {len(predicted.skipped):,} of {everything:,} rows that cannot be read:",
            soft_wrap=True,
        )
        for name, reason in list(predicted.skipped.items())[:LISTED]:
            console.print(f"  {name}: {reason.partition(chr(10))[0]}", soft_wrap=True)
        if len(predicted.skipped) > LISTED:
            console.print(f"  and {len(predicted.skipped) - LISTED:,} more", soft_wrap=True)
