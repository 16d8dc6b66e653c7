"""``tutelage evaluate``: print how good a finished run is, and write it as JSON or a page."""

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tutelage.cli.predict import data_settings
from tutelage.deploy.evaluate import Evaluation, evaluate
from tutelage.deploy.prediction_files import refuse_own_data
from tutelage.deploy.saved import SavedRun
from tutelage.deploy.stream import Computing
from tutelage.errors import ConfigError
from tutelage.files import write_atomically, writing_to
from tutelage.progress import Progress
from tutelage.report.evaluation import print_evaluation
from tutelage.report.evaluation_page import write_evaluation_page

__all__ = ["evaluate_and_print"]

ENDINGS = (".html", ".json")


def evaluate_and_print(
    folder: Path,
    source: str | None,
    *,
    paths: Sequence[Path],
    split: str | None,
    teachers: bool,
    skip_unreadable: bool,
    draws: int | None,
    batch_size: int | None,
    device: str | None,
    workers: int | None,
    settings: Sequence[str],
    console: Console,
    progress: Progress,
) -> None:
    """Measure a run, print the tables, and write files.

    Args:
        folder: The run's folder.
        source: Labelled rows; None for those that the run reported.
        paths: Files to write, ``.json`` or ``.html``.
        split: The split to measure.
        teachers: Compare with the teachers' probe.
        skip_unreadable: Leave out rows that cannot be read.
        draws: Draws of the bootstrap.
        batch_size: Rows at once.
        device: Where to compute.
        workers: Processes that prepare rows.
        settings: ``data.…=`` settings of the source.
        console: Receives what is printed.
        progress: Receives progress reports.
    """
    for path in paths:
        _check(path)
    run = SavedRun.open(folder)
    for path in paths:
        refuse_own_data(path, source or run.config.data.source)
    evaluation = evaluate(
        run,
        source,
        config=data_settings(run, source or run.config.data.source, settings),
        split=split,
        teachers=teachers,
        skip_unreadable=skip_unreadable,
        draws=draws,
        computing=Computing.of(run, device=device, batch_size=batch_size, workers=workers),
        progress=progress,
    )
    print_evaluation(evaluation, console=console)
    for path in paths:
        _write(evaluation, path)
        console.print(f"wrote {path}", soft_wrap=True)


def _check(path: Path) -> None:
    if path.suffix.lower() not in ENDINGS:
        raise ConfigError(
            f"cannot tell how to write {path}; end its name in {' or '.join(ENDINGS)}"
        )
    if not path.absolute().parent.is_dir():
        raise ConfigError(
            f"there is no folder {path.parent} for {path.name}; make it, or choose another"
        )


def _write(evaluation: Evaluation, path: Path) -> None:
    if path.suffix.lower() == ".html":
        write_evaluation_page(evaluation, path)
        return
    text = json.dumps(evaluation.as_json(), indent=2, ensure_ascii=False) + "\n"
    with writing_to(path, advice="choose another file with --out"):
        write_atomically(path, text)
