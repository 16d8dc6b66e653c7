"""Folders that the image paths of a table start from and may not leave."""

from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Place"]


@dataclass(frozen=True)
class Place:
    """Where image paths start, and the folders that they may not leave.

    A table may come from anyone, and its paths could name any picture of the machine. Links count
    by what they lead to.

    Attributes:
        folder: Folder that relative paths start from.
        within: Folders that hold the images; None allows paths that lead anywhere.

    Example:
        >>> place = Place(Path("/data/birds"), (Path("/data/birds"),))
        >>> [place.holds(name) for name in ("a/1.jpg", "../2.jpg", "/data/birds/3.jpg", "/4.jpg")]
        [True, False, True, False]
    """

    folder: Path
    within: tuple[Path, ...] | None
    _known: dict[Path, Path] = field(default_factory=dict, init=False, repr=False, compare=False)

    def holds(self, name: str) -> bool:
        """Whether a path leads to a place inside of the folders."""
        if self.within is None:
            return True
        path = self.folder / name
        try:
            if path.name in ("", "..") or path.is_symlink():
                target = path.resolve()
            else:
                target = self._resolved(path.parent) / path.name
        except (OSError, ValueError):  # too long for a name, or a null character: no such file
            return True
        return any(target.is_relative_to(self._resolved(root)) for root in self.within)

    def holds_folder(self, name: str) -> bool:
        """Whether a folder, links followed, is one of the folders or inside of them."""
        if self.within is None:
            return True
        try:
            target = self._resolved(self.folder / name)
        except (OSError, ValueError):
            return False
        return any(target.is_relative_to(self._resolved(root)) for root in self.within)

    def _resolved(self, folder: Path) -> Path:
        """Follow the links of a folder, once for all its files."""
        if folder not in self._known:
            self._known[folder] = folder.resolve()
        return self._known[folder]
