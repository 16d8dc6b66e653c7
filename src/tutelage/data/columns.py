"""Conversion of Hugging Face ``datasets`` tables to rows, ids and labels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from datasets import ClassLabel, Dataset, Features, Image, Value

from tutelage.data.base import Columns, Data, Rows, Split, SplitNames
from tutelage.data.images import EXTENSIONS, ImageColumn, ImageFiles
from tutelage.data.naming import Naming, split_names
from tutelage.data.pairs import ImageTexts
from tutelage.data.roles import find_roles
from tutelage.data.targets import read_labels
from tutelage.data.texts import TextColumns
from tutelage.data.values import as_text, blank_rows, is_plain, null_rows
from tutelage.errors import DataError, did_you_mean

__all__ = ["Table", "from_tables"]

IMAGES = ("image", "img", "image_path", "path", "file", "file_name", "filename", "filepath")
PAIRS = (
    ("sentence1", "sentence2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("text1", "text2"),
    ("text_a", "text_b"),
)
TEXTS = ("text", "sentence", "content", "review", "document", "question", "title")


@dataclass(frozen=True)
class Table:
    """A split as it was read.

    Attributes:
        rows: The rows, each with all columns.
        name: Name of the split's file, for messages.
        notes: What was unusual in it, and how it was read.
    """

    rows: Dataset
    name: str
    notes: tuple[str, ...] = ()


def from_tables(
    tables: Mapping[str, Callable[[], Table]],
    *,
    columns: Columns,
    names: SplitNames,
    where: str,
    root: Path | None = None,
    notes: Sequence[str] = (),
) -> Data:
    """Choose splits and columns, and convert them to rows.

    Args:
        tables: Functions that read a split each, by the split's name in the data.
        columns: Columns named by the user; the others are detected.
        names: Names of the splits.
        where: Name of the source, for messages.
        root: Folder that image paths start from; None if the tables contain the images.
        notes: What is known of the source beside its tables.

    Raises:
        DataError: If a split or column is missing, ids occur twice, texts or images are missing,
            or labels are not classes or do not occur in the training rows.
    """
    if not tables:
        raise DataError(f"{where} has no splits")
    roles = find_roles(tables, names=names, where=where)
    read = {
        role: tables[name]() for role, name in roles.items() if role != "test" or names.read_test
    }
    chosen = {role: table.rows for role, table in read.items()}
    train = chosen["train"]
    columns = _complete(columns, train, where=where)
    for table in chosen.values():
        for name in _label_columns(columns):
            _require(table.features, name, option="label", where=where)
    classes, labels = read_labels(chosen, columns, where=where)
    splits = {}
    for role, table in chosen.items():
        label = f"the {role} rows of {where}"
        faults: dict[int, str] = {}
        splits[role] = Split(
            role,
            _rows(table, columns, root=root, where=label, faults=faults),
            _ids(table, columns.id, where=label),
            labels[role],
            naming=Naming(
                "number" if columns.id is None else "column",
                split_names(role, roles[role], present=tables),
            ),
            faults=faults,
        )
    modality = splits["train"].rows.modality
    return Data(
        splits,
        classes,
        modality,
        has_test="test" in roles,
        task=columns.task,
        notes=(*notes, *(note for table in read.values() for note in table.notes)),
    )


def _complete(columns: Columns, table: Dataset, *, where: str) -> Columns:
    """Check the columns that are named, and detect the others."""
    features = table.features
    for option, asked in (("image", columns.image), ("id", columns.id)):
        if asked is not None:
            _require(features, asked, option=option, where=where)
    if columns.text == ():
        raise DataError(
            f"data.text = [] names no column of {where}; name one or several, or leave it out. "
            f"Columns: {', '.join(features)}"
        )
    for asked in columns.text or ():
        _require(features, asked, option="template" if columns.template else "text", where=where)
    if isinstance(columns.label, str):
        columns = replace(columns, label=_label_column(features, columns.label))
    for asked in _label_columns(columns):
        _require(features, asked, option="label", where=where)
        if columns.template is not None and asked in columns.template.columns:
            raise DataError(
                f"data.template tells the label: it names the column {asked!r} of {where}; remove it"
            )
    has_id = "id" in features and "id" not in _label_columns(columns)
    id_column = columns.id or ("id" if has_id else None)
    columns = replace(columns, id=id_column)
    if columns.image is not None or columns.text is not None:
        return columns
    taken = (*(_label_columns(columns) or ("label",)), id_column)
    if image := _image_column(table, taken=taken):
        return replace(columns, image=image)
    return replace(columns, text=_text_columns(features, taken=taken, where=where))


def _label_columns(columns: Columns) -> tuple[str, ...]:
    return (columns.label,) if isinstance(columns.label, str) else columns.label or ()


def _label_column(features: Features, asked: str) -> str:
    """Return the named column; instead of a missing ``label``, the only column of classes."""
    if asked in features or asked != "label":
        return asked
    by_type = [str(name) for name, feature in features.items() if isinstance(feature, ClassLabel)]
    return by_type[0] if len(by_type) == 1 else asked


def _require(features: Features, name: str, *, option: str, where: str) -> None:
    if name not in features:
        raise DataError(
            f"{where} has no column {name!r} for data.{option}{did_you_mean(name, features)}; "
            f"it has: {', '.join(features)}"
        )


def _image_column(table: Dataset, *, taken: Sequence[str | None]) -> str | None:
    features: Features = table.features
    if by_type := [str(name) for name in features if isinstance(features[name], Image)]:
        return by_type[0]
    for name in IMAGES:
        if name not in features or name in taken or not len(table):
            continue
        first = table[0][name]
        is_path = isinstance(first, str) and Path(first).suffix.lower() in EXTENSIONS
        if is_path or isinstance(first, bytes | Mapping):
            return name
    return None


def _text_columns(
    features: Features, *, taken: Sequence[str | None], where: str
) -> tuple[str, ...]:
    strings = [name for name in features if name not in taken and _is_string(features[name])]
    for pair in PAIRS:
        if all(name in strings for name in pair):
            return pair
    for name in TEXTS:
        if name in strings:
            return (name,)
    if len(strings) == 1:
        return (strings[0],)
    raise DataError(
        f"{where} does not say which column is the text or image; set data.text or data.image. "
        f"Columns: {', '.join(features)}"
    )


def _is_string(feature: Any) -> bool:
    return isinstance(feature, Value) and feature.dtype in ("string", "large_string", "string_view")


def _ids(table: Dataset, column: str | None, *, where: str) -> list[str]:
    if column is None:
        return [str(number) for number in range(len(table))]
    _require(table.features, column, option="id", where=where)
    values = table[column][:]
    if None in values:
        raise DataError(
            f"row {values.index(None)} of {where} has no id in column {column!r}; fill it, or name "
            "another column by data.id"
        )
    ids = [str(value) for value in values]
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            raise DataError(
                f"the id {name!r} occurs twice in column {column!r} of {where}; ids must be unique"
            )
        seen.add(name)
    return ids


def _rows(
    table: Dataset, columns: Columns, *, root: Path | None, where: str, faults: dict[int, str]
) -> Rows:
    """Return the inputs; rows without a text or the file of an image are added to ``faults``."""
    if columns.image is None:
        return _texts(table, columns, where=where, faults=faults)
    images = _images(table, columns.image, root=root, where=where, faults=faults)
    if columns.text is None:
        return images
    return ImageTexts(images, _texts(table, columns, where=where, faults=faults))


def _images(
    table: Dataset, column: str, *, root: Path | None, where: str, faults: dict[int, str]
) -> Rows:
    _require(table.features, column, option="image", where=where)
    feature = table.features[column]
    if isinstance(feature, Image):
        table = table.cast_column(column, Image(decode=False))
    if not _is_string(feature):
        return ImageColumn(table.select_columns([column]), column, where=where)
    names = [name or "" for name in table[column][:]]
    folder = root or Path.cwd()
    for number, name in enumerate(names):
        if not name or not (folder / name).is_file():
            faults[number] = (
                f"row {number} of {where}: there is no image {str(folder / name)!r}; paths "
                f"in column {column!r} are relative to {folder}"
            )
    return ImageFiles(folder, names)


def _texts(table: Dataset, columns: Columns, *, where: str, faults: dict[int, str]) -> TextColumns:
    names, template = columns.text or (), columns.template
    option = "data.text" if template is None else "data.template"
    texts = {}
    for name in dict.fromkeys(names):
        _require(table.features, name, option=option.removeprefix("data."), where=where)
        is_text = _is_string(table.features[name])
        if not is_text and (template is None or not is_plain(table.features[name])):
            raise DataError(
                f"column {name!r} of {where} holds {table.features[name]}, not text; "
                f"name another column by {option}"
            )
        column = table.select_columns([name]).with_format("arrow")[:].column(name)
        for number in null_rows(column):
            faults[number] = (
                f"row {number} of {where} has no text in column {name!r}; fill it, "
                "or remove the row"
            )
        texts[name] = column if is_text else as_text(column, table.features[name])
    texts = {name: column.fill_null("") for name, column in texts.items()}
    for number in blank_rows(list(texts.values())):
        faults.setdefault(
            number,
            f"row {number} of {where} is empty: there is only white space in "
            f"{' and '.join(map(repr, texts))}; fill it, or remove the row",
        )
    return TextColumns(tuple(texts[name] for name in names), range(len(table)), template)
