"""Exported files of a run's student, and how near they are to it, as ``tutelage export`` leaves them."""

import json
import shutil
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from tutelage.errors import DataError
from tutelage.files import (
    digest_of,
    with_digest,
    without_digest,
    write_atomically,
    writing_to,
)
from tutelage.results.result import Result

__all__ = [
    "EXPORT",
    "EXPORTS",
    "PREPROCESSING",
    "ExportRecord",
    "ExportedFile",
    "read_export",
    "read_exports",
    "remove_exports",
    "student_digest",
    "write_export",
]

EXPORT = "export.json"
"""File beside the exported ones that says how near they are to the student."""
EXPORTS = "exported"
"""Folder of exports in a run's, by format."""
PREPROCESSING = "preprocess.json"
"""File beside the exported ones that says how rows become tensors."""
SCHEMA_VERSION: Literal[1] = 1


class ExportPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExportedFile(ExportPart):
    """A file made of the student.

    Attributes:
        name: Its name in the folder.
        bytes: Its size.
        difference: Largest difference of an output from the student's.
        agreement: Share of the compared rows with the same predicted class; None where it was not
            measured.
        before: The leading metric of the student on these rows; None where it was not measured.
        after: The same of this file.
    """

    name: str
    bytes: int
    difference: float
    agreement: float | None = None
    before: float | None = None
    after: float | None = None


class ExportRecord(ExportPart):
    """What one export left, and the rows that it was compared on.

    Attributes:
        schema_version: Version of this schema.
        format: ``"onnx"``, ``"torch-export"`` or ``"executorch"``.
        takes: What is taken of an image: ``"pixels"``, ``"normalized"`` or ``"picture"``.
        rows: Number of rows.
        tolerance: The difference that was allowed of the first file.
        files: The file, then those of lower precision.
        written: Names of all files of the folder that the export wrote, but this record.
        student: Digest of the student that was exported; see ``student_digest``.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    format: str
    takes: str
    rows: int
    tolerance: float
    files: tuple[ExportedFile, ...]
    written: tuple[str, ...] = ()
    student: str = ""

    @property
    def names(self) -> set[str]:
        """Names of all files of the folder that the export wrote."""
        return {EXPORT, PREPROCESSING, *(one.name for one in self.files), *self.written}

    def is_of(self, result: Result) -> bool:
        """Whether the run's student is the one that was exported, as far as both say.

        It is another one where the run was trained again in the same folder.
        """
        now = student_digest(result)
        return not self.student or not now or self.student == now


def student_digest(result: Result) -> str:
    """Return a digest of the student's files; empty where the result does not know them."""
    digests = {
        name: digest
        for name, digest in result.files.items()
        if name.startswith("student/") and name != "student/README.md"
    }
    return digest_of(json.dumps(digests, sort_keys=True).encode()) if digests else ""


def write_export(folder: Path, record: ExportRecord) -> Path:
    """Write ``export.json`` to the folder of an export, and return its path.

    Raises:
        OutputError: If it cannot be written.
    """
    path = folder / EXPORT
    with writing_to(path):
        write_atomically(path, with_digest(json.loads(record.model_dump_json())))
    return path


def read_export(folder: Path) -> ExportRecord | None:
    """Read the record of one export; None where there is none.

    Args:
        folder: The folder of the export.

    Raises:
        DataError: If the record is damaged, or of another version.
    """
    path = folder / EXPORT
    try:
        return ExportRecord.model_validate(without_digest(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, ValidationError) as error:
        raise DataError(
            f"{path} is not the record of an export by this version of tutelage: {error}; remove it, or "
            "run 'tutelage export' again"
        ) from None


def read_exports(folder: Path) -> dict[str, ExportRecord]:
    """Read what lies in the run's folder of exports, by the path of their folders in it.

    Files that are gone are left out, and exports of which nothing is left.

    Args:
        folder: The run's folder.

    Raises:
        DataError: If a record is damaged, or of another version.
    """
    records = {}
    for path in _records_in(folder):
        record = read_export(path.parent)
        if record is None:
            continue
        there = tuple(one for one in record.files if (path.parent / one.name).is_file())
        if there:
            name = path.parent.relative_to(folder).as_posix()
            records[name] = record.model_copy(update={"files": there})
    return records


def remove_exports(folder: Path) -> None:
    """Remove what exports left in a run's folder of exports; other files there stay.

    Args:
        folder: The run's folder.

    Raises:
        DataError: If a record is damaged, or of another version, so that its files are not known.
    """
    exports = {path.parent: read_export(path.parent) for path in _records_in(folder)}
    for export, record in exports.items():
        if record is None:
            continue
        written = [path for path in export.iterdir() if path.name in record.names]
        for path in sorted(written, key=lambda path: path.name == EXPORT):  # the record last
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for place in (*exports, folder / EXPORTS):
        if place.is_dir() and not any(place.iterdir()):
            place.rmdir()


def _records_in(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{EXPORTS}/*/{EXPORT}"))
