"""Rows for a trained student: any source that training takes, a folder, a table, or a single row."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import torch

from tutelage.config.data import DataConfig
from tutelage.data.base import UNLABELLED, Columns, Data, Modality, Split, SplitNames
from tutelage.data.decoding import Decoding
from tutelage.data.given import GivenRows
from tutelage.data.images import EXTENSIONS
from tutelage.data.read import READERS, read_source
from tutelage.data.tables.files import table_kind
from tutelage.data.tables.plain_text import is_text_file
from tutelage.data.tables.saved import is_saved
from tutelage.errors import ConfigError, DataError

__all__ = ["UnseenRows", "read_labelled", "read_unseen"]

_AS_TEXT = "{!r} is read as a text, since there is no such file or folder"


@dataclass(frozen=True)
class UnseenRows:
    """Rows to predict.

    Attributes:
        splits: The rows by split; one split where the source has none.
        notes: How the source was read, where that is not plain.
    """

    splits: tuple[Split, ...]
    notes: tuple[str, ...] = ()


def read_unseen(
    source: str,
    config: DataConfig,
    *,
    modality: Modality,
    like: Columns,
    split: str | None = None,
    doubtful: bool = True,
) -> UnseenRows:
    """Read rows without their labels, if they have any.

    Args:
        source: A data string; a folder of pictures at any depth; a table or text file; a picture; or
            a sentence.
        config: Settings of the data that the student was trained on, with the options of ``source``.
        modality: Modality of the rows that the student reads.
        like: Columns that it was trained on.
        split: Name of the split, or of the folder in a folder of pictures; all by default.
        doubtful: Read one word with a slash as a text, with a note, where there is no such path and
            nothing like it; else it is a path that does not exist.

    Raises:
        ConfigError: If the source cannot be understood.
        DataError: If it cannot be read, has no such split, or holds rows of another modality.
    """
    named = _named(source, modality, doubtful=doubtful)
    if named is None:
        if split is not None:
            raise ConfigError(
                f"--split {split}: {source[:80]!r} is a single row, which is in no split; leave it out"
            )
        rows = GivenRows([source], modality, _as_set(config, like), Decoding.of(config))
        notes = (_AS_TEXT.format(source),) if modality == "text" and _is_doubtful(source) else ()
        return UnseenRows((Split("given", rows, ["0"], torch.tensor([UNLABELLED])),), notes)
    data = _read(named, config, like=like, split=split, labelled=False)
    _refuse_other_modality(data, named, modality=modality, like=like)
    splits = tuple(data.splits.values())
    if named.startswith("folder:"):
        splits = (splits[0] if split is None else _below(splits[0], split, named),)
    elif split is not None:
        splits = (replace(splits[0], name=split),)
    return UnseenRows(splits, data.notes)


def read_labelled(
    source: str,
    config: DataConfig,
    *,
    modality: Modality,
    like: Columns,
    split: str | None = None,
) -> Data:
    """Read rows with their labels, whose names are those of this source.

    The arguments are those of ``read_unseen``; a single row has no label.

    Returns:
        The data; its split to measure is ``train`` if ``split`` is given.

    Raises:
        ConfigError: If the source cannot be understood.
        DataError: As ``read_unseen``, or if labels are missing.
    """
    named = _named(source, modality)
    if named is None:
        raise ConfigError(f"{source[:80]!r} is a single row, which has no label to compare with")
    data = _read(named, config, like=like, split=split, labelled=True)
    _refuse_other_modality(data, named, modality=modality, like=like)
    return data


def _as_set(config: DataConfig, like: Columns) -> Columns:
    """The columns of training, with the columns and the template that are set for this source."""
    named = Columns.of(config)
    return replace(like, text=named.text or like.text, template=named.template)


def _named(source: str, modality: Modality, *, doubtful: bool = True) -> str | None:
    """The data string of what is given; None if it is itself a row."""
    if not source.strip():
        raise ConfigError("the data to read is empty; give a folder, a file or a text")
    if source.partition(":")[0] in READERS:
        return source
    path = Path(source)
    with suppress(RuntimeError):  # a text that begins with "~", and no home of a user
        path = path.expanduser()
    try:
        is_folder, is_file, exists = path.is_dir(), path.is_file(), path.exists()
    except (OSError, ValueError):  # a sentence that is too long for a name
        is_folder = is_file = exists = False
    if source == "-" or (exists and not is_folder and not is_file):
        raise DataError(
            f"{source} is a stream or a device, which cannot be read here; write the rows to a file, and "
            "name that"
        )
    if is_folder:
        tables = modality != "image" or is_saved(path)
        return f"{'table' if tables else 'folder'}:{source}"
    if is_file and (table_kind(path) is not None or is_text_file(path)):
        return f"table:{source}"
    if modality == "image":
        if is_file:
            return None
        raise DataError(
            f"there is no file or folder {source}; give a picture, a folder of pictures, a table, or a "
            "data string such as folder:DIR or table:FILE"
        )
    if modality == "image+text":
        raise DataError(
            f"{source[:80]!r} is no table; the student reads an image and a text of each row: give a "
            "table with both (table:FILE), or predict in Python from dicts"
        )
    if is_file or _looks_like_a_file(source, path, doubtful=doubtful):
        what = "is no table or text file" if is_file else f"does not exist{_near(path)}"
        raise DataError(
            f"the file {source} {what}; give a table (csv, jsonl, parquet), a text file with one row a "
            "line (.txt), or a sentence"
        )
    return None


def _looks_like_a_file(source: str, path: Path, *, doubtful: bool) -> bool:
    """Whether a text that names no file was meant to.

    It has the ending of such a file; or it is one word with a slash that starts or ends as paths do,
    or whose first part is a folder here, or nearly one: ``and/or`` is a text.
    """
    known = {".csv", ".tsv", ".json", ".jsonl", ".parquet", ".arrow", ".txt", ".toml"}
    if path.suffix.lower() in known | EXTENSIONS and " " not in path.name:
        return True
    if not _is_doubtful(source):
        return False
    if not doubtful or source.startswith(("/", "./", "../", "~/")) or source.endswith("/"):
        return True
    first = Path(path.parts[0])
    return first.is_dir() or bool(_closest(first))


def _is_doubtful(text: str) -> bool:
    """Whether a text may be a path: one word with a slash; languages without blanks are not judged."""
    return "/" in text and len(text.split()) == 1 and text.isascii()


def _near(path: Path) -> str:
    """Offer the file or folder that is called most like a missing one."""
    try:
        missing = next((one for one in reversed(path.parents) if not one.exists()), path)
    except OSError:  # too long for a name
        return ""
    close = _closest(missing, cutoff=0.6)
    return f"; did you mean {str(missing.parent / close / path.relative_to(missing))!r}?" * bool(
        close
    )


def _closest(path: Path, *, cutoff: float = 0.8) -> str:
    """The name in a path's folder that is almost its own; empty if there is none."""
    try:
        names = [one.name for one in path.parent.iterdir()]
    except OSError:
        return ""
    return next(iter(get_close_matches(path.name, names, n=1, cutoff=cutoff)), "")


