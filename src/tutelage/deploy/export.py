"""Export of a finished run's student: a file that runs without tutelage, compared with the student."""

import json
import math
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal, cast

from tutelage.deploy.compared_rows import ComparedRows, ModelFile, rows_of_run
from tutelage.deploy.graph import FORMS, Form, StudentGraph, image_of
from tutelage.deploy.preprocessing import describe_preprocessing
from tutelage.deploy.program_files import ProgramFile, write_program
from tutelage.deploy.saved import SavedRun
from tutelage.deploy.smaller_files import Smaller, smaller_file
from tutelage.errors import ConfigError, StudentError
from tutelage.files import writing_to
from tutelage.inputs import PairInput, TextInput
from tutelage.progress import Progress, Silent
from tutelage.results.exports import (
    EXPORTS,
    PREPROCESSING,
    ExportedFile,
    ExportRecord,
    read_export,
    student_digest,
    write_export,
)

__all__ = ["FORMATS", "Export", "Smaller", "export"]

Format = Literal["onnx", "torch-export", "executorch"]
FORMATS: Mapping[Format, str] = {
    "onnx": "model.onnx",
    "torch-export": "model.pt2",
    "executorch": "model.pte",
}
"""Formats, and the name of their file."""
PIXEL_TOLERANCE = 100
"""So many times the tolerance may outputs differ where resizing is in the graph: some values
differ by one level of 255 there."""


@dataclass(frozen=True)
class Export:
    """An export that was compared with the student.

    Attributes:
        folder: Everything that a program needs: the file, ``preprocess.json``, the tokenizer's files.
        file: The exported model.
        bytes: Its size.
        rows: Number of rows on which it was compared.
        difference: Largest difference of an output from the student's.
        tolerance: What was allowed.
        smaller: Files of lower precision beside it.
    """

    folder: Path
    file: Path
    bytes: int
    rows: int
    difference: float
    tolerance: float
    smaller: tuple[Smaller, ...] = ()


def export(
    run: str | PathLike[str],
    *,
    to: str = "onnx",
    out: str | PathLike[str] | None = None,
    form: str = "pixels",
    half: bool = False,
    int8: bool = False,
    temperature: float = 1.0,
    rows: int = 500,
    tolerance: float = 1e-4,
    progress: Progress | None = None,
) -> Export:
    """Write a finished run's student as a file that runs without tutelage, and compare both.

    Number of rows and length of texts are free. The comparison is on evaluated rows of the run's data,
    in batches of 1, 3, 17 and then of training's size; outputs may differ by ``tolerance * max(1, largest
    output)``. Nothing is left of an export that differs by more.

    Args:
        run: The folder of a finished run.
        to: ``"onnx"`` (by PyTorch's exporter, run by ONNX Runtime), ``"torch-export"`` (a ``.pt2`` file
            that PyTorch runs), or ``"executorch"`` (a ``.pte`` file for small devices, of at most 32 rows).
        out: Folder to write; by default ``exported/`` and the format in the run's.
        form: What is taken of an image: ``"pixels"`` (uint8, of the student's size, normalized inside),
            ``"normalized"`` (float32), or ``"picture"`` (one uint8 picture of any size, resized, cropped
            and normalized inside).
        half: Also write ``model-half.onnx``: float16 inside, its inputs and outputs as before.
        int8: Also write ``model-int8.onnx``: weights and products of 8 bits, calibrated on training rows.
        temperature: Divide logits by it; see ``tutelage evaluate``.
        rows: Rows to compare on, and to measure smaller files on.
        tolerance: Allowed difference, in units of the outputs.
        progress: Receives progress reports. Silent by default.

    Raises:
        ConfigError: If an option does not fit the student.
        DataError: If the run or its data cannot be read; or smaller files are to be measured on rows
            with classes that the run does not know.
        StudentError: If an operation cannot be exported, or outputs differ by more than is allowed.
        MissingExtraError: If packages for ONNX are not installed.

    Example:
        >>> import tutelage
        >>> done = tutelage.export("runs/flowers", form="normalized")  # doctest: +SKIP
        >>> done.file, done.difference  # doctest: +SKIP
    """
    progress = progress or Silent()
    asked_to, asked_form = _known(to, form)
    _refuse_options(
        asked_to, half=half, int8=int8, temperature=temperature, rows=rows, tolerance=tolerance
    )
    most_rows = _most_rows(asked_to, asked_form)
    saved = SavedRun.open(run)
    if temperature != 1 and not saved.task.has_classes:
        raise ConfigError("a temperature divides logits; this student predicts numbers")
    if form != "pixels" and image_of(saved.student.input) is None:
        raise ConfigError(f"--input {form} is for images; this student reads texts")
    if out is None and saved.published:
        raise ConfigError("the hub's cache is no place for an export; name a folder by --out")
    folder = Path(out) if out is not None else saved.folder / EXPORTS / to
    earlier = _files_of_earlier(folder)
    training, evaluated = rows_of_run(saved, measured=half or int8)
    graph = StudentGraph(saved.student, form=asked_form, temperature=temperature)
    compared = ComparedRows.of(
        graph, saved, evaluated, rows, temperature=temperature, at_once=most_rows
    )
    with writing_to(folder), tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary) / to
        made.mkdir()
        progress.note(f"exporting {type(graph.model).__name__} to {to}")
        file = made / FORMATS[asked_to]
        about = describe_preprocessing(
            saved, names=graph.names, form=asked_form, temperature=temperature
        )
        if most_rows is not None:
            about["most_rows"] = most_rows
        model = _write(graph, file, to=asked_to, about=about)
        allowed = tolerance * max(1.0, float(compared.expected.abs().max()))
        allowed *= PIXEL_TOLERANCE if graph.takes_one_row else 1
        difference = compared.difference(model)
        if not difference <= allowed:
            raise StudentError(
                f"the exported outputs differ by {difference:.2g} from the student's on {len(compared)} rows, "
                f"above {allowed:.2g}; nothing is written. {_advice(file, compared, allowed, to=asked_to)}"
            )
        smaller = [
            smaller_file(
                kind,
                file,
                compared,
                task=saved.task,
                graph=graph,
                training=training,
                progress=progress,
            )
            for kind, asked in (("half", half), ("int8", int8))
            if asked
        ]
        (made / PREPROCESSING).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        _save_tokenizer(saved, made)
        record = ExportRecord(
            format=to,
            takes=form,
            rows=len(compared),
            tolerance=allowed,
            files=(
                ExportedFile(name=file.name, bytes=file.stat().st_size, difference=difference),
                *(_recorded(one) for one in smaller),
            ),
            written=tuple(sorted(path.name for path in made.iterdir())),
            student=student_digest(saved.result),
        )
        write_export(made, record)
        for path in earlier:  # none of its files may stay beside these
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        shutil.copytree(made, folder, dirs_exist_ok=True)
        if gone := [path.name for path in earlier if not path.exists()]:
            progress.note(f"removed {', '.join(gone)} of the earlier export in {folder}")
    return Export(
        folder=folder,
        file=folder / file.name,
        bytes=(folder / file.name).stat().st_size,
        rows=len(compared),
        difference=difference,
        tolerance=allowed,
        smaller=tuple(_moved(one, folder) for one in smaller),
    )


