"""Settings of the data: source, columns, task, metric and splits."""

from typing import Annotated, Any, Literal, Self

from PIL import ImageColor
from pydantic import AfterValidator, Field, model_validator

from tutelage.config.section import NoEffect, Positive, Section, Share
from tutelage.tasks import TASKS, Kind, Metric

__all__ = [
    "MAX_PIXELS",
    "DataConfig",
]

MAX_PIXELS = 178_956_970
"""Pictures above this size are refused unless ``data.max_pixels`` is raised; Pillow's own limit."""


def _color(name: str) -> str:
    if name != "none" and len(ImageColor.getrgb(name)) != 3:
        raise ValueError(f"{name} is itself transparent; give a color such as '#ffffff', or 'none'")
    return name


class DataConfig(Section):
    """The source of the rows, their columns and labels, and the splits.

    Attributes:
        source: ``hub:NAME[/CONFIG]``, ``folder:DIR``, ``table:FILE_OR_DIR`` or
            ``python:module:function``.
        image: Column with an image or an image's path; detected if there is only one.
        text: Column, or columns, with text.
        template: A prompt instead of ``text``, with column names in braces, as in
            ``"Question: {question}\\nAnswer:"``; ``{{`` and ``}}`` are literal braces.
        task: ``"single-label"``, ``"multi-label"`` or ``"regression"``.
        metric: Selects settings and leads reports: one of the task's ``metrics``; by default accuracy,
            average precision or R².
        label: Column with the label; in a folder the class folder's name is the label. Several
            columns: a regression target each, or a label each that is 0 or 1.
        label_separator: Separator of the names in a multi-label text column.
        id: Column with the row's id; by default the column ``id`` if there is one, else the row's
            number (table, hub) or the file's path relative to the folder. ``false`` numbers the rows
            in spite of a column ``id``.
        train: Name of the training split.
        test: Name of the test split; if the data has none, ``test_share`` of the training rows is used.
        validation: Name of the split used as the hold-out; if the data has none, ``holdout`` of the
            training rows is used.
        holdout: Share of the training rows that ``evaluate = "holdout"`` sets aside, if the data has no
            validation split.
        folds: Number of parts of the training rows, of which one is the hold-out, in place of
            ``holdout`` and of a validation split.
        fold: Which of them is the hold-out, from 0.
        test_share: Share of the training rows that become the test rows where the data has none.
        evaluate: ``"test"`` trains on all training rows and reports the test rows;
            ``"holdout"`` trains on the others and reports the hold-out: the test rows are not read.
        limit: Largest number of training rows, drawn by ``split_seed``.
        limit_per_class: Largest number of training rows of each class, at least 2, drawn likewise.
            Rows beyond a limit are dropped; they are not used as unlabelled rows.
        split_seed: Seed of the hold-out, the test share and the limit; separate from ``seed``, so that
            runs with several seeds see the same rows.
        background: Color behind the transparent pixels of pictures, by name or as ``"#ffffff"``;
            ``"none"`` drops the transparency, as torchvision and timm do.
        white: Value of white in gray pictures of more than 8 bits, for example 4095 for 12 bits in a
            file of 16; by default it is what the file says.
        max_pixels: Largest picture that is decoded, in pixels; one pixel takes 3 to 8 bytes.
        unlabelled: Source of more training rows, whose labels, if any, are not read. Training rows
            with an empty label are used in the same way.
        unlabelled_split: Split of ``unlabelled`` to use, if it has several.
        unlabelled_params: Options of ``unlabelled``, as ``params`` are those of ``source``.
        views: Augmented views of each training row, labelled or not, besides the row itself: crops of
            pictures, mirrored or not, and windows of long texts. They are decided by the row's id and
            ``split_seed``; teachers and student read the same ones, and the teachers' features of each are
            cached. Training shows each row now as it is, now in one of its views. 0 for none.
        params: Options of the source: ``delimiter``, ``quoting``, ``escape``, ``encoding`` and
            ``header`` of ``table:``, ``revision`` of ``hub:``, the function's arguments for ``python:``.
    """

    source: str
    image: str | None = None
    text: str | tuple[str, ...] | None = None
    template: str | None = None
    task: Kind = "single-label"
    metric: str | None = None
    label: str | Annotated[tuple[str, ...], Field(min_length=1)] = "label"
    label_separator: Annotated[str, Field(min_length=1)] | None = None
    id: str | Literal[False] | None = None
    train: str = "train"
    test: str = "test"
    validation: str = "validation"
    holdout: Share = 0.1
    folds: Annotated[int, Field(ge=2)] | None = None
    fold: Annotated[int, Field(ge=0)] = 0
    test_share: Share = 0.2
    evaluate: Literal["test", "holdout"] = "test"
    limit: Positive | None = None
    limit_per_class: Positive | None = None
    split_seed: int = 0
    background: Annotated[str, AfterValidator(_color)] = "white"
    white: Annotated[float, Field(gt=0)] | None = None
    max_pixels: Annotated[Positive, NoEffect] = MAX_PIXELS
    unlabelled: str | None = None
    unlabelled_split: str = "train"
    unlabelled_params: dict[str, Any] = Field(default_factory=dict)
    views: Annotated[int, Field(ge=0)] = 0
    params: dict[str, Any] = Field(default_factory=dict)

    @property
    def lead(self) -> Metric:
        """The metric that selects settings."""
        return TASKS[self.task].metric(self.metric)

    @model_validator(mode="after")
    def _fold_is_one_of_them(self) -> Self:
        if self.fold and (self.folds is None or self.fold >= self.folds):
            known = "data.folds is not set" if self.folds is None else f"there are {self.folds}"
            raise ValueError(f"fold = {self.fold} counts folds from 0, and {known}")
        return self

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if self.limit_per_class is None:
            return self
        if self.limit_per_class < 2:
            raise ValueError(
                "limit_per_class = 1 leaves no row of a class to train on beside a hold-out; set 2 or more"
            )
        if self.limit is not None:
            raise ValueError(
                "limit counts all training rows, limit_per_class those of a class; set one of them"
            )
        if not TASKS[self.task].labels_are_classes:
            raise ValueError(
                f"limit_per_class counts rows of a class, and {self.task} rows have none; set limit"
            )
        return self

    @model_validator(mode="after")
    def _columns_fit_task(self) -> Self:
        TASKS[self.task].metric(self.metric)
        if self.text is not None and self.template is not None:
            raise ValueError(
                "text and template are both set; a template names its columns itself, in braces, "
                "so leave text out"
            )
        if TASKS[self.task].labels_are_classes and not isinstance(self.label, str):
            raise ValueError(
                "several label columns are several targets or labels; set task = 'regression' or "
                "'multi-label', or name one column"
            )
        if not isinstance(self.label, str) and len(set(self.label)) < len(self.label):
            raise ValueError(f"label names a column twice: {', '.join(self.label)}; name each once")
        if self.label_separator is not None and (
            not TASKS[self.task].labels_are_binary or not isinstance(self.label, str)
        ):
            raise ValueError(
                "label_separator takes one column of names apart, with task = 'multi-label'; leave "
                "it out"
            )
        return self
