"""``tutelage cache``: what is cached, whether it is whole, and removing it."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from tutelage.cli.console import out
from tutelage.errors import CacheError

__all__ = ["cache_app"]

cache_app = typer.Typer(
    help="Cached features of teachers: list, verify, prune.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Place = Annotated[
    Path | None,
    typer.Option("--dir", help="The cache; by default $TUTELAGE_CACHE, else ~/.cache/tutelage"),
]


@cache_app.command(name="list")
def list_(place: Place = None) -> None:
    """List what is cached, most recently used first."""
    store = _store(place)
    entries = store.entries()
    if not entries:
        out.print(f"nothing is cached in {store.root}", soft_wrap=True)
        return
    table = Table(box=None, pad_edge=False)
    for name in ("key", "status", "teacher", "split", "rows", "columns", "MB", "last used"):
        table.add_column(
            name, overflow="fold", justify="right" if name in ("rows", "columns", "MB") else "left"
        )
    for entry in entries:
        status = f"{entry.status}: {entry.reason}" if entry.reason else entry.status
        table.add_row(
            entry.folder.name[:12],
            "in use" if entry.in_use else status,
            entry.source,
            entry.split,
            str(entry.rows if entry.rows is not None else "?"),
            str(entry.width if entry.width is not None else "?"),
            f"{entry.bytes / 1e6:,.1f}",
            datetime.fromtimestamp(entry.last_used).isoformat(" ", "minutes"),
        )
    out.print(table)
    total = sum(entry.bytes for entry in entries)
    out.print(f"{len(entries)} entries, {total / 1e6:,.1f} MB in {store.root}", soft_wrap=True)


@cache_app.command()
def verify(place: Place = None) -> None:
    """Read every byte of every entry, and compare it with what was written."""
    store = _store(place)
    damaged = 0
    for entry in store.entries():
        found = store.verify(entry)
        damaged += bool(found)
        for problem in found:
            out.print(
                f"{entry.folder.name[:12]}  {entry.source}  {problem.file}: {problem.reason}",
                soft_wrap=True,
            )
    if damaged:
        raise CacheError(
            f"{damaged} of the entries are not as they were written; 'tutelage cache prune --damaged' "
            "removes those whose files are missing or cut, '--all' removes everything"
        )
    out.print(f"all {len(store.entries())} entries are as they were written")


@cache_app.command()
def prune(
    place: Place = None,
    older_than: Annotated[float | None, typer.Option(help="Not used for so many days")] = None,
    source: Annotated[str | None, typer.Option(help="Features of this teacher")] = None,
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="Extractions that never ended")
    ] = False,
    damaged: Annotated[bool, typer.Option("--damaged", help="Missing or cut files")] = False,
    everything: Annotated[bool, typer.Option("--all", help="All entries")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go")] = False,
) -> None:
    """Remove entries that meet all conditions given; never one that is being written."""
    freed = _store(place).prune(
        older_than=older_than,
        source=source,
        unfinished=unfinished,
        damaged=damaged,
        everything=everything,
        dry_run=dry_run,
    )
    verb = "would free" if dry_run else "freed"
    out.print(f"{verb} {freed.bytes / 1e6:,.1f} MB of {len(freed.entries)} entries")
    if freed.in_use:
        out.print(f"left {len(freed.in_use)} entries alone that are being written")


def _store(place: Path | None):  # type: ignore[no-untyped-def]  # imported late: the command starts fast
    from tutelage.cache import FeatureStore
    from tutelage.cache.place import default_root

    return FeatureStore(place.expanduser() if place else default_root())
