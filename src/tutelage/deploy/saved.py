"""A finished run, opened again from its folder."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from pydantic import ValidationError

from tutelage.config import ExperimentConfig
from tutelage.data import Modality
from tutelage.deploy.hub import PUBLISHED, local_folder
from tutelage.errors import DataError, StudentError, TutelageError, first_line
from tutelage.files import file_digest
from tutelage.inputs import ImageInput, PairInput
from tutelage.results.result import RESULT, Result, read_result
from tutelage.students import Student, open_saved
from tutelage.tasks import TASKS, Task

__all__ = ["SavedRun"]


@dataclass(frozen=True)
class SavedRun:
    """A finished run: its result, its settings, and its student with the trained weights.

    It is opened from the run's folder alone: no teacher is imported, no training data is read.

    Attributes:
        folder: The run's folder, or that of a published student.
        result: The run's result.
        config: The run's settings.
        student: The student in evaluation mode on the CPU, with the input that it was trained with.
        task: The meaning of the student's outputs. Targets of regression are in their own units.
    """

    folder: Path
    result: Result
    config: ExperimentConfig
    student: Student
    task: Task

    @classmethod
    def open(cls, folder: str | PathLike[str]) -> "SavedRun":
        """Open the folder of a finished run, or a student on the hub.

        A ``python:`` student's module must be importable, as in training.

        Args:
            folder: The folder, which holds ``result.json`` and ``student/``; or ``hf:USER/NAME``, as
                ``tutelage push`` published it; or a folder with its files.

        Raises:
            DataError: If it is not the folder of a finished run, or files are missing or were changed.
            StudentError: If the student cannot be rebuilt from its files.

        Example:
            >>> run = SavedRun.open(Path("runs/flowers"))  # doctest: +SKIP
            >>> run.student.model  # doctest: +SKIP
        """
        folder = local_folder(folder)
        published = (folder / PUBLISHED).is_file()
        if not published:
            _refuse_other_folders(folder)
        name = PUBLISHED if published else RESULT
        result = read_result(folder, name=name)
        try:
            config = ExperimentConfig.model_validate(result.config)
        except ValidationError as error:
            raise DataError(
                f"the settings in {folder / name} are not those of this version of tutelage: "
                f"{first_line(error)}"
            ) from None
        place = folder if published else folder / "student"
        _refuse_damaged(place, result)
        student = _open_student(place, result, config)
        task = TASKS[result.task]
        return cls(folder, result, config, student, task(tuple(result.classes), result.lead))

    @property
    def published(self) -> bool:
        """Whether it is a published student, whose folder holds nothing else of the run."""
        return (self.folder / PUBLISHED).is_file()

    @property
    def student_folder(self) -> Path:
        """The folder of the student's files."""
        return self.folder if self.published else self.folder / "student"

    @property
    def modality(self) -> Modality:
        """Modality of the rows that the student reads."""
        reads = self.student.input
        if isinstance(reads, PairInput):
            return "image+text"
        return "image" if isinstance(reads, ImageInput) else "text"


def _open_student(place: Path, result: Result, config: ExperimentConfig) -> Student:
    settings = config.student
    if settings is None:
        raise DataError(f"the result of the run of {place} names no student")
    try:
        return open_saved(
            place,
            settings.source,
            output_names=tuple(result.classes),
            task=result.task,
            params=settings.params,
            model_input=None if settings.input is None else settings.input.model_dump(),
            tap=result.student.tap,
        )
    except TutelageError as error:
        raise StudentError(
            f"cannot open the student in {place} ({settings.source}): {error}"
        ) from error


def _refuse_other_folders(folder: Path) -> None:
    """Refuse what is no run's folder, naming the one that may be meant."""
    if (folder / RESULT).is_file():
        return
    for likely in (folder.parent, folder / "chosen"):
        if (likely / RESULT).is_file():
            raise DataError(f"{folder} is not the folder of a run; do you mean {likely}?")
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}; give the folder of a finished run")
    if (folder / "config.toml").is_file():
        raise DataError(
            f"the run in {folder} is not finished, since it has no result.json; continue it with "
            f"'tutelage train {folder / 'config.toml'} --resume'"
        )


def _refuse_damaged(place: Path, result: Result) -> None:
    """Compare the student's files with their digests in the result."""
    if not place.is_dir():
        raise DataError(
            f"{place.parent} has no folder student/ with the trained model; put it back, or train again"
        )
    for name, digest in result.files.items():
        if not name.startswith("student/") or name == "student/README.md":
            continue  # a card that lay there when training ended may be written again
        path = place / name.removeprefix("student/")
        if not path.is_file():
            raise DataError(f"{path} is missing; put it back, or train again")
        if file_digest(path) != digest:
            raise DataError(
                f"{path} was changed or is damaged: it is not what training wrote; put it back, or "
                "train again"
            )
