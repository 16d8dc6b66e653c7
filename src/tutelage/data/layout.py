"""The layout of a folder of pictures: its splits, and which of its folders are the classes."""

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tutelage.data.base import SplitNames
from tutelage.data.listing import has_pictures, list_pictures, passed_over, subfolders
from tutelage.data.roles import are_named_like_splits, find_roles, role_of
from tutelage.errors import DataError

__all__ = ["ClassFolder", "Layout", "SplitFolder", "class_of", "find_layout", "split_folder"]

ClassFolder = Literal["auto", "first", "last"]


@dataclass(frozen=True)
class Layout:
    """The folder of each split.

    Attributes:
        tops: Folder of each role; the whole folder for training if there are no splits.
        siblings: Names of all folders beside those of the splits; empty if there are no splits.
        unused: Folders that are no split.
    """

    tops: Mapping[str, Path]
    siblings: Sequence[str] = ()
    unused: Sequence[Path] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Say which folders are which splits, where their names do not."""
        if not self.siblings or all(top.name == role for role, top in self.tops.items()):
            return ()
        return ("splits: " + ", ".join(f"{role} is {top.name}" for role, top in self.tops.items()),)


@dataclass(frozen=True)
class SplitFolder:
    """The pictures of a split.

    Attributes:
        top: The folder whose folders are the classes.
        by_class: Paths of the pictures of each class folder, relative to the data's folder.
        notes: What was passed over.
    """

    top: Path
    by_class: Mapping[str, list[str]]
    notes: tuple[str, ...]


def find_layout(root: Path, *, names: SplitNames) -> Layout:
    """Find the folders of the splits; folders that hold but one folder are looked through.

    Args:
        root: The folder.
        names: Configured names; ``train="."`` says that there are no splits.

    Raises:
        DataError: If a configured split is missing.
    """
    if names.train == ".":
        return Layout({"train": root})
    named = {names.train, names.test, names.validation} - {"train", "test", "validation"}
    while len(inner := subfolders(root)) == 1 and not named & set(inner):
        if role_of(inner[0]) or not subfolders(root / inner[0]) or has_pictures(root):
            break
        root /= inner[0]
    roles = find_roles(inner, names=names, where=str(root), required=False)
    if "train" not in roles or not subfolders(root / roles["train"]):
        return Layout({"train": root})
    unused = [root / name for name in inner if name not in roles.values()]
    return Layout({role: root / name for role, name in roles.items()}, inner, unused)


def split_folder(
    role: str, top: Path, *, root: Path, class_folder: ClassFolder, classes: Collection[str] = ()
) -> SplitFolder:
    """List the pictures of a split by class folder.

    Args:
        role: Role of the split.
        top: Folder of the split.
        root: The data's folder, which paths are relative to.
        class_folder: Which folder names the class: the first below the split, or the last.
            ``"auto"`` is the first, and refuses folders that may be something else.
        classes: Classes of the training rows; empty for the training split itself.

    Raises:
        DataError: If there are no class folders, some have no pictures, or which folders are the
            classes cannot be told.
    """
    while len(inner := subfolders(top)) == 1 and class_of(inner[0]) not in classes:
        if not subfolders(top / inner[0]) or has_pictures(top):
            break
        top /= inner[0]
    listing = list_pictures(top, root=root)
    by_class: dict[str, list[str]] = {} if class_folder == "last" else {name: [] for name in inner}
    loose = 0
    for name in listing.pictures:
        folders = (root / name).relative_to(top).parts[:-1]
        if folders:
            label = folders[-1 if class_folder == "last" else 0]
            by_class.setdefault(label, []).append(name)
        else:
            loose += 1
    _refuse_without_classes(role, top, by_class, loose=loose, others=listing.others)
    if class_folder == "auto":
        _refuse_suspicious(top, root, by_class)
    notes = passed_over(listing.others)
    if loose:
        notes += (f"passed over {loose} pictures in {top} that lie outside the class folders",)
    return SplitFolder(top, by_class, notes)


def class_of(folder: str) -> str:
    """Return the class that a folder's name means: without blanks around it, composed (NFC)."""
    return unicodedata.normalize("NFC", folder).strip() or folder


def _refuse_without_classes(
    role: str,
    top: Path,
    by_class: Mapping[str, list[str]],
    *,
    loose: int,
    others: Mapping[str, int],
) -> None:
    there = "; there are " + passed_over(others)[0].removeprefix("passed over ") if others else ""
    if not any(by_class.values()) and loose and role != "train":
        way = (
            "set data.evaluate = 'holdout' to score a hold-out of the training rows instead"
            if role == "test"
            else "move it elsewhere, and a hold-out of the training rows serves instead"
        )
        raise DataError(
            f"{top} has {loose} pictures and no class folders, so they have no labels and cannot be "
            f"scored; put each class's pictures into a folder of its name, or {way}"
        )
    if not by_class:
        raise DataError(
            f"{top} has no class folders"
            + (f", but {loose} images" if loose else there)
            + "; put each class's images into a folder of its name"
        )
    empty = [label for label, pictures in by_class.items() if not pictures]
    if len(empty) == len(by_class):
        raise DataError(f"no images in the folders of {top}{there}")
    if empty:
        raise DataError(
            f"the class folder {top / empty[0]} has no images"
            + (f" (and {len(empty) - 1} more such)" if len(empty) > 1 else "")
            + f"; add some, or remove the folder{there}"
        )


def _refuse_suspicious(top: Path, root: Path, by_class: Mapping[str, list[str]]) -> None:
    """Refuse class folders that are named like splits, or that all have the same folders."""
    names = sorted(by_class)
    if are_named_like_splits(names):
        raise DataError(
            f"the folders of {top} are named like splits ({_few(names)}), but have no class folders; put "
            "each class's pictures into a folder of its name, or set data.params.class_folder = "
            "'first' if these are the classes"
        )
    inner = {name: _folders_of_pictures(top / name, root, by_class[name]) for name in names}
    for name, folders in inner.items():
        if role_of(name) == "train" and len(folders) > 1:
            raise DataError(
                f"is the folder {name!r} of {top} the training split? Then set data.train = {name!r}; if "
                f"it is a class beside {_few([n for n in names if n != name])}, set "
                "data.params.class_folder = 'first'"
            )
    shared = sorted(set.intersection(*inner.values())) if len(inner) > 1 else []
    if len(shared) > 1:
        raise DataError(
            f"the folders {_few(names)} of {top} have the same folders ({_few(shared)}), so which are "
            f"the classes? Set data.params.class_folder = 'last' if they are {_few(shared)}, or 'first' "
            f"if they are {_few(names)}; if {_few(names)} are splits, name them by data.train and "
            "data.test"
        )


def _folders_of_pictures(folder: Path, root: Path, pictures: Sequence[str]) -> set[str]:
    """Return the folders in a class folder that hold its pictures; none if some lie in itself."""
    below = [(root / path).relative_to(folder).parts for path in pictures]
    return set() if any(len(parts) == 1 for parts in below) else {parts[0] for parts in below}


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f", … ({len(names)})" if len(names) > 4 else "")
