"""The paper's students and teachers, as its studies name them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tutelage.config import short_name
from tutelage.studies.read import SCHEME, studies, study_table

__all__ = ["PaperModel", "paper_models"]


@dataclass(frozen=True)
class PaperModel:
    """A student or teacher of the paper.

    Attributes:
        role: ``"student"`` or ``"teacher"``.
        name: Its name in results.
        source: Its string, as ``--student`` or ``--teacher`` takes it.
        studies: Names of the studies that it is in.
    """

    role: Literal["student", "teacher"]
    name: str
    source: str
    studies: tuple[str, ...]


def paper_models() -> list[PaperModel]:
    """Return the models of all studies in the package: students, then teachers, each once.

    Example:
        >>> {model.role for model in paper_models()} == {"student", "teacher"}
        True
    """
    found: dict[tuple[Literal["student", "teacher"], str], dict[str, str]] = {}
    for study in studies():
        table = study_table(f"{SCHEME}{study}")
        for settings in (table.get("experiment", {}), *table.get("each", {}).values()):
            for role, model in _models(settings):
                names = found.setdefault((role, model["source"]), {})
                names[study] = model.get("name") or short_name(model["source"])
    return [
        PaperModel(role, next(iter(names.values())), source, tuple(names))
        for (role, source), names in sorted(found.items(), key=lambda item: item[0][0])
    ]


def _models(
    settings: Mapping[str, Any],
) -> Iterator[tuple[Literal["student", "teacher"], Mapping[str, Any]]]:
    students = [settings.get("student"), *settings.get("compare", {}).get("students", ())]
    for student in students:
        if student is not None and "source" in student:
            yield "student", student
    for teacher in settings.get("teachers", ()):
        if not teacher["source"].startswith("noise:"):
            yield "teacher", teacher
