"""Cache of tensors computed from features, such as probe outputs, by a digest of their inputs."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from tutelage.cache.disk import writing_features
from tutelage.cache.locks import hold_lock
from tutelage.files import canonical, digest_of, remove_leftovers
from tutelage.files.tensors import DamagedTensorsError, read_tensors, write_tensors

__all__ = ["derived"]

TOLD_AFTER = 30.0
"""Seconds after which a wait is told: runs that start together compute a probe once, which is no fault."""


def derived(
    root: Path, about: Mapping[str, Any], *, compute: Callable[[], Mapping[str, Tensor]]
) -> dict[str, Tensor]:
    """Return cached tensors, or compute and cache them.

    Args:
        root: The cache's folder.
        about: Everything that the tensors are a function of, as JSON values: digests of features,
            settings.
        compute: Computes the tensors.

    Raises:
        CacheError: If the disk is full.
    """
    path = root / ".derived" / f"{digest_of(canonical(about))}.safetensors"
    if (cached := _read(path)) is not None:
        return cached
    with hold_lock(path, doing="computes the same from features", after=TOLD_AFTER):
        if (cached := _read(path)) is not None:  # another process has computed it meanwhile
            return cached
        remove_leftovers(path)
        tensors = {name: value.cpu().contiguous() for name, value in compute().items()}
        with writing_features(root, needed=lambda: sum(value.nbytes for value in tensors.values())):
            write_tensors(path, tensors)
    return tensors


def _read(path: Path) -> dict[str, Tensor] | None:
    """Return the tensors of a file; None where it is missing or damaged."""
    try:
        return read_tensors(path)[0]
    except (FileNotFoundError, NotADirectoryError, DamagedTensorsError):
        return None
