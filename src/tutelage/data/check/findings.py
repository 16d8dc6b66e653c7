"""What a check says about a row."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = ["KINDS", "Finding", "Kind", "sorted_findings"]

Kind = Literal[
    "damaged",
    "blank",
    "leak",
    "contradiction",
    "label",
    "duplicate",
    "near-duplicate",
    "shared picture",
    "tiny",
    "one-coloured",
    "long",
    "rare class",
]

KINDS: dict[Kind, str] = {
    "damaged": "pictures that cannot be read",
    "blank": "rows without a text",
    "leak": "rows that are also among the rows learned from, or in another split",
    "contradiction": "copies of a row that have another label",
    "label": "labels that the teachers' features contradict",
    "duplicate": "copies of a row of the same split",
    "near-duplicate": "rows nearly equal to one of the same split",
    "shared picture": "pictures of another split, with other texts",
    "tiny": "pictures with less than 16 pixels to a side",
    "one-coloured": "pictures of one colour",
    "long": "texts more than ten times as long as most",
    "rare class": "classes with a single training row",
}
"""Every kind of finding, the gravest first, with its meaning."""


@dataclass(frozen=True)
class Finding:
    """A fault of one row.

    Attributes:
        kind: What is wrong.
        split: Split of the row.
        id: Id of the row; empty if the finding is about a class.
        label: The row's label, in words.
        other_split: Split of the row that it repeats or contradicts.
        other_id: Id of that row.
        other_label: Label of that row, or the label that is likelier.
        detail: What was seen.
    """

    kind: Kind
    split: str
    id: str
    label: str = ""
    other_split: str = ""
    other_id: str = ""
    other_label: str = ""
    detail: str = ""

    @property
    def is_grave(self) -> bool:
        """Whether a run stops at the row, or its scores cannot be trusted because of it."""
        return self.kind in ("damaged", "blank", "leak")


def sorted_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings in the order of ``KINDS``; those of one kind keep their order."""
    order = list(KINDS)
    return sorted(findings, key=lambda finding: order.index(finding.kind))
