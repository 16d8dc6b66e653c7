"""Orders in which other programs list the files of a folder, for arrays that have no ids."""

import re
from collections.abc import Sequence
from typing import Literal, get_args

__all__ = ["ORDERS", "ListingOrder", "listed"]

ListingOrder = Literal["rows", "imagefolder", "timm"]
"""``rows``: by path, as here; ``imagefolder``: torchvision's; ``timm``: timm's natural order."""

ORDERS: tuple[ListingOrder, ...] = get_args(ListingOrder)


def listed(paths: Sequence[str], order: ListingOrder, *, folder: str = "") -> list[int]:
    """Return the numbers of the paths in the order in which a program lists them.

        rows           the whole path, character by character
        imagefolder    the class folder, then the folder's path, then the file's name, each so
        timm           the whole path in lower case, digits compared as numbers: 2.jpg before 10.jpg

    Args:
        paths: Paths with forward slashes.
        order: The program's order.
        folder: The folder that the class folders lie in.

    Source:
        torchvision.datasets.folder.make_dataset;
        timm.data.readers.reader_image_folder.find_images_and_targets.

    Example:
        >>> paths = ["a b/1.jpg", "a/1.jpg", "a/10.jpg", "a/2.jpg"]
        >>> listed(paths, "imagefolder"), listed(paths, "timm")
        ([1, 2, 3, 0], [0, 1, 3, 2])
    """
    if order == "rows":
        keys: list[tuple[object, ...]] = [(path,) for path in paths]
    elif order == "imagefolder":
        begin = 0 if folder in ("", ".") else len(folder) + 1
        keys = [_imagefolder_key(path[begin:]) for path in paths]
    else:
        keys = [_natural_key(path) for path in paths]
    return sorted(range(len(paths)), key=keys.__getitem__)


def _imagefolder_key(path: str) -> tuple[str, str, str]:
    parent, slash, name = path.rpartition("/")
    return (parent.partition("/")[0] if slash else "", parent, name)


def _natural_key(path: str) -> tuple[object, ...]:
    parts = re.split(r"(\d+)", path.lower())
    return tuple(int(part) if number % 2 else part for number, part in enumerate(parts))
