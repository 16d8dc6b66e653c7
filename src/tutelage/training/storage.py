"""Where decoded images are kept during training: in memory, on disk, or nowhere."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Literal

import psutil  # type: ignore[import-untyped]

from tutelage.files import human_size
from tutelage.inputs import ImageInput, ModelInput, PairInput
from tutelage.progress import Progress

__all__ = ["Keep", "choose_keep", "free_memory", "share_memory"]

Keep = Literal["memory", "disk", "none"]
"""In memory, in a temporary file, or nowhere: decoded each time."""

FREE_SHARE = 0.5
"""Share of the free memory, or disk, that decoded inputs may take."""

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")

_processes = 1
"""Processes of this machine that keep inputs of their own at the same time.

A module global on purpose: a pool sets it once in each of its processes.
"""


def share_memory(processes: int) -> None:
    """State that so many processes train on this machine at the same time."""
    global _processes
    _processes = processes


def choose_keep(
    asked: Keep | Literal["auto"], model_input: ModelInput, *, rows: int, progress: Progress
) -> Keep:
    """Return where to keep the decoded inputs of some rows.

    ``"auto"`` is memory where they take at most half of what is free, for each of the processes that
    train on this machine; else disk, by the same rule; else nowhere. Texts always go to memory.

    Args:
        asked: ``train.inputs``.
        model_input: Decodes the rows.
        rows: Number of all rows that the run decodes.
        progress: Is told where inputs are not kept in memory.
    """
    if asked != "auto":
        return asked
    needed = rows * _row_bytes(model_input)
    processes = max(_processes, int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
    memory, disk = free_memory() // processes, _free_disk() // processes
    if needed <= FREE_SHARE * memory:
        return "memory"
    what = f"{rows:,} decoded images take {human_size(needed)}, and {human_size(memory)} of memory"
    if needed <= FREE_SHARE * disk:
        progress.note(
            f"{what} are free: they are kept in a temporary file in {tempfile.gettempdir()} "
            "(train.inputs = 'memory' or 'none' says otherwise)"
        )
        return "disk"
    progress.note(
        f"{what} and {human_size(disk)} of {tempfile.gettempdir()} are free: images are decoded "
        "each time they are read (train.workers processes do it; TMPDIR names a larger disk)"
    )
    return "none"


def free_memory(cgroups: Path = CGROUPS, own: Path = OWN_CGROUPS) -> int:
    """Return the bytes of memory that this machine, and the groups of this process, can still give.

    A container, a job of Slurm and a unit of systemd are control groups, each within others; the
    strictest limit counts.

    Args:
        cgroups: Folder of the control groups.
        own: File that names those of this process.
    """
    free = int(psutil.virtual_memory().available)
    for group in _memory_groups(cgroups, own):
        for limit, used, reclaimable in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            try:
                most = (group / limit).read_text().strip()
                taken = int((group / used).read_text())
                lines = (group / "memory.stat").read_text().split("\n")
            except (OSError, ValueError):
                continue
            if most.isdigit():  # else "max": no limit
                cached = [
                    int(line.split()[1]) for line in lines if line.startswith(reclaimable + " ")
                ]
                free = min(free, max(0, int(most) - taken + sum(cached)))
    return free


def _memory_groups(cgroups: Path, own: Path) -> Iterator[Path]:
    """The folders of this process's groups that may limit memory, each with those it lies in.

    A line of ``own`` is ``number:controllers:/path``. Version 2 has one line without controllers, and
    its folders in ``cgroups``; version 1 a line of the controller ``memory``, and a folder of that name.
    In a container the path may be the host's, and lead nowhere.
    """
    try:
        lines = own.read_text().splitlines()
    except OSError:
        lines = []
    for root, controllers in ((cgroups, ""), (cgroups / "memory", "memory")):
        paths = [
            path
            for _, names, path in (line.split(":", 2) for line in lines)
            if names == controllers
        ]
        inner = PurePosixPath(paths[0]) if paths else PurePosixPath("/")
        for path in (inner, *inner.parents):
            yield root / str(path).lstrip("/")


def _row_bytes(model_input: ModelInput) -> int:
    match model_input:
        case PairInput():
            return _row_bytes(model_input.image)
        case ImageInput():
            height, width = model_input.size
            return 3 * height * width
        case _:
            return 0


def _free_disk() -> int:
    """Return the free bytes of the folder of temporary files; 0 where it lies in memory."""
    folder = Path(tempfile.gettempdir()).resolve()
    mounts = {
        Path(one.mountpoint): one.fstype
        for one in psutil.disk_partitions(all=True)
        if folder.is_relative_to(one.mountpoint)
    }
    nearest = max(mounts, key=lambda path: len(path.parts), default=None)
    if nearest is not None and mounts[nearest] in ("tmpfs", "ramfs"):
        return 0
    return shutil.disk_usage(folder).free
