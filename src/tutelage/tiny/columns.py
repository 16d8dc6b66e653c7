"""Columns, classes and splits of the hub's data sets that have a stand-in.

Source: the data sets' cards on the hub; the recipes read these columns.
"""

from dataclasses import dataclass
from typing import Literal

from tutelage.errors import ConfigError

__all__ = ["KNOWN", "Columns", "columns_of"]


@dataclass(frozen=True)
class Columns:
    """The layout of a data set.

    Attributes:
        label: Column with the class.
        classes: Names of the classes; empty if the label is a truth value.
        images: Columns with an image.
        texts: Columns with a text.
        tested: Splits with labels besides ``train``.
        coarser: A second column with classes, and their number.
    """

    label: str
    classes: tuple[str, ...]
    images: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    tested: tuple[str, ...] = ("test",)
    coarser: tuple[str, int] | None = None


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"class {number}" for number in range(count))


def _pictures(
    classes: int,
    *,
    image: str = "image",
    label: str = "label",
    tested: tuple[str, ...] = ("test",),
    coarser: tuple[str, int] | None = None,
) -> Columns:
    names = _numbered(classes)
    return Columns(label, names, images=(image,), tested=tested, coarser=coarser)


def _texts(
    *texts: str,
    classes: tuple[str, ...],
    label: str = "label",
    tested: tuple[str, ...] = ("validation",),
) -> Columns:
    return Columns(label, classes, texts=texts, tested=tested)


_BOTH: tuple[Literal["validation"], Literal["test"]] = ("validation", "test")
_THREE = ("entailment", "neutral", "contradiction")
_TWO = ("entailment", "not_entailment")

KNOWN: dict[str, Columns] = {
    "hub:uoft-cs/cifar10": _pictures(10, image="img"),
    "hub:uoft-cs/cifar100": _pictures(
        100, image="img", label="fine_label", coarser=("coarse_label", 20)
    ),
    "hub:dpdl-benchmark/oxford_flowers102": _pictures(102, tested=_BOTH),
    "hub:timm/oxford-iiit-pet": _pictures(37),
    "hub:mcimpoi/dtd_split_1": _pictures(47, tested=_BOTH),
    "hub:ethz/food101": _pictures(101, tested=("validation",)),
    "hub:stanfordnlp/imdb": _texts("text", classes=("neg", "pos"), tested=("test",)),
    "hub:google/boolq": _texts("question", "passage", classes=(), label="answer"),
    "hub:nyu-mll/glue/mnli": _texts(
        "premise",
        "hypothesis",
        classes=_THREE,
        tested=("validation_matched", "validation_mismatched"),
    ),
    "hub:nyu-mll/glue/sst2": _texts("sentence", classes=("negative", "positive")),
    "hub:nyu-mll/glue/mrpc": _texts(
        "sentence1", "sentence2", classes=("not_equivalent", "equivalent")
    ),
    "hub:nyu-mll/glue/qqp": _texts(
        "question1", "question2", classes=("not_duplicate", "duplicate")
    ),
    "hub:nyu-mll/glue/qnli": _texts("question", "sentence", classes=_TWO),
    "hub:nyu-mll/glue/rte": _texts("sentence1", "sentence2", classes=_TWO),
    "hub:sedrickkeh/snli-ve": Columns(
        "label", _THREE, images=("image",), texts=("hypothesis",), tested=_BOTH
    ),
}
"""By data string, as recipes have it."""


def columns_of(source: str) -> Columns:
    """Return the layout of a data set.

    Raises:
        ConfigError: If it has no stand-in.

    Example:
        >>> columns_of("hub:google/boolq").texts
        ('question', 'passage')
    """
    if source not in KNOWN:
        raise ConfigError(
            f"there is no stand-in for the data {source!r}, only for those of the recipes; at the tiny "
            "scale, use data on this machine (folder:, table:), of which 200 rows are taken"
        )
    return KNOWN[source]
