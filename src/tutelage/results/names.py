"""Names of students in tables, and the strengths that a method uses."""

from collections.abc import Mapping, Sequence
from typing import Any

from tutelage.config import short_name
from tutelage.errors import ConfigError
from tutelage.regularizers.catalogue import parse_method

__all__ = ["strengths", "student_labels"]


def student_labels(sources: Sequence[str]) -> list[str]:
    """Return the last part of each student's source, numbered where it occurs several times.

    Example:
        >>> student_labels(["timm:resnet18", "hf:bert/tiny", "timm:resnet18"])
        ['resnet18 1', 'tiny', 'resnet18 2']
    """
    labels = [short_name(source) for source in sources]
    return [
        f"{label} {labels[: number + 1].count(label)}" if labels.count(label) > 1 else label
        for number, label in enumerate(labels)
    ]


def strengths(method: str, transfer: Mapping[str, Any]) -> dict[str, float]:
    """Return the strengths that a method uses: ``beta`` of its transfer term, ``mix`` of soft labels.

    Args:
        method: The method's name.
        transfer: The section ``[transfer]`` of its config.
    """
    try:
        parts = parse_method(method)
    except ConfigError:  # a run of a method that this version does not have
        used = ["beta"]
    else:
        used = ["beta"] * parts.has_transfer_term + ["mix"] * parts.uses_soft_labels
    return {name: float(transfer[name]) for name in used if name in transfer}
