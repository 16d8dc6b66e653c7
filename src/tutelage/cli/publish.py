"""``tutelage card`` and ``tutelage push``: write the model card, publish the student."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tutelage.files import human_size
from tutelage.progress import Progress
from tutelage.publish.card import card
from tutelage.publish.push import Pushed, push
from tutelage.report import print_table

__all__ = ["push_and_print", "write_card_and_print"]


def write_card_and_print(
    run: Path, *, name: str | None, license: str | None, overwrite: bool, console: Console
) -> None:
    """Write the card, and say where it is.

    Args:
        run: The run's folder.
        name: The student's name on the hub.
        license: The student's licence.
        overwrite: Whether a card that was changed by hand is replaced.
        console: Receives what is printed.
    """
    path = card(run, name=name, license=license, overwrite=overwrite)
    console.print(f"written to {path}", highlight=False, markup=False, soft_wrap=True)


def push_and_print(
    run: Path,
    name: str,
    *,
    private: bool,
    exports: bool,
    license: str | None,
    overwrite: bool,
    dry_run: bool,
    console: Console,
    progress: Progress,
) -> None:
    """Publish, then print what is there now and how it is loaded.

    Args:
        run: The run's folder.
        name: The student's name on the hub.
        private: Whether a new repository is private.
        exports: Whether exported files are uploaded.
        license: The student's licence.
        overwrite: Whether other files in the repository are replaced.
        dry_run: Whether nothing is uploaded.
        console: Receives what is printed.
        progress: Receives progress reports.
    """
    done = push(
        run,
        name,
        private=private,
        exports=exports,
        license=license,
        overwrite=overwrite,
        dry_run=dry_run,
        progress=progress,
    )
    table = Table(box=None, pad_edge=False)
    table.add_column("file")
    table.add_column("size", justify="right")
    for path, size in done.files.items():
        table.add_row(Text(path), human_size(size))
    print_table(table, console=console)
    for sentence in _sentences(done):
        console.print(sentence, highlight=False, markup=False, soft_wrap=True)


def _sentences(done: Pushed) -> list[str]:
    if not done.commit:
        return [f"nothing was uploaded; without --dry-run these go to {done.url}"]
    who = {True: "which only its owner sees", False: "which everybody sees"}
    seen = f", {who[done.private]}" if done.private is not None else ""
    removed = [f"removed there: {', '.join(done.removed)}"] if done.removed else []
    return [
        f"published at {done.url}{seen}",
        *removed,
        f'load it by tutelage.load("hf:{done.name}"), or tutelage predict hf:{done.name} DATA',
    ]
