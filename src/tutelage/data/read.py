"""Read a data source, labelled or unlabelled, into splits of rows with stable ids."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tutelage.data.base import Columns, Data, Split, SplitNames
from tutelage.data.targets import refuse_useless
from tutelage.data.templates import Template
from tutelage.errors import ConfigError, DataError
from tutelage.registry import bind, import_object, split_scheme
from tutelage.tasks.base import Kind, has_label, without_label

__all__ = ["SCHEMES", "read_data", "read_unlabelled"]

SCHEMES = {
    "folder": "tutelage.data.folder:read_folder",
    "table": "tutelage.data.table:read_table",
    "hub": "tutelage.data.hub:read_hub",
    "python": "tutelage.data.python:read_python",
}


def read_data(
    source: str,
    *,
    image: str | None = None,
    text: str | tuple[str, ...] | list[str] | None = None,
    template: str | None = None,
    task: Kind = "single-label",
    label: str | tuple[str, ...] | list[str] = "label",
    label_separator: str | None = None,
    id: str | None = None,
    train: str = "train",
    test: str = "test",
    validation: str = "validation",
    read_test: bool = True,
    params: Mapping[str, Any] | None = None,
) -> Data:
    """Read what a source of data holds; images stay undecoded until they are asked for.

    Args:
        source: ``hub:NAME[/CONFIG]``, ``folder:DIR``, ``table:FILE_OR_DIR`` or
            ``python:module:function``.
        image: Column with an image or an image's path; by default found.
        text: Column or columns with text; by default found.
        template: In place of ``text``: a prompt with columns' names in braces, as in
            ``"Question: {question}\\nAnswer:"``.
        task: What labels are.
        label: Column with the class, labels or target; or several, a label or target each.
        label_separator: What stands between the names in a multi-label column of texts.
        id: Column with the row's id; by default ``id`` if there is one, else the row's number.
        train: Name of the training split.
        test: Name of the test split.
        validation: Name of the validation split.
        read_test: Whether to read test rows that have files or tables of their own.
        params: Options of this kind of data.

    Raises:
        ConfigError: If the source or an option cannot be understood.
        DataError: If files, columns, ids or labels cannot be used.
    """
    if task == "single-label" and not isinstance(label, str):
        raise ConfigError(
            "several label columns are several targets or labels: choose task 'regression' or 'multi-label'"
        )
    data = _read(
        source,
        columns=replace(
            _columns(image=image, text=text, template=template, id=id),
            label=label if isinstance(label, str) else tuple(label),
            separator=label_separator,
            task=task,
        ),
        names=SplitNames(train=train, test=test, validation=validation, read_test=read_test),
        params=params or {},
    )
    if data.task != task:
        raise DataError(f"{source} has labels for {data.task}; set data.task = {data.task!r}")
    if task != "single-label":
        train_labels = data.splits["train"].labels
        known = train_labels[has_label(train_labels)]
        regression = task == "regression"
        refuse_useless(known, data.classes, regression=regression, where=source)
        if not data.classes:
            raise DataError(f"no training row of {source} has a label; check data.label")
    elif len(data.classes) < 2:
        raise DataError(
            f"{source} has {len(data.classes)} class ({', '.join(data.classes) or 'none'}); "
            "at least two are needed to tell apart"
        )
    return data


def read_unlabelled(
    source: str,
    *,
    like: Data,
    image: str | None = None,
    text: str | tuple[str, ...] | list[str] | None = None,
    template: str | None = None,
    id: str | None = None,
    split: str = "train",
) -> Split:
    """Read rows without labels; whatever labels they have are not read.

    Args:
        source: As in ``read_data``; of a folder all images are taken, at any depth.
        like: The labelled data, whose modality they must have.
        image: Column with an image or an image's path; by default found.
        text: Column or columns with text; by default found.
        template: In place of ``text``, as in ``read_data``.
        id: Column with the row's id.
        split: Which split to take.

    Raises:
        ConfigError: If the source cannot be understood.
        DataError: If files or columns cannot be used, or the rows are of another kind.
    """
    data = _read(
        source,
        columns=_columns(image=image, text=text, template=template, id=id),
        names=SplitNames(train=split),
        params={},
    )
    if data.modality != like.modality:
        raise DataError(
            f"data.unlabelled = {source!r} holds {data.modality}s, but the labelled rows are "
            f"{like.modality}s; give rows of the same kind"
        )
    found = data.splits["train"]
    none = without_label(len(found), like=like.splits["train"].labels)
    return Split("unlabelled", found.rows, found.ids, none)


def _read(source: str, *, columns: Columns, names: SplitNames, params: Mapping[str, Any]) -> Data:
    scheme, rest = split_scheme(source, SCHEMES, kind="data")
    given = {"source": rest, "columns": columns, "names": names}
    data: Data = bind(import_object(SCHEMES[scheme]), given, params, where="data.params")
    return data


def _columns(
    *,
    image: str | None,
    text: str | tuple[str, ...] | list[str] | None,
    template: str | None,
    id: str | None,
) -> Columns:
    """The columns of inputs; labels are left out."""
    if template is None:
        names = (text,) if isinstance(text, str) else None if text is None else tuple(text)
        return Columns(image=image, text=names, label=None, id=id)
    if text is not None:
        raise ConfigError(
            "data.text and data.template are both set; a template names its columns itself, in "
            "braces, so leave data.text out"
        )
    parsed = Template.parse(template)
    return Columns(image=image, text=parsed.columns, template=parsed, label=None, id=id)
