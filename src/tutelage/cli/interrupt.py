"""What Ctrl-C leaves, and the command that continues."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.text import Text

from tutelage.cli.console import err

__all__ = ["INTERRUPTED", "interruptible"]

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it: 128 and the signal's number."""
CACHED = "features that teachers have computed are cached"


@contextmanager
def interruptible(*, run: Path | None = None, several: Path | None = None) -> Iterator[None]:
    """End the command on Ctrl-C with a line that says what is kept and how to continue.

    Args:
        run: Folder of the run that the command trains.
        several: Folder of the runs that the command trains, if it trains several.
    """
    try:
        yield
    except KeyboardInterrupt:
        if os.environ.get("RANK", "0") == "0":  # of several processes the first speaks
            err.print(Text(f"interrupted: {_kept(run, several)}"), soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None


def _kept(run: Path | None, several: Path | None) -> str:
    if several is not None:
        return f"finished runs in {several} are kept, and {CACHED}; repeat the command to continue"
    if run is None:
        return f"{CACHED}; repeat the command to continue"
    from tutelage.results.shell import command_line

    if (run / "result.json").is_file():
        report = command_line("tutelage", "report", run)
        return f"the run in {run} is finished and kept; its report: {report}"
    if not (run / "config.toml").is_file():
        return f"training had not begun, and {CACHED}; repeat the command"
    resume = command_line("tutelage", "train", run, "--resume")
    if (run / "checkpoint.safetensors").is_file():
        return f"the last checkpoint in {run} is kept, and {CACHED}; to continue: {resume}"
    return f"there is no checkpoint yet (train.checkpoint_every), but {CACHED}; to start again: {resume}"
