"""Memory that this process may still take."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import psutil  # type: ignore[import-untyped]

__all__ = ["free_memory"]

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")


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
