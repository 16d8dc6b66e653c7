"""A fork server: a child with everything imported runs a command and may be killed at any time."""

import atexit
import io
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from shim import Fault, arm, seen

__all__ = ["Ended", "load", "run"]

LIMIT = 180.0
"""Seconds after which a command that has not ended counts as a hang."""


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        status: Its exit status; the negative signal of a killed one; None for a hang.
        seconds: How long it took.
        said: What it wrote to the terminal.
        operations: File operations below its folder.
        readings: Readings of the wall clock.
    """

    status: int | None
    seconds: float
    said: str
    operations: int = 0
    readings: int = 0

    @property
    def killed(self) -> bool:
        """Whether a signal ended it."""
        return self.status == -signal.SIGKILL

    @property
    def traceback(self) -> bool:
        """Whether it ended in a traceback."""
        return "Traceback (most recent call last)" in self.said

    @property
    def refused(self) -> bool:
        """Whether it ended with one message of ours."""
        return self.status == 2 and not self.traceback and "error:" in self.said


def load() -> None:
    """Import what commands use, so that children need not."""
    import torch

    torch.set_num_threads(1)
    import accelerate
    import datasets
    import matplotlib.pyplot
    import optuna
    import optuna.storages._rdb.alembic
    import sklearn.metrics
    import timm
    import torch.utils.data
    from optuna.storages import RDBStorage  # noqa: F401

    import tutelage.cache.store
    import tutelage.cli.app
    import tutelage.cli.cache
    import tutelage.cli.compare
    import tutelage.cli.extract
    import tutelage.cli.tune
    import tutelage.data.folder
    import tutelage.data.tables.read
    import tutelage.experiment.run
    import tutelage.extraction.extract
    import tutelage.report
    import tutelage.students.python
    import tutelage.sweeps.compare
    import tutelage.sweeps.tune
    import tutelage.teachers.python

    # Parts of 8 rows and files of 2 parts, so that a small extraction has many of both.
    tutelage.extraction.extract._PART_ROWS.update(image=8, text=8)
    tutelage.extraction.extract._READ_ROWS = 8
    tutelage.cache.store.FeatureStore.__init__.__kwdefaults__["shard_bytes"] = 2 * 8 * 12 * 2
    del accelerate, datasets, matplotlib, optuna, sklearn, timm


def run(
    words: Sequence[str],
    *,
    folder: Path,
    fault: Fault | None = None,
    kill_after: float | None = None,
    leader_only: bool = False,
    limit: float = LIMIT,
) -> Ended:
    """Run ``tutelage WORDS`` in a child whose current folder is ``folder``, and wait for its end.

    Args:
        words: The command's words.
        folder: Its current folder; faults are those of files below it.
        fault: Armed in the child; by default operations are only counted.
        kill_after: Seconds after which its process group is killed.
        leader_only: Kill the command's own process, not those that it started.
        limit: Seconds after which it counts as a hang, and is killed.
    """
    log = folder.with_name(f"{folder.name}.log")
    sys.stdout.flush()
    counted, count = os.pipe()
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(counted)
        _child(words, folder, log, fault or Fault(), count)
    os.close(count)
    with suppress(PermissionError):
        os.setpgid(child, child)
    handle = os.pidfd_open(child)
    try:
        hung = False
        if not _ended(handle, limit if kill_after is None else kill_after):
            hung = kill_after is None
            with suppress(ProcessLookupError):
                (os.kill if leader_only else os.killpg)(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    finally:
        os.close(handle)
    seconds = time.monotonic() - began
    numbers = os.read(counted, 100).split() if select.select([counted], [], [], 0)[0] else []
    os.close(counted)
    code = os.waitstatus_to_exitcode(status)
    said = log.read_text(encoding="utf-8", errors="replace")
    return Ended(None if hung else code, seconds, said, *map(int, numbers or (0, 0)))


def _ended(handle: int, seconds: float) -> bool:
    return bool(select.select([handle], [], [], max(0.0, seconds))[0])


def _child(words: Sequence[str], folder: Path, log: Path, fault: Fault, count: int) -> None:
    os.setpgid(0, 0)
    status = 1
    try:
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(out, 2)
        for number, name in ((1, "stdout"), (2, "stderr")):
            setattr(
                sys,
                name,
                io.TextIOWrapper(
                    io.FileIO(number, "w", closefd=False), "utf-8", write_through=True
                ),
            )
        os.chdir(folder)
        os.environ |= {
            "TUTELAGE_CACHE": "cache",
            "TMPDIR": str(folder.with_name(f"{folder.name}.tmp")),
            "HF_HUB_OFFLINE": "1",
            "COLUMNS": "200",
        }
        sys.argv = ["tutelage", *words]
        from tutelage.cli import main

        arm(folder, fault)
        try:
            main()
            status = 0
        except SystemExit as ended:
            status = int(ended.code or 0)
        atexit._run_exitfuncs()
    except BaseException:  # noqa: BLE001  # what a terminal would show
        traceback.print_exc()
    finally:
        os.write(count, b"%d %d" % seen())
        os._exit(status)
