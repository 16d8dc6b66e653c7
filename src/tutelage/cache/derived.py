"""What follows from cached features and costs time to compute: kept beside them, by its own key."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from tutelage.cache.files import telling_full_disk
from tutelage.cache.key import canonical, digest_of

__all__ = ["derived"]


def derived(root: Path, about: Mapping[str, Any], *, compute: Callable[[], Tensor]) -> Tensor:
    """Return a tensor that was computed before, or compute it and keep it.

    Args:
        root: The cache.
        about: Everything that it is a function of, as JSON knows it: digests of features, settings.
        compute: Makes it.

    Raises:
        CacheError: If the disk is full.
    """
    path = root / ".derived" / f"{digest_of(canonical(about))}.safetensors"
    try:
        return load_file(path)["value"]
    except (FileNotFoundError, SafetensorError, KeyError):
        value = compute()
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with telling_full_disk(root, needed=lambda: value.nbytes):
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({"value": value.contiguous()}, temporary)
        temporary.replace(path)
    return value
