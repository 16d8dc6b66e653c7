"""Images in folders named after their class."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import torch

from tutelage.data.base import UNLABELLED, Columns, Data, Split, SplitNames
from tutelage.data.images import EXTENSIONS, ImageFiles
from tutelage.data.labels import class_names, class_numbers, differing_in_case
from tutelage.data.layout import ClassFolder, Layout, class_of, find_layout, split_folder
from tutelage.data.listing import list_pictures, passed_over
from tutelage.data.naming import Naming, split_names
from tutelage.errors import ConfigError, DataError
from tutelage.tasks import TASKS

__all__ = ["read_folder"]


def read_folder(
    source: str, *, columns: Columns, names: SplitNames, class_folder: ClassFolder = "auto"
) -> Data:
    """Read ``DIR/class/image.jpg``, or ``DIR/train/class/image.jpg`` and the other splits.

    The id of a row is its path relative to ``DIR``, with forward slashes. Hidden files are skipped;
    ``Data.notes`` says what else was. If labels are not read, all images at any depth are training
    rows.

    Args:
        source: The folder.
        columns: Must be the defaults: a folder has no columns.
        names: Names of the splits' folders; ``Training``, ``val`` and the like are detected too.
            ``train="."`` takes all folders for classes, whatever their names.
        class_folder: Which folder names the class: the first below the split, or the last above
            the image. ``"auto"`` is the first, and refuses folders that may be something else.

    Raises:
        DataError: If there is no such folder, a class has no images or no training rows, images
            lie outside class folders, or which folders are the classes cannot be told.
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
    layout = find_layout(root, names=names)
    tops = {role: top for role, top in layout.tops.items() if role != "test" or names.read_test}
    train = split_folder("train", tops["train"], root=root, class_folder=class_folder)
    classes = tuple(dict.fromkeys(map(class_of, class_names(train.by_class))))
    folders = {"train": train} | {
        role: split_folder(role, top, root=root, class_folder=class_folder, classes=classes)
        for role, top in tops.items()
        if role != "train"
    }
    splits = {}
    for role in tops:
        by_class = folders[role].by_class
        rows = sorted((name, label) for label, images in by_class.items() for name in images)
        ids = [name for name, _ in rows]
        labels = class_numbers([class_of(label) for _, label in rows], classes, split=role)
        stored_as = tops[role].name if layout.siblings else role
        naming = Naming(
            "path",
            split_names(role, stored_as, present=layout.siblings),
            folders[role].top.relative_to(root).as_posix(),
        )
        splits[role] = Split(role, ImageFiles(root, ids), ids, labels, naming=naming)
    notes = (
        *(() if names.alone else (*layout.notes, *_unused(layout, root))),
        *(note for folder in folders.values() for note in folder.notes),
        *_merged(train.by_class),
        *differing_in_case(classes),
    )
    return Data(splits, classes, "image", has_test="test" in layout.tops, notes=notes)


def _without_labels(root: Path) -> Data:
    """Return all images below a folder, whatever the folders' names."""
    listing = list_pictures(root, root=root)
    ids = sorted(listing.pictures)
    if not ids:
        there = passed_over(listing.others)
        seen = f" ({there[0]})" if there else ""
        raise DataError(
            f"no images in {root}{seen}; texts are tables (table:FILE), and known images end in "
            + ", ".join(sorted(EXTENSIONS))
        )
    labels = torch.full((len(ids),), UNLABELLED)
    split = Split("train", ImageFiles(root, ids), ids, labels, naming=Naming("path"))
    return Data({"train": split}, (), "image", notes=passed_over(listing.others))


def _unused(layout: Layout, root: Path) -> list[str]:
    """Say which folders beside the splits hold pictures that are not read."""
    counts = {top.name: len(list_pictures(top, root=root).pictures) for top in layout.unused}
    return [
        f"passed over {count} pictures in the folder {name}, which is no split"
        for name, count in counts.items()
        if count
    ]


def _merged(folders: Iterable[str]) -> list[str]:
    """Say which classes have several folders, whose names differ in blanks or Unicode form."""
    count = Counter(map(class_of, folders))
    return [f"{n} folders are the class {name!r}" for name, n in count.items() if n > 1]
