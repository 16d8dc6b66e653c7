"""Detection of a table's columns of images, texts, labels and ids."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlparse

from datasets import ClassLabel, Dataset, Features, Image, Value

from tutelage.data.base import Columns
from tutelage.data.images import EXTENSIONS, is_base64
from tutelage.errors import DataError, did_you_mean

__all__ = ["complete", "is_string", "label_columns", "require", "unread_columns"]

IMAGES = ("image", "img", "image_path", "path", "file", "file_name", "filename", "filepath")
PAIRS = (
    ("sentence1", "sentence2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("text1", "text2"),
    ("text_a", "text_b"),
)
TEXTS = ("text", "sentence", "content", "review", "document", "question", "title")
LABELS = ("class", "category", "target", "sentiment", "labels", "y", "stars", "rating", "polarity")
_LOOKED_AT = 20
_LONG, _WORDS = 40, 3
"""Characters and words of a column's name above which it looks like a row."""


def complete(columns: Columns, table: Dataset, *, where: str) -> Columns:
    """Check the columns that are named, and detect the others.

    An image column is one of images, one with a usual name and images or paths in it, or one of
    which all paths end like images; text columns are a usual pair, one with a usual name, or the
    only one of texts. Names count in any case.

    Args:
        columns: Columns named by the user.
        table: The training rows.
        where: Name of the table, for messages.

    Raises:
        DataError: If a named column is missing, or inputs are not found.
    """
    features = table.features
    if columns.like is not None:
        columns = _as_labelled(columns, columns.like, features, where=where)
    for option, asked in (("image", columns.image), ("id", columns.id)):
        if isinstance(asked, str):
            require(features, asked, option=option, where=where)
    if columns.text == ():
        raise DataError(
            f"data.text = [] names no column of {where}; name one or several, or leave it out. "
            f"Columns: {', '.join(features)}"
        )
    for asked in columns.text or ():
        require(features, asked, option="template" if columns.template else "text", where=where)
    if isinstance(columns.label, str):
        columns = replace(columns, label=_label_column(features, columns.label))
    for asked in label_columns(columns):
        require(features, asked, option="label", where=where)
        if asked in (columns.image, *(columns.text or ())):
            named = (
                "template" if columns.template else "image" if asked == columns.image else "text"
            )
            raise DataError(
                f"data.{named} tells the label: it names the column {asked!r} of {where}; remove it"
            )
    labels = label_columns(columns) or ("label",)
    own_id = columns.id if isinstance(columns.id, str) else None
    if columns.id is None and "id" in features and "id" not in label_columns(columns):
        columns = replace(columns, id="id")
    if columns.image is not None or columns.text is not None:
        return columns
    found_id = ("id",) if columns.id == "id" and own_id is None else ()
    image = _image_column(table, taken=(*labels, *found_id))
    text = _usual_texts(features, taken=(*labels, columns.id))
    if image is None and text is None:
        image = _column_of_paths(table, taken=(*labels, *found_id))
    if image is not None:
        return replace(columns, image=image)
    if text is None:
        text = _only_texts(
            table, taken=(*labels, *found_id), id=own_id, where=where, like=columns.like
        )
    if columns.like is not None:
        _refuse_row_as_header(text, where=where)
    return replace(columns, text=text)


def _as_labelled(columns: Columns, like: Columns, features: Features, *, where: str) -> Columns:
    """Return the columns of unlabelled rows: those of the labelled ones, as far as they are there.

    Raises:
        DataError: If a column is missing that the user named for all rows.
    """
    texts = "template" if columns.template else "text"
    for option, asked in (("image", columns.image), *((texts, one) for one in columns.text or ())):
        if asked is not None and asked not in features:
            raise DataError(
                f"{where} has no column {asked!r}, which is read of the labelled rows; give it that name "
                f"(rows to predict: or name the column, as in --set data.{option}=NAME). "
                f"It has: {', '.join(features)}"
            )
    if isinstance(columns.id, str) and columns.id not in features:
        columns = replace(columns, id=False)
    if columns.image is None and columns.text is None and columns.template is None:
        wanted = (*(like.text or ()), *([like.image] if like.image else ()))
        if wanted and all(name in features for name in wanted):
            return replace(columns, image=like.image, text=like.text)
    return columns


def _refuse_row_as_header(names: Sequence[str], *, where: str) -> None:
    """Refuse a column whose name is a sentence: the first row of a table without a header."""
    for name in names:
        if len(name) > _LONG or len(name.split()) > _WORDS:
            raise DataError(
                f"{where} calls its column {name[:_LONG]!r}, which looks like a row; if its first line is "
                'one, set data.params = { header = ["text"] }'
            )


def unread_columns(columns: Columns, features: Features) -> tuple[str, ...]:
    """Return the columns of texts and images that are not read, in the table's order."""
    read = {columns.image, columns.id, *(columns.text or ()), *label_columns(columns)}
    return tuple(
        str(name)
        for name, feature in features.items()
        if name not in read and (is_string(feature) or isinstance(feature, Image))
    )


def label_columns(columns: Columns) -> tuple[str, ...]:
    """Return the names of the columns of labels or targets."""
    return (columns.label,) if isinstance(columns.label, str) else columns.label or ()