def _read(
    source: str, config: DataConfig, *, like: Columns, split: str | None, labelled: bool
) -> Data:
    columns = Columns.of(config)
    is_folder = source.startswith("folder:")
    if is_folder:
        columns = Columns() if labelled else Columns(label=None)
    elif labelled:
        columns = _as_in_training(columns, like)
    else:
        columns = columns.without_labels(like=like)
    names = SplitNames() if split is None else SplitNames.one(split)
    if is_folder and not labelled:
        names = SplitNames()
    with _naming_options():
        return read_source(
            source,
            columns=columns,
            names=names,
            params=config.params,
            decoding=Decoding.of(config),
        )


def _as_in_training(columns: Columns, like: Columns) -> Columns:
    """The columns with those of inputs that were detected in training, where the config names none."""
    if columns.image is not None or columns.text is not None:
        return columns
    return replace(columns, image=like.image, text=like.text)


def _refuse_other_modality(data: Data, source: str, *, modality: Modality, like: Columns) -> None:
    if data.modality == modality:
        return
    wanted = ", ".join(filter(None, (like.image, *(like.text or ()))))
    columns = f" (it was trained on the column{'s' * (', ' in wanted)} {wanted})" if wanted else ""
    raise DataError(
        f"{source} holds {data.modality}s, but the student reads {modality}s{columns}; give rows of the "
        "same kind"
    )


def _below(split: Split, folder: str, source: str) -> Split:
    """The pictures in one of the folders at the top."""
    prefix = folder.strip("/") + "/"
    numbers = [number for number, name in enumerate(split.ids) if name.startswith(prefix)]
    if not numbers:
        tops = sorted({name.partition("/")[0] for name in split.ids if "/" in name})
        raise DataError(
            f"{source} has no pictures in a folder {folder!r}; its folders: {', '.join(tops) or 'none'}"
        )
    return split.select(numbers, name=folder)


@contextmanager
def _naming_options() -> Iterator[None]:
    """Name the option of the command in messages of readers, which know the settings of a run."""
    try:
        yield
    except (ConfigError, DataError) as error:
        text = str(error).replace("name it by data.train", "name one by --split")
        raise type(error)(text.replace("for data.train", "for --split")) from error
