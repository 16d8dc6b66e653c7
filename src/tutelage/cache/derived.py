"""Cache of tensors computed from features, such as probe outputs, by a digest of their inputs."""

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
    try:
        return load_file(path)
    except (FileNotFoundError, NotADirectoryError, SafetensorError):
        tensors = {name: value.cpu().contiguous() for name, value in compute().items()}
    with writing_features(root, needed=lambda: sum(value.nbytes for value in tensors.values())):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            save_file(tensors, temporary)
    return tensors
