"""Parts that several processes computed, handed over to the one that writes the entry."""

import re
import shutil
from pathlib import Path

from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from tutelage.cache.disk import writing_features
from tutelage.files import write_atomically

__all__ = ["Handover"]

_NAME = re.compile(r"(\d+)\.safetensors")


class Handover:
    """Files of computed parts, as the teacher gave them, until they are in the entry.

        <root>/.parts/<digest of the key>/<number of the part>.safetensors

    A process that is killed leaves whole files only; they serve the next one that writes the entry.

    Args:
        folder: The entry's folder. It need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.parent / ".parts" / folder.name

    def parts(self) -> set[int]:
        """Return the numbers of the parts that are there."""
        if not self.folder.is_dir():
            return set()
        names = (_NAME.fullmatch(path.name) for path in self.folder.iterdir())
        return {int(name[1]) for name in names if name}

    def put(
        self, part: int, features: Float[Tensor, "rows width"], *, notes: dict[str, int]
    ) -> None:
        """Hand over a part, durably.

        Args:
            part: Its number.
            features: Its features, in any precision.
            notes: Numbers about its rows.

        Raises:
            CacheError: If the disk is full.
        """
        size = features.numel() * features.element_size()
        with writing_features(self.folder.parent.parent, needed=lambda: size):
            metadata = {name: str(value) for name, value in notes.items()}
            content = save({"features": features.contiguous()}, metadata)
            while True:
                self.folder.mkdir(parents=True, exist_ok=True)
                try:
                    return write_atomically(self._path(part), content)
                except FileNotFoundError:  # another process cleared the folder just now
                    continue

    def read(self, part: int) -> tuple[Tensor, dict[str, int]] | None:
        """Return the features and numbers of a part; None if the file is damaged, or gone."""
        try:
            with safe_open(self._path(part), framework="pt") as file:
                notes = {name: int(value) for name, value in (file.metadata() or {}).items()}
                return file.get_tensor("features"), notes
        except (OSError, SafetensorError, ValueError):
            return None

    def remove(self, part: int) -> None:
        """Delete a part, which is in the entry or cannot be used."""
        self._path(part).unlink(missing_ok=True)

    def clear(self) -> None:
        """Delete all parts."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, part: int) -> Path:
        return self.folder / f"{part}.safetensors"
