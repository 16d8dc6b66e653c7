"""Images in folders named after their class."""

import os
from pathlib import Path
from typing import NoReturn

import torch

from tutelage.data.base import UNLABELLED, Columns, Data, Split, SplitNames
from tutelage.data.images import EXTENSIONS, ImageFiles
from tutelage.data.labels import class_names, class_numbers
from tutelage.data.naming import Naming, split_names
from tutelage.data.roles import find_roles
from tutelage.errors import ConfigError, DataError
from tutelage.tasks import TASKS

__all__ = ["read_folder"]


def read_folder(source: str, *, columns: Columns, names: SplitNames) -> Data:
    """Read ``DIR/class/image.jpg``, or ``DIR/train/class/image.jpg`` and the other splits.

    The id of a row is its path relative to ``DIR``, with forward slashes. Hidden files and files
    that are not images are skipped. If labels are not read, all images at any depth are training
    rows.

    Args:
        source: The folder.
        columns: Must be the defaults: a folder has no columns.
        names: Names of the splits' folders; ``valid``, ``val`` and ``dev`` are detected too.

    Raises:
        DataError: If there is no such folder, a class has no images or no training rows, or images
            lie outside class folders.
    """
    if not TASKS[columns.task].labels_are_classes:
        raise ConfigError(
            f"an image has the one class whose folder it is in; for task {columns.task!r} use "
            "table:FILE with a column of image paths and columns of labels"
        )
    if columns not in (Columns(), Columns(label=None)):
        raise ConfigError(
            "a folder has no columns: remove data.image, data.text, data.template, data.label and data.id, "
            "or use table:FILE with a column of image paths"
        )
    root = Path(source).expanduser()
    if not root.is_dir():
        kind = "is a file; tables are table:FILE" if root.is_file() else "does not exist"
        raise DataError(f"the folder {root} {kind}")
    if columns.label is None:
        return _without_labels(root)
    folders = _folders(root)
    roles = find_roles(folders, names=names, where=str(root), required=False)
    if "train" in roles and _folders(root / roles["train"]):
        tops = {role: root / name for role, name in roles.items()}
    else:
        roles, tops = {}, {"train": root}
    if not names.read_test:
        tops.pop("test", None)
    files = {role: _images_by_class(top, root=root) for role, top in tops.items()}
    classes = class_names(files["train"])
    splits = {}
    for role, by_class in files.items():
        rows = sorted((name, label) for label, images in by_class.items() for name in images)
        ids = [name for name, _ in rows]
        labels = class_numbers([label for _, label in rows], classes, split=role)
        naming = Naming(
            "path",
            split_names(role, roles.get(role, role), present=folders if roles else ()),
            tops[role].relative_to(root).as_posix(),
        )
        splits[role] = Split(role, ImageFiles(root, ids), ids, labels, naming=naming)
    return Data(splits, classes, "image", has_test="test" in roles)


def _without_labels(root: Path) -> Data:
    """Return all images below a folder, whatever the folders' names."""
    ids = sorted(_images(root, root=root))
    if not ids:
        raise DataError(f"no images in {root}; known are {', '.join(sorted(EXTENSIONS))}")
    labels = torch.full((len(ids),), UNLABELLED)
    split = Split("train", ImageFiles(root, ids), ids, labels, naming=Naming("path"))
    return Data({"train": split}, (), "image")


def _folders(path: Path) -> list[str]:
    try:
        entries = sorted(path.iterdir())
    except OSError as error:
        _refuse(error)
    folders = (p for p in entries if p.is_dir() and not p.name.startswith("."))
    return [folder.name for folder in folders if not _leads_back(folder)]


def _images_by_class(top: Path, *, root: Path) -> dict[str, list[str]]:
    """Return the images of each class folder at any depth, as paths relative to ``root``."""
    folders = _folders(top)
    if not folders:
        loose = sum(p.suffix.lower() in EXTENSIONS for p in top.iterdir())
        raise DataError(
            f"{top} has no class folders"
            + (f", but {loose} images" if loose else "")
            + "; put each class's images into a folder of its name"
        )
    by_class = {label: _images(top / label, root=root) for label in folders}
    empty = [label for label, images in by_class.items() if not images]
    if len(empty) == len(by_class):
        raise DataError(
            f"no images in the folders of {top}; known are {', '.join(sorted(EXTENSIONS))}"
        )
    if empty:
        raise DataError(
            f"the class folder {top / empty[0]} has no images"
            + (f" (and {len(empty) - 1} more such)" if len(empty) > 1 else "")
            + "; add some, or remove the folder"
        )
    return by_class


def _images(folder: Path, *, root: Path) -> list[str]:
    images = []
    for parent, inner, files in os.walk(folder, followlinks=True, onerror=_refuse):
        inner[:] = [n for n in inner if not n.startswith(".") and not _leads_back(Path(parent, n))]
        images += [
            (Path(parent) / name).relative_to(root).as_posix()
            for name in files
            if not name.startswith(".") and Path(name).suffix.lower() in EXTENSIONS
        ]
    for name in images:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise DataError(
                f"the file name {os.fsencode(name)!r} in {root} is not UTF-8; rename the file"
            ) from None
    return images


def _leads_back(folder: Path) -> bool:
    """Whether a folder is a link to one of its parents, whose images are listed already."""
    return folder.is_symlink() and any(folder.samefile(above) for above in folder.parents)


def _refuse(error: OSError) -> NoReturn:
    raise DataError(f"the folder {error.filename} cannot be read: {error.strerror}") from error
