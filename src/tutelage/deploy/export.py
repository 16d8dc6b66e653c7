"""Export of a finished run's student: a file that runs without tutelage, compared with the student."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from tutelage.data import Split, open_data
from tutelage.deploy.graph import FORMS, Form, StudentGraph, image_of
from tutelage.deploy.preprocessing import describe_preprocessing
from tutelage.deploy.program_files import ProgramFile, write_program
from tutelage.deploy.saved import SavedRun
from tutelage.errors import ConfigError, DataError, StudentError, TutelageError, first_line
from tutelage.files import writing_to
from tutelage.inputs import PairInput, TextInput
from tutelage.progress import Progress, Silent
from tutelage.tasks import Task

__all__ = ["FORMATS", "Export", "Smaller", "export"]

Format = Literal["onnx", "torch-export"]
FORMATS: Mapping[Format, str] = {"onnx": "model.onnx", "torch-export": "model.pt2"}
"""Formats, and the name of their file."""
ABOUT = "preprocess.json"
"""File that says how rows become tensors; a folder that has it is an earlier export."""
SIZES = (1, 3, 17)
"""Rows of the first batches that are compared; then as many as in training."""
PIXEL_TOLERANCE = 100
"""So many times the tolerance may outputs differ where resizing is in the graph: some values
differ by one level of 255 there."""
CALIBRATION = 200
"""Training rows that 8-bit numbers are calibrated with."""


@runtime_checkable
class ModelFile(Protocol):
    """A file that can be run."""

    def outputs(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the outputs of some rows."""


