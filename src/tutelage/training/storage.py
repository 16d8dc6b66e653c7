"""Where decoded images are kept during training: in memory, on disk, or nowhere."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Literal

import psutil  # type: ignore[import-untyped]

from tutelage.files import human_size
from tutelage.inputs import ImageInput, ModelInput, PairInput, TextInput
from tutelage.memory import free_memory
from tutelage.progress import Progress

__all__ = ["Keep", "choose_keep", "share_memory"]

Keep = Literal["memory", "disk", "none"]
"""In memory, in a temporary file, or nowhere: decoded each time."""

FREE_SHARE = 0.5
"""Share of the free memory, or disk, that decoded inputs may take."""

_processes = 1
"""Processes of this machine that keep inputs of their own at the same time.

A module global on purpose: a pool sets it once in each of its processes.
"""


def share_memory(processes: int) -> None:
    """State that so many processes train on this machine at the same time."""
    global _processes
    _processes = processes


def choose_keep(
    asked: Keep | Literal["auto"],
    model_input: ModelInput,
    *,
    rows: int,
    reserved: int = 0,
    progress: Progress,
) -> Keep:
    """Return where to keep the decoded inputs of some rows.

    ``"auto"`` is memory where they take at most half of what is free, for each of the processes that
    train on this machine; else disk, by the same rule; else nowhere.
    Of texts the most tokens that they may have count.

    Args:
        asked: ``train.inputs``.
        model_input: Decodes the rows.
        rows: Number of all rows that the run decodes.
        reserved: Bytes of each process's memory that steps will take, and so are not free.
        progress: Is told where inputs are not kept in memory.
    """
    if asked != "auto":
        return asked
    needed = rows * _row_bytes(model_input)
    processes = max(_processes, int(os.environ.get("LOCAL_WORLD_SIZE", "1")))
    memory = max(0, free_memory() // processes - reserved)
    disk = _free_disk() // processes
    if needed <= FREE_SHARE * memory:
        return "memory"
    kind = "images" if isinstance(model_input, ImageInput) else "rows"
    what = f"{rows:,} decoded {kind} take up to {human_size(needed)}, and {human_size(memory)} of memory"
    if needed <= FREE_SHARE * disk:
        progress.note(
            f"{what} are free: they are kept in a temporary file in {tempfile.gettempdir()} "
            "(train.inputs = 'memory' or 'none' says otherwise)"
        )
        return "disk"
    progress.note(
        f"{what} and {human_size(disk)} of {tempfile.gettempdir()} are free: they are decoded "
        "each time they are read (train.workers processes do it; TMPDIR names a larger disk)"
    )
    return "none"


def _row_bytes(model_input: ModelInput) -> int:
    match model_input:
        case PairInput():
            return _row_bytes(model_input.image) + _row_bytes(model_input.text)
        case ImageInput():
            height, width = model_input.size
            return 3 * height * width
        case TextInput():
            return 4 * len(model_input.accepts) * model_input.max_length
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
