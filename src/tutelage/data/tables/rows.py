"""Rows of a table's columns of images and texts."""

from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from datasets import Dataset, Image, Value
from jaxtyping import Int64

from tutelage.data.base import Columns, Rows
from tutelage.data.images import ImageColumn, ImageFiles, is_base64
from tutelage.data.pairs import ImageTexts
from tutelage.data.tables.detection import is_string, require
from tutelage.data.tables.image_paths import find_images, no_image
from tutelage.data.tables.places import Place
from tutelage.data.tables.values import as_text, blank_rows, is_plain, null_rows, where_true
from tutelage.data.texts import TextColumns
from tutelage.errors import DataError

__all__ = ["table_rows"]


def table_rows(
    table: Dataset, columns: Columns, *, place: Place, where: str, faults: dict[int, str]
) -> Rows:
    """Return the inputs of a table's rows.

    Args:
        table: The rows.
        columns: The columns of images and texts.
        place: Where image paths start, and what they may not leave.
        where: Name of the rows, for messages.
        faults: Rows without a text or the file of an image are added to it.

    Raises:
        DataError: If a column is missing, holds neither texts nor images, or paths that lead out of
            their place.
    """
    if columns.image is None:
        return _texts(table, columns, where=where, faults=faults)
    images = _images(table, columns.image, place=place, where=where, faults=faults)
    if columns.text is None:
        return images
    return ImageTexts(images, _texts(table, columns, where=where, faults=faults))


def _images(
    table: Dataset, column: str, *, place: Place, where: str, faults: dict[int, str]
) -> Rows:
    require(table.features, column, option="image", where=where)
    feature = table.features[column]
    if isinstance(feature, Image):
        table = table.cast_column(column, Image(decode=False))
    images = ImageColumn(table.select_columns([column]), column, where=where, folder=place.folder)
    if not is_string(feature):
        _refuse_no_images(feature, column, where=where)
        content = images.table.with_format("arrow")[:].column(column)
        for number in _without_image(content):
            faults[number] = no_image(number, column, where=where)
        written = _paths_without_bytes(content)
        names = dict(written)
        find_images(names, column, place=place, where=where, faults=faults)
        changed = {n: p for n, p in names.items() if p != written[n]}
        return replace(images, paths=changed, sizes=_sizes(content))
    names = dict(enumerate(name or "" for name in table[column][:]))
    if is_base64(next(filter(None, names.values()), "")):
        for number, name in names.items():
            if not name:
                faults[number] = no_image(number, column, where=where)
        content = images.table.with_format("arrow")[:].column(column)
        return replace(images, sizes=_sizes(content))
    find_images(names, column, place=place, where=where, faults=faults)
    return ImageFiles(place.folder, list(names.values()))


def _without_image(column: pa.ChunkedArray) -> list[int]:
    """Return the rows of which a column has neither the bytes of an image nor its path."""
    parts = [column]
    if pa.types.is_struct(column.type):
        named = [name for name in ("bytes", "path") if column.type.get_field_index(name) >= 0]
        parts = [pc.struct_field(column, name) for name in named]
    return where_true(reduce(pc.and_, map(_is_empty, parts)))


def _is_empty(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_null(values.type):
        return values.is_null()
    return pc.fill_null(pc.equal(pc.binary_length(values), 0), True)


def _sizes(column: pa.ChunkedArray) -> Int64[np.ndarray, " rows"]:
    """Return the bytes of each image in a column; 0 where there is but a path."""
    if pa.types.is_struct(column.type):
        if column.type.get_field_index("bytes") < 0:
            return np.zeros(len(column), dtype=np.int64)
        column = pc.struct_field(column, "bytes")
    if pa.types.is_null(column.type):
        return np.zeros(len(column), dtype=np.int64)
    lengths = pc.fill_null(pc.binary_length(column), 0).to_numpy()
    return np.asarray(lengths, dtype=np.int64)


def _paths_without_bytes(column: pa.ChunkedArray) -> dict[int, str]:
    """Return the paths of images of which a column has the path alone, by row."""
    if not pa.types.is_struct(column.type) or column.type.get_field_index("path") < 0:
        return {}
    paths = pc.struct_field(column, "path")
    if column.type.get_field_index("bytes") >= 0:
        only = pc.is_null(pc.struct_field(column, "bytes"))
        paths = pc.if_else(only, paths, pa.scalar(None, paths.type))
    return {number: path for number, path in enumerate(paths.to_pylist()) if path}


def _refuse_no_images(feature: Any, column: str, *, where: str) -> None:
    is_bytes = isinstance(feature, Value) and "binary" in feature.dtype
    is_struct = isinstance(feature, dict) and {"bytes", "path"} & feature.keys()
    if isinstance(feature, Image) or is_bytes or is_struct:
        return
    named = "fields" if isinstance(feature, dict) else "lists"
    kind = feature.dtype if isinstance(feature, Value) else named
    raise DataError(
        f"column {column!r} of {where} holds {kind}, not images; give paths of image files, or their "
        "bytes (arrays of pixels: save them as PNG, or return them by a function with python:)"
    )


def _texts(table: Dataset, columns: Columns, *, where: str, faults: dict[int, str]) -> TextColumns:
    names, template = columns.text or (), columns.template
    option = "data.text" if template is None else "data.template"
    texts = {}
    for name in dict.fromkeys(names):
        require(table.features, name, option=option.removeprefix("data."), where=where)
        is_text = is_string(table.features[name])
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
