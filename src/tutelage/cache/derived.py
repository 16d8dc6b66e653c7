"""What follows from cached features and costs time to compute: kept beside them, by its own key."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from tutelage.cache.disk import writing_features
from tutelage.files import atomic_path, canonical, digest_of

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
    except (FileNotFoundError, NotADirectoryError, SafetensorError):
        made = {name: value.cpu().contiguous() for name, value in compute().items()}
    with writing_features(root, needed=lambda: sum(value.nbytes for value in made.values())):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            save_file(made, temporary)
    return made