@dataclass(frozen=True)
class Smaller:
    """A file of lower precision.

    Attributes:
        file: Its path.
        bytes: Its size.
        difference: Largest difference of an output from the student's.
        agreement: Share of the compared rows with the same predicted class; None for other tasks.
        before: The leading metric of the student on these rows.
        after: The same of this file.
    """

    file: Path
    bytes: int
    difference: float
    agreement: float | None
    before: float
    after: float


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
        to: ``"onnx"`` (by PyTorch's exporter, run by ONNX Runtime), or ``"torch-export"`` (a ``.pt2`` file
            that PyTorch runs).
        out: Folder to write; by default ``exported/onnx`` or ``exported/torch-export`` in the run's.
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
        DataError: If the run or its data cannot be read.
        StudentError: If an operation cannot be exported, or outputs differ by more than is allowed.
        MissingExtraError: If packages for ONNX are not installed.

    Example:
        >>> import tutelage
        >>> done = tutelage.export("runs/flowers", form="normalized")  # doctest: +SKIP
        >>> done.file, done.difference  # doctest: +SKIP
    """
    progress = progress or Silent()
    asked_to, asked_form = _known(to, form)
    _refuse_options(asked_to, half=half, int8=int8, temperature=temperature)
    if to == "onnx":
        import tutelage.deploy.onnx_files  # noqa: F401 - the packages are looked for first
    saved = SavedRun.open(run)
    if temperature != 1 and not saved.task.has_classes:
        raise ConfigError("a temperature divides logits; this student predicts numbers")
    if form != "pixels" and image_of(saved.student.input) is None:
        raise ConfigError(f"--input {form} is for images; this student reads texts")
    if out is None and saved.published:
        raise ConfigError("the hub's cache is no place for an export; name a folder by --out")
    folder = Path(out) if out is not None else saved.folder / "exported" / to
    _refuse_folder(folder)
    training, evaluated = _rows(saved)
    graph = StudentGraph(saved.student, form=asked_form, temperature=temperature)
    compared = _Compared.of(graph, saved, evaluated, rows, temperature=temperature)
    with writing_to(folder), tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary) / to
        made.mkdir()
        progress.note(f"exporting {type(graph.model).__name__} to {to}")
        file = made / FORMATS[asked_to]
        about = describe_preprocessing(
            saved, names=graph.names, form=asked_form, temperature=temperature
        )
        model = _write(graph, file, to=asked_to, about=about)
        allowed = tolerance * max(1.0, float(compared.expected.abs().max()))
        allowed *= PIXEL_TOLERANCE if graph.takes_one_row else 1
        difference = compared.difference(model)
        if not difference <= allowed:
            raise StudentError(
                f"the exported outputs differ by {difference:.2g} from the student's on {len(compared)} rows, "
                f"above {allowed:.2g}; nothing is written. Try another --to, or allow more by --tolerance"
            )
        smaller = [
            _smaller(kind, file, compared, saved.task, graph, training, progress=progress)
            for kind, asked in (("half", half), ("int8", int8))
            if asked
        ]
        (made / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        _save_tokenizer(saved, made)
        if folder.is_dir():
            shutil.rmtree(folder)  # an earlier export; none of its files may stay beside these
        shutil.copytree(made, folder)
    return Export(
        folder=folder,
        file=folder / file.name,
        bytes=(folder / file.name).stat().st_size,
        rows=len(compared),
        difference=difference,
        tolerance=allowed,
        smaller=tuple(_moved(one, folder) for one in smaller),
    )


@dataclass(frozen=True)
class _Compared:
    """Rows on which files are compared: their batches, the student's outputs, their labels."""

    batches: Sequence[Mapping[str, Tensor]]
    expected: Float[Tensor, "rows outputs"]
    labels: Tensor

    def __len__(self) -> int:
        return len(self.expected)

    @classmethod
    def of(
        cls, graph: StudentGraph, run: SavedRun, split: Split, most: int, *, temperature: float
    ) -> "_Compared":
        count = min(most, len(split))
        numbers = [index * len(split) // count for index in range(count)]
        sizes = _sizes(count, run.config.train.batch_size, single=graph.takes_one_row)
        reads, batches, expected = run.student.input, [], []
        left = iter(numbers)
        for size in sizes:
            rows = [split.rows[number] for _, number in zip(range(size), left, strict=False)]
            batches.append(graph.batch(rows))
            with torch.inference_mode():
                plain = reads.collate([reads.prepare(row) for row in rows])
                expected.append(run.student.outputs(plain).float() / temperature)
        return cls(batches, torch.cat(expected), split.labels[numbers])

    def outputs(self, model: ModelFile) -> Tensor:
        return torch.cat([model.outputs(batch).float() for batch in self.batches])

    def difference(self, model: ModelFile) -> float:
        return float((self.outputs(model) - self.expected).abs().max())


def _sizes(count: int, batch_size: int, *, single: bool) -> list[int]:
    """Sizes of the batches that ``count`` rows are compared in."""
    if single:
        return [1] * count
    sizes: list[int] = []
    for size in (*SIZES, *[batch_size] * count):
        if (left := count - sum(sizes)) <= 0:
            break
        sizes.append(min(size, left))
    return sizes


def _write(graph: StudentGraph, file: Path, *, to: Format, about: Mapping[str, Any]) -> ModelFile:
    example = graph.batch([graph.example] * (1 if graph.takes_one_row else 2))
    if to == "torch-export":
        write_program(graph, file, example=example, about=about)
        return ProgramFile(file, graph.names)
    from tutelage.deploy.onnx_files import OnnxFile, write_onnx

    write_onnx(graph, file, example=example, about=about)
    return OnnxFile(file)


def _smaller(
    kind: str,
    file: Path,
    compared: _Compared,
    task: Task,
    graph: StudentGraph,
    training: Split,
    *,
    progress: Progress,
) -> Smaller:
    """Write a file of lower precision, and measure it beside the student."""
    from tutelage.deploy.onnx_files import OnnxFile, halve, quantize

    path = file.with_name(f"{file.stem}-{kind}{file.suffix}")
    progress.note(f"writing and measuring {path.name}")
    if kind == "half":
        halve(file, path)
    else:
        quantize(file, path, batches=list(_calibration(graph, training)))
    outputs = compared.outputs(OnnxFile(path))
    if not bool(outputs.isfinite().all()):
        raise StudentError(
            f"the outputs of {path.name} are not finite numbers: float16 does not hold what this model "
            "computes; leave --half out"
        )
    same = (outputs.argmax(1) == compared.expected.argmax(1)).double().mean()
    lead = task.lead.name
    return Smaller(
        file=path,
        bytes=path.stat().st_size,
        difference=float((outputs - compared.expected).abs().max()),
        agreement=float(same) if task.labels_are_classes else None,
        before=task.scores(compared.expected, compared.labels).get(lead, float("nan")),
        after=task.scores(outputs, compared.labels).get(lead, float("nan")),
    )


def _calibration(graph: StudentGraph, training: Split) -> Iterator[Mapping[str, Tensor]]:
    count = min(CALIBRATION, len(training))
    numbers = [index * len(training) // count for index in range(count)]
    size = 1 if graph.takes_one_row else 20
    for first in range(0, count, size):
        yield graph.batch([training.rows[number] for number in numbers[first : first + size]])


def _rows(run: SavedRun) -> tuple[Split, Split]:
    """Training and evaluated rows of the run's data."""
    try:
        _, splits = open_data(run.config.data)
    except TutelageError as error:
        raise DataError(
            f"an export is compared with the student on rows of the run's data, which cannot be read: "
            f"{first_line(error)}"
        ) from error
    return splits.training, splits.evaluated


def _save_tokenizer(run: SavedRun, folder: Path) -> None:
    reads = run.student.input
    text = reads.text if isinstance(reads, PairInput) else reads
    if isinstance(text, TextInput):
        text.save(folder)


def _known(to: str, form: str) -> tuple[Format, Form]:
    if to == "executorch":
        raise ConfigError(
            "tutelage writes no ExecuTorch program; export --to torch-export, and lower the .pt2 file with "
            "executorch.exir.to_edge_transform_and_lower for your device's backend"
        )
    if to not in FORMATS:
        raise ConfigError(f"--to {to} is not known; choose {' or '.join(FORMATS)}")
    if form not in FORMS:
        raise ConfigError(f"--input {form} is not known; choose {', '.join(FORMS)}")
    return cast(Format, to), cast(Form, form)


def _refuse_options(to: Format, *, half: bool, int8: bool, temperature: float) -> None:
    if (half or int8) and to != "onnx":
        raise ConfigError("--half and --int8 are for --to onnx")
    if not 0 < temperature < float("inf"):
        raise ConfigError(f"the temperature must be a number above 0, not {temperature}")


def _refuse_folder(folder: Path) -> None:
    if folder.is_file():
        raise ConfigError(f"{folder} is a file; --out names a folder")
    if not folder.is_dir() or (folder / ABOUT).is_file():
        return
    if any(folder.iterdir()):
        raise ConfigError(f"{folder} holds other files; choose a new folder, or an empty one")


def _moved(one: Smaller, folder: Path) -> Smaller:
    return Smaller(**{**vars(one), "file": folder / one.file.name})