def require(features: Features, name: str, *, option: str, where: str) -> None:
    """Refuse a table that lacks a column.

    Raises:
        DataError: Naming the setting and the columns that there are.
    """
    if name in features:
        return
    hint = did_you_mean(name, features)
    if option == "label" and not hint:
        usual = next((column for column in features if str(column).casefold() in LABELS), None)
        named = "NAME" if usual is None else f"{usual}"
        hint = f"; name the label's column, as in --set data.label={named}"
    raise DataError(
        f"{where} has no column {name!r} for data.{option}{hint}; it has: {', '.join(features)}"
    )


def is_string(feature: Any) -> bool:
    """Whether a column holds texts."""
    return isinstance(feature, Value) and feature.dtype in ("string", "large_string", "string_view")


def _label_column(features: Features, asked: str) -> str:
    """Return the named column; instead of a missing ``label``, the only column of classes."""
    if asked in features or asked != "label":
        return asked
    by_type = [str(name) for name, feature in features.items() if isinstance(feature, ClassLabel)]
    by_case = [str(name) for name in features if str(name).casefold() == asked]
    known = by_type or by_case
    return known[0] if len(known) == 1 else asked


def _image_column(table: Dataset, *, taken: Sequence[str | bool | None]) -> str | None:
    features: Features = table.features
    if by_type := [str(name) for name in features if isinstance(features[name], Image)]:
        return by_type[0]
    for name in _by_usual_name(features, IMAGES):
        if name not in taken and _holds_images(next(_values(table, name), None)):
            return name
    return None


def _column_of_paths(table: Dataset, *, taken: Sequence[str | bool | None]) -> str | None:
    """Return the first column of texts whose values all end like images."""
    for name, feature in table.features.items():
        if name in taken or not is_string(feature):
            continue
        values = list(_values(table, name))
        if values and all(map(_holds_images, values)):
            return str(name)
    return None


def _by_usual_name(features: Features, usual: Sequence[str]) -> Iterator[str]:
    """Yield the columns with usual names: first those written so, then those in another case."""
    for name in usual:
        if name in features:
            yield name
    for name in usual:
        yield from (str(c) for c in features if c != name and str(c).casefold() == name)


def _values(table: Dataset, column: str) -> Iterator[Any]:
    """Yield the first values that are there."""
    values = table.select(range(min(_LOOKED_AT, len(table)))).select_columns([column])[:][column]
    yield from (value for value in values if value not in (None, ""))


def _holds_images(value: Any) -> bool:
    if not isinstance(value, str):
        return isinstance(value, bytes | Mapping)
    text = value.strip()
    path = urlparse(text).path if text.startswith(("http://", "https://")) else text
    return is_base64(text) or PurePosixPath(path).suffix.lower() in EXTENSIONS


def _usual_texts(
    features: Features, *, taken: Sequence[str | bool | None]
) -> tuple[str, ...] | None:
    strings = Features(
        {name: f for name, f in features.items() if name not in taken and is_string(f)}
    )
    for pair in PAIRS:
        columns = [next(_by_usual_name(strings, [name]), None) for name in pair]
        if None not in columns:
            return tuple(str(column) for column in columns)
    name = next(_by_usual_name(strings, TEXTS), None)
    return None if name is None else (name,)


def _only_texts(
    table: Dataset, *, taken: Sequence[str], id: str | None, where: str, like: Columns | None
) -> tuple[str, ...]:
    features = table.features
    strings = [name for name in features if name not in taken and is_string(features[name])]
    strings = [name for name in strings if name != id] or strings
    if len(strings) > 1:  # in a csv file everything is a text
        worded = [name for name in strings if not all(map(_is_number, _values(table, name)))]
        strings = worded or strings
    if len(strings) == 1:
        _refuse_file_names(table, strings[0], where=where)
        return (strings[0],)
    held = ", ".join(f"{name} ({_kind(feature)})" for name, feature in features.items())
    if like is None:
        several = f"one or several of its texts ({', '.join(strings)})" if strings else "its column"
        way = f"set data.text or data.image to {several}"
    else:
        way = f"call it {' and '.join(like.text or ('text',))!r}, as in the labelled rows"
    raise DataError(
        f"{where} does not say which column is the text or image; {way}. Columns: {held}"
    )


def _refuse_file_names(table: Dataset, name: str, *, where: str) -> None:
    """Refuse to take for texts what may be names of image files without an ending."""
    values = list(_values(table, name))
    named = name.casefold() in IMAGES and name.casefold() not in ("file", "path")
    if named and not any(re.search(r"\s", value.strip()) for value in values):
        raise DataError(
            f"column {name!r} of {where} is called like images, but does not end like files of images "
            f"({values[0][:40] if values else ''!r}); add the endings (.jpg), or set data.text = {name!r} if "
            "these are texts"
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _kind(feature: Any) -> str:
    if is_string(feature):
        return "text"
    if isinstance(feature, Value):
        return str(feature.dtype)
    return "fields" if isinstance(feature, Mapping) else type(feature).__name__.lower()
