"""What follows from cached features and costs time to compute: kept beside them, by its own key."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from tutelage.cache.key import canonical, digest_of
from tutelage.files import telling_full_disk

__all__ = ["derived"]


def derived(
    root: Path, about: Mapping[str, Any], *, compute: Callable[[], Mapping[str, Tensor]]
) -> dict[str, Tensor]:
    """Return tensors that were computed before, or compute them and keep them.

    Args:
        root: The cache.
        about: Everything that they are a function of, as JSON knows it: digests of features, settings.
        compute: Makes them.

    Raises:
        CacheError: If the disk is full.
    """
    path = root / ".derived" / f"{digest_of(canonical(about))}.safetensors"
    try:
        return load_file(path)
    except (FileNotFoundError, SafetensorError):
        made = {name: value.cpu().contiguous() for name, value in compute().items()}
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with telling_full_disk(root, needed=lambda: sum(value.nbytes for value in made.values())):
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(made, temporary)
        temporary.replace(path)
    return made
