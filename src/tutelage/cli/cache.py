"""``tutelage cache``: list, verify and prune the cached features of teachers."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from tutelage.cli.console import out
from tutelage.cli.plain_help import Command, Group
from tutelage.errors import CacheError, ConfigError

__all__ = ["age", "cache_app"]

cache_app = typer.Typer(
    cls=Group,
    help="List, verify and prune cached teacher features.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Folder = Annotated[
    Path | None,
    typer.Option(
        "--dir",
        help="Cache folder; by default $TUTELAGE_CACHE, else ~/.cache/tutelage",
        metavar="FOLDER",
    ),
]


@cache_app.command(cls=Command, name="list")
def list_(folder: Folder = None) -> None:
    """List the cached features, most recently used first."""
    from tutelage.files import human_size
    from tutelage.report import print_table

    store = _store(folder)
    entries = store.entries()
    if not entries:
        out.print(f"nothing is cached in {store.root}", soft_wrap=True)
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("teacher", overflow="fold")
    table.add_column("split", overflow="fold")
    for name in ("rows", "columns", "size", "last used"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("status", overflow="fold")
    table.add_column("key", no_wrap=True)
    now = time.time()
    for entry in entries:
        status = f"{entry.status}: {entry.reason}" if entry.reason else entry.status
        table.add_row(
            entry.teacher,
            entry.split,
            str(entry.rows if entry.rows is not None else "?"),
            str(entry.width if entry.width is not None else "?"),
            human_size(entry.bytes),
            age(now - entry.last_used),
            "in use" if entry.in_use else status,
            entry.folder.name[:8],
        )
    print_table(table, console=out)
    total = human_size(sum(entry.bytes for entry in entries))
    out.print(f"{_count(len(entries))}, {total} in {store.root}", soft_wrap=True)


@cache_app.command(cls=Command)
def verify(folder: Folder = None) -> None:
    """Read every byte of every entry and compare it with what was written."""
    store = _store(folder)
    entries = store.entries()
    damaged = 0
    for entry in entries:
        files = store.verify(entry)
        damaged += bool(files)
        for file in files:
            out.print(
                f"{entry.folder.name[:8]}  {entry.teacher}  {file.file}: {file.reason}",
                soft_wrap=True,
            )
    if damaged:
        raise CacheError(
            f"{damaged} of {_count(len(entries))} damaged; remove with: "
            "tutelage cache prune --damaged"
        )
    out.print(f"{_count(len(entries))} verified, none damaged")


@cache_app.command(cls=Command)
def prune(
    folder: Folder = None,
    older_than: Annotated[
        float | None, typer.Option(help="Entries not used for this many days", metavar="DAYS")
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(help="Entries of this teacher, e.g. timm:resnet18", metavar="SOURCE"),
    ] = None,
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="Entries whose extraction did not end")
    ] = False,
    damaged: Annotated[
        bool, typer.Option("--damaged", help="Entries with missing, cut or changed files")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="All entries")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Delete nothing; say what would be deleted")
    ] = False,
) -> None:
    """Delete entries that meet all conditions given; never one that is being written."""
    if not (everything or unfinished or damaged or teacher or older_than is not None):
        raise ConfigError(
            "say what to prune: --older-than DAYS, --teacher SOURCE, --unfinished, --damaged or --all"
        )
    if older_than is not None and not older_than >= 0:
        raise ConfigError(f"--older-than is a number of days from 0 up, not {older_than:g}")
    from tutelage.cache import PruneRule
    from tutelage.files import human_size

    rule = PruneRule(
        older_than=older_than,
        teacher=teacher,
        unfinished=unfinished,
        damaged=damaged,
        everything=everything,
    )
    result = _store(folder).prune(rule, dry_run=dry_run)
    verb = "would delete" if dry_run else "deleted"
    out.print(f"{verb} {_count(len(result.entries))}, {human_size(result.bytes)}")
    if result.in_use:
        out.print(f"kept {_count(len(result.in_use))} in use by another process")


def age(seconds: float) -> str:
    """Return how long ago something was, in its largest unit.

    Example:
        >>> age(30), age(7000), age(3.2 * 86400)
        ('just now', '1 h ago', '3 days ago')
    """
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if minutes < 1:
        return "just now"
    if hours < 1:
        return f"{minutes} min ago"
    if days < 1:
        return f"{hours} h ago"
    return "1 day ago" if days == 1 else f"{days} days ago"


def _count(entries: int) -> str:
    return "1 entry" if entries == 1 else f"{entries} entries"


def _store(folder: Path | None):  # type: ignore[no-untyped-def]  # imported late: the command starts fast
    from tutelage.cache import FeatureStore
    from tutelage.cache.place import default_root

    return FeatureStore(folder.expanduser() if folder else default_root())