def _write(graph: StudentGraph, file: Path, *, to: Format, about: Mapping[str, Any]) -> ModelFile:
    if to == "torch-export":
        write_program(graph, file, example=graph.example_batch(), about=about)
        return ProgramFile(file, graph.names)
    if to == "executorch":
        from tutelage.deploy.executorch_files import ExecutorchFile, write_executorch

        write_executorch(graph, file)
        return ExecutorchFile(file, graph.names)
    from tutelage.deploy.onnx_files import OnnxFile, write_onnx

    write_onnx(graph, file, example=graph.example_batch(), about=about)
    return OnnxFile(file)


def _advice(file: Path, compared: ComparedRows, allowed: float, *, to: Format) -> str:
    """What to do about an export that differs by more than is allowed."""
    if to == "onnx":
        from tutelage.deploy.onnx_files import OnnxFile

        plain = compared.difference(OnnxFile(file, optimized=False))
        if plain <= allowed:
            return (
                f"Without ONNX Runtime's optimizations the file differs by {plain:.2g}, so one of these is "
                "wrong for this model; try another version of onnxruntime, or --to torch-export"
            )
    return "Try another --to, or allow more by --tolerance"


def _save_tokenizer(run: SavedRun, folder: Path) -> None:
    reads = run.student.input
    text = reads.text if isinstance(reads, PairInput) else reads
    if isinstance(text, TextInput):
        text.save(folder)


def _most_rows(to: Format, form: Form) -> int | None:
    """The most rows that a file takes at once; a missing package is told here, before any work."""
    if to == "onnx":
        import tutelage.deploy.onnx_files  # noqa: F401
    if to != "executorch":
        return None
    if form == "picture":
        raise ConfigError(
            "--to executorch plans its memory for one size of pictures; choose --input pixels"
        )
    from tutelage.deploy.executorch_files import MOST_ROWS, refuse_without_executorch

    refuse_without_executorch()
    return MOST_ROWS


def _known(to: str, form: str) -> tuple[Format, Form]:
    if to not in FORMATS:
        raise ConfigError(f"--to {to} is not known; choose one of {', '.join(FORMATS)}")
    if form not in FORMS:
        raise ConfigError(f"--input {form} is not known; choose {', '.join(FORMS)}")
    return cast(Format, to), cast(Form, form)


def _refuse_options(
    to: Format, *, half: bool, int8: bool, temperature: float, rows: int, tolerance: float
) -> None:
    if (half or int8) and to != "onnx":
        raise ConfigError("--half and --int8 are for --to onnx")
    if not 0 < temperature < float("inf"):
        raise ConfigError(f"the temperature must be a number above 0, not {temperature}")
    if not 0 <= tolerance < float("inf"):
        raise ConfigError(f"the tolerance must be a number from 0 up, not {tolerance}")
    if rows < 1:
        raise ConfigError(
            f"rows = {rows}; an export is compared with the student on at least 1 row"
        )


def _files_of_earlier(folder: Path) -> list[Path]:
    """The files of an earlier export in a folder, which may hold nothing else."""
    if folder.is_file():
        raise ConfigError(f"{folder} is a file; --out names a folder")
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    record = read_export(folder)
    known = set[str]() if record is None else record.names
    if others := [path.name for path in there if path.name not in known]:
        raise ConfigError(
            f"{folder} holds other files than those of an export, such as {others[0]}; choose a new folder, "
            "or an empty one"
        )
    return there


def _recorded(one: Smaller) -> ExportedFile:
    measured = [None if math.isnan(value) else value for value in (one.before, one.after)]
    return ExportedFile(
        name=one.file.name,
        bytes=one.bytes,
        difference=one.difference,
        agreement=one.agreement,
        before=measured[0],
        after=measured[1],
    )


def _moved(one: Smaller, folder: Path) -> Smaller:
    return Smaller(**{**vars(one), "file": folder / one.file.name})
