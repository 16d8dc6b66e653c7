"""How ids of a file differ from the data's, where other programs wrote the same ids otherwise."""

import unicodedata
from collections.abc import Callable, Collection, Iterator
from pathlib import PurePosixPath

__all__ = ["other_form"]

Form = Callable[[str], str]


def other_form(wanted: Collection[str], present: Collection[str]) -> str:
    """Return a sentence if all wanted ids are in the file but for the way they are written; else ``""``.

    Args:
        wanted: Ids of the data's rows.
        present: Ids of the file.

    Example:
        >>> other_form(["007", "008"], ["7", "8"])
        "They differ in leading zeros: '007' of the data is '7' there"
        >>> other_form(["train/a/1.jpg"], ["/data/train/a/1.jpg", "/data/train/a/2.jpg"])
        "They differ in the folders in front: 'train/a/1.jpg' of the data is '/data/train/a/1.jpg' there"
        >>> other_form(["a", "b"], ["c"])
        ''
    """
    for name, form in _forms(wanted, present):
        theirs = {form(one): one for one in present}
        ours = {form(one): one for one in wanted}
        unique = len(theirs) == len(present) and len(ours) == len(wanted)
        if ours and unique and ours.keys() <= theirs.keys():
            here = next(iter(wanted))
            return f"They differ in {name}: {here!r} of the data is {theirs[form(here)]!r} there"
    return ""


def _forms(wanted: Collection[str], present: Collection[str]) -> Iterator[tuple[str, Form]]:
    yield "blanks around them", str.strip
    yield "a '.0' at the end", lambda name: name.removesuffix(".0")
    yield "leading zeros", lambda name: name.lstrip("0") or "0"
    yield "their Unicode form", lambda name: unicodedata.normalize("NFC", name)
    yield "backslashes", _with_slashes
    yield "upper and lower case", str.casefold
    depth = min((len(_parts(name)) for name in (*wanted, *present)), default=0)
    yield "the folders in front", lambda name: "/".join(_parts(name)[-depth:])
    yield "the endings of files", lambda name: name[: len(name) - len(PurePosixPath(name).suffix)]


def _parts(path: str) -> tuple[str, ...]:
    return PurePosixPath(_with_slashes(path)).parts


def _with_slashes(path: str) -> str:
    return path.replace("\\", "/")
