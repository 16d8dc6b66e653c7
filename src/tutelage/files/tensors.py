"""Safetensors files that carry a digest, so that a changed byte is noticed when they are read."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from tutelage.files.digests import canonical
from tutelage.files.disk import atomic_path, of_the_system

__all__ = ["DamagedTensorsError", "read_tensors", "write_tensors"]

DIGEST = "digest"


class DamagedTensorsError(ValueError):
    """A file that is no safetensors file, or whose content is not what was written."""


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], *, metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors and their digest to a temporary name, sync it, and rename it.

    Args:
        path: The file. Its folder must exist.
        tensors: On any device.
        metadata: Texts by name; covered by the digest.

    Raises:
        OSError: If the file cannot be written.
    """
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    texts = dict(metadata or {})
    with atomic_path(path) as temporary:
        try:
            save_file(stored, temporary, metadata=texts | {DIGEST: _digest(stored, texts)})
        except SafetensorError as error:
            raise of_the_system(error) from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the metadata of a file. One without a digest is read as it is.

    Raises:
        DamagedTensorsError: If the content does not match the digest, or cannot be read.
        OSError: If there is no such file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            texts = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise DamagedTensorsError(str(error)) from error
    digest = texts.pop(DIGEST, None)
    if digest is not None and digest != _digest(tensors, texts):
        raise DamagedTensorsError("its content is not what was written (the digest differs)")
    return tensors, texts


def _digest(tensors: Mapping[str, Tensor], texts: Mapping[str, str]) -> str:
    """Return the digest of the texts, and of the tensors' names, dtypes, shapes and bytes."""
    about = [[name, str(t.dtype), list(t.shape)] for name, t in sorted(tensors.items())]
    total = hashlib.blake2b(canonical([about, dict(texts)]), digest_size=16)
    for _, tensor in sorted(tensors.items()):
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()
