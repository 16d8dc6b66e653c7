"""What Ctrl-C leaves, or a scheduler that ends the command, and the command that continues."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import typer
from rich.text import Text

from tutelage.cli.console import err
from tutelage.cli.launched import Launched, launched_processes

__all__ = ["INTERRUPTED", "TERMINATED", "Interruptible", "interruptible"]

INTERRUPTED, TERMINATED = 130, 143
"""Exit status after Ctrl-C and after SIGTERM, as shells have it: 128 and the signal's number."""
ANYWHERE = "what is finished is kept; repeat the command"
CACHED = "features that teachers have computed are cached"


class Interruptible(Launched):
    """The commands, each ended with a line on Ctrl-C wherever it is: before it begins its work, too."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read the options, for which typer loads much."""
        with _ended_with(lambda: ANYWHERE):
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        with _ended_with(lambda: ANYWHERE):
            return super().invoke(ctx)


def interruptible(
    *, run: Path | None = None, several: Path | None = None
) -> AbstractContextManager[None]:
    """End the command on Ctrl-C or SIGTERM with a line that says what is kept and how to continue.

    A process of a launcher ends at once on SIGTERM, which is how others of the job learn that one failed.

    Args:
        run: Folder of the run that the command trains.
        several: Folder of the runs that the command trains, if it trains several.
    """
    return _ended_with(partial(_kept, run, several))


@contextmanager
def _ended_with(kept: Callable[[], str]) -> Iterator[None]:
    own = "LOCAL_RANK" not in os.environ and threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, _terminate) if own else None
    try:
        yield
    except KeyboardInterrupt as interrupt:
        if os.environ.get("RANK", "0") == "0":  # of several processes the first speaks
            err.print(Text(f"interrupted: {kept()}"), soft_wrap=True)
        terminated = isinstance(interrupt, _Terminated)
        raise typer.Exit(TERMINATED if terminated else INTERRUPTED) from None
    finally:
        if own:
            signal.signal(signal.SIGTERM, before)


class _Terminated(KeyboardInterrupt):
    """A scheduler, or a user, sent SIGTERM."""


def _terminate(*_: Any) -> None:
    if multiprocessing.parent_process() is not None:  # a process that this one forked, and ends
        os._exit(TERMINATED)
    raise _Terminated


def _kept(run: Path | None, several: Path | None) -> str:
    if several is not None:
        return f"finished runs in {several} are kept, and {CACHED}; repeat the command to continue"
    if run is None:
        return f"{CACHED}; repeat the command to continue"
    from tutelage.results.shell import command_line, started_by

    if (run / "result.json").is_file():
        report = command_line("tutelage", "report", run)
        return f"the run in {run} is finished and kept; its report: {report}"
    if not (run / "config.toml").is_file():
        return f"training had not begun, and {CACHED}; repeat the command"
    resume = command_line(*started_by(launched_processes()), "train", run, "--resume")
    if (run / "checkpoint.safetensors").is_file():
        return f"the last checkpoint in {run} is kept, and {CACHED}; to continue: {resume}"
    return f"there is no checkpoint yet (train.checkpoint_every), but {CACHED}; to start again: {resume}"
